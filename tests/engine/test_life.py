"""The life of subscribers on a running engine: each stage in its turn, once, whatever happens in between."""

import asyncio

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from msgspec.structs import replace

from diameter_ocs.charging.conditions import UNKNOWN
from diameter_ocs.charging.decide import Terms
from diameter_ocs.charging.event import Action as Asked
from diameter_ocs.charging.event import EventRequest
from diameter_ocs.charging.outbox import RequestKind
from diameter_ocs.charging.request import RequestType, ServiceCredit, ServiceUnits
from diameter_ocs.charging.rules import ChargingRules
from diameter_ocs.engine.engine import Engine
from diameter_ocs.ledger.account import Status
from diameter_ocs.ledger.journal import Action
from diameter_ocs.ledger.life import Stage
from diameter_ocs.ledger.terms import BucketTerms
from diameter_ocs.rating.catalogue_file import parse_catalogue
from diameter_ocs.recharge.commands import (
    AddSubscriber,
    AdvanceAccount,
    Credit,
    ExtendSubscriber,
    NewSubscriber,
    OpenAccount,
    SetSubscriberStatus,
)
from diameter_ocs.storage.audit import audit_store
from diameter_ocs.storage.memory import MemoryStore
from diameter_ocs.storage.protocol import Wanted
from diameter_ocs.values.verdict import Verdict
from tests.support.charging import CATALOGUE_TEXT, HOST, MB, REALM, ask, money, octets, report, request
from tests.support.engines import ManualClock, msisdn

EURO = 1_000_000
DAY = 86_400
LIVES = """
[lifecycles.prepaid]
start = "pre-active"
unused_for = "1 year"
active_for = "90 days"
grace = "30 days"
expired_for = "60 days"
top_ups = [{ at_least = "5.00", active_for = "30 days" }, { at_least = "20.00", active_for = "6 months" }]
[lifecycles.strict]
active_for = "10 days"
expired_for = "10 days"
expired_returns = false
[lifecycles.good]
start = "pre-active"
[products.starter]
renews = "1 month"
[[products.starter.allowances]]
name = "gift"
amount = "100 MB"
[offers.sim]
lifecycle = "prepaid"
products = ["starter"]
default_rating_group = 10
[[offers.sim.groups]]
rating_groups = [10]
price = "0.02"
per = "1 MB"
quota = "standard"
[[offers.sim.groups]]
rating_groups = [30]
treatment = "free"
quota = "standard"
[[offers.sim.groups]]
service = "sms"
default = true
price = "0.07"
per = "10 s"
quota = "seconds"
[offers.strict]
lifecycle = "strict"
[[offers.strict.groups]]
all_others = true
price = "0.02"
per = "1 MB"
quota = "standard"
[offers.good]
lifecycle = "good"
[[offers.good.groups]]
all_others = true
price = "0.02"
per = "1 MB"
quota = "standard"
"""


class Node:
    """An engine with accounts acc-N of one subscriber sub-N each, whose time moves when told."""

    def __init__(self) -> None:
        self.clock = ManualClock()
        self.store = MemoryStore()
        terms = Terms(parse_catalogue(CATALOGUE_TEXT + LIVES, "test.toml"), ChargingRules())
        self.engine = Engine(self.store, terms, self.clock)
        self.sessions = 0

    async def __aenter__(self) -> "Node":
        await self.store.open()
        await self.engine.start()
        return self

    async def __aexit__(self, *error: object) -> None:
        await self.engine.stop()
        assert (await audit_store(self.store)).is_clean
        await self.store.close()

    async def sell(self, number: int, *buckets, offer="sim", name=None, account=None):
        new = NewSubscriber(f"sub-{number}", (name or msisdn(number),), offer)
        command = OpenAccount(f"acc-{number}", "EUR", buckets=buckets, subscribers=(new,))
        if account is not None:
            command = AddSubscriber(account, new)
        return (await self.engine.execute(command)).verdict

    async def days(self, count: float, account_id="acc-1") -> None:
        """Let time pass; the sweeper does what is due."""
        self.clock.seconds += count * DAY
        if await self.store.due_accounts(self.clock.at_ms(), 10):
            await self.engine.execute(AdvanceAccount(account_id))

    async def attach(self, number=1, *asked):
        self.sessions += 1
        ccr = request(RequestType.INITIAL, 0, *(asked or (ask(),)), session_id=f"s;{self.sessions}")
        return await self.engine.execute(replace(ccr, identities=(msisdn(number),)))

    async def update(self, request_number, *asked):
        ccr = request(RequestType.UPDATE, request_number, *asked, session_id=f"s;{self.sessions}")
        return await self.engine.execute(replace(ccr, identities=(msisdn(1),)))

    async def event(self, action=Asked.DIRECT_DEBITING):
        self.sessions += 1
        credit = ServiceCredit(None, (1,), ServiceUnits(seconds=10))
        event = EventRequest(
            f"e;{self.sessions}", 0, action, 1, "32274@3gpp.org", HOST, REALM, (msisdn(1),), (credit,), "sms", UNKNOWN
        )
        return await self.engine.execute(event)

    async def top_up(self, micros, account_id="acc-1"):
        return (await self.engine.execute(Credit(account_id, money(micros)))).verdict

    async def extend(self, period, number=1):
        return (await self.engine.execute(ExtendSubscriber(f"acc-{number}", f"sub-{number}", period))).verdict

    async def member(self, number=1, account=None):
        found = await self.store.snapshot(account or f"acc-{number}")
        return next(each for each in found[0].subscribers if each.subscriber_id == f"sub-{number}")

    async def stage(self, number=1, account=None):
        """Stage, and days until it ends."""
        life = (await self.member(number, account)).life
        return life.stage, (life.until_ms - self.clock.at_ms()) / DAY / 1000 if life.until_ms else None

    async def left(self, number=1):
        found = await self.store.snapshot(f"acc-{number}")
        return {each.bucket_id.split("/")[0]: each.remaining for each in found[0].account.buckets}

    async def asked(self):
        return [(each.kind, each.session_id) for each in await self.store.pending_requests(10)]


@pytest.fixture
async def node():
    async with Node() as made:
        yield made


async def test_the_first_use_makes_a_subscriber_active_and_brings_what_its_offer_includes(node):
    await node.sell(1, money(5 * EURO))
    assert await node.stage() == (Stage.PRE_ACTIVE, 365)
    assert await node.left() == {"money": 5 * EURO}
    await node.days(100)
    assert (await node.event(Asked.PRICE_ENQUIRY)).verdict is Verdict.SUCCESS
    assert await node.stage() == (Stage.PRE_ACTIVE, 265)
    answer = await node.attach()
    assert [each.granted for each in answer.credits] == [10 * MB]
    assert await node.stage() == (Stage.ACTIVE, 90)
    assert await node.left() == {"starter-1-0": 100 * MB, "money": 5 * EURO}
    kinds = [each.kind for each in await node.store.entries("acc-1")]
    assert kinds == ["account_created", "subscriber_stage", "product_renewed", "ccr_initial"]
    await node.attach()
    assert [each.kind for each in await node.store.entries("acc-1")][4:] == ["ccr_initial"]


async def test_an_event_is_a_first_use_too_but_not_of_somebody_blocked(node):
    await node.sell(1, money(5 * EURO))
    await node.engine.execute(SetSubscriberStatus("acc-1", "sub-1", Status.BLOCKED))
    assert (await node.event()).verdict is Verdict.SERVICE_DENIED
    assert (await node.stage())[0] is Stage.PRE_ACTIVE
    await node.engine.execute(SetSubscriberStatus("acc-1", "sub-1", Status.ACTIVE))
    assert (await node.event()).verdict is Verdict.SUCCESS
    assert (await node.stage())[0] is Stage.ACTIVE


async def test_in_grace_only_what_is_free_goes_on_until_a_top_up(node):
    await node.sell(1, money(50 * EURO))
    await node.attach(1, ask(10), ask(30))
    await node.days(90)
    assert await node.stage() == (Stage.GRACE, 30)
    assert await node.asked() == [(RequestKind.REAUTHORIZE, "s;1")]
    answer = await node.update(1, report(10, 2 * MB), report(30, MB))
    assert [(each.verdict, each.granted) for each in answer.credits] == [
        (Verdict.CREDIT_LIMIT_REACHED, None),
        (Verdict.SUCCESS, 10 * MB),
    ]
    assert (await node.event()).verdict is Verdict.CREDIT_LIMIT_REACHED
    assert await node.top_up(EURO) is Verdict.SUCCESS
    assert (await node.stage())[0] is Stage.GRACE  # too little to count
    assert await node.top_up(5 * EURO) is Verdict.SUCCESS
    assert await node.stage() == (Stage.ACTIVE, 30)
    node.sessions = 1
    answer = await node.update(2, ask(10))
    assert [each.granted for each in answer.credits] == [10 * MB]
    reason = next(each.reason for each in await node.store.entries("acc-1") if "grace -> active" in each.reason)
    assert reason == "sub-1: grace -> active: topped up"


async def test_what_was_granted_before_grace_is_paid_when_it_is_reported(node):
    await node.sell(1, money(50 * EURO), offer="sim")
    await node.attach(1, ask(10))
    await node.days(95)
    await node.update(1, report(10, 12 * MB))
    postings = [each for entry in await node.store.entries("acc-1") for each in entry.postings]
    assert sum(each.units for each in postings if each.action is Action.DEBIT) == 12 * MB
    assert (await node.left())["money"] >= 0


async def test_the_expired_are_refused_and_their_sessions_ended_and_come_back(node):
    await node.sell(1, money(5 * EURO))
    await node.attach()
    await node.days(121)
    assert await node.stage() == (Stage.EXPIRED, 59)
    assert (RequestKind.ABORT, "s;1") in await node.asked()
    assert (await node.attach()).verdict is Verdict.SERVICE_DENIED
    assert (await node.event()).verdict is Verdict.SERVICE_DENIED
    node.sessions = 1
    assert (await node.update(1, report(10, MB))).verdict is Verdict.SERVICE_DENIED
    assert await node.top_up(5 * EURO) is Verdict.SUCCESS
    node.sessions = 9
    assert (await node.attach()).verdict is Verdict.SUCCESS


async def test_recycling_releases_the_names_and_forfeits_what_there_was(node):
    await node.sell(1, money(5 * EURO), octets(7 * MB))
    await node.attach(1, ask(30))
    await node.update(1, report(30, MB, more=False))
    await node.days(180)
    assert await node.stage() == (Stage.RECYCLED, None)
    assert (await node.member()).identities == ()
    assert await node.left() == {}
    forfeited = [
        (each.bucket_id.split("/")[0], each.amount)
        for entry in await node.store.entries("acc-1")
        for each in entry.postings
        if each.mark == "forfeited"
    ]
    assert ("money", 5 * EURO) in forfeited
    assert ("data", 7 * MB) in forfeited
    assert (await node.attach()).verdict is Verdict.USER_UNKNOWN
    assert await node.extend("30 days") is Verdict.CONFLICT
    assert await node.sell(2, money(EURO), name=msisdn(1)) is Verdict.SUCCESS
    assert (await node.attach()).verdict is Verdict.SUCCESS
    assert (await node.stage(2))[0] is Stage.ACTIVE
    found = await node.store.load(Wanted(identities=[msisdn(1)]))
    assert found.identities[msisdn(1)].account_id == "acc-2"


async def test_a_shared_account_keeps_what_is_shared_until_the_last_member_is_recycled(node):
    own = replace(octets(3 * MB, "own"), terms=BucketTerms(owners=("sub-1",)))
    await node.sell(1, money(5 * EURO), own, offer="strict")
    await node.sell(2, account="acc-1")
    await node.days(20)
    assert (await node.stage())[0] is Stage.RECYCLED
    assert await node.left() == {"money": 5 * EURO}
    await node.days(500)
    await node.days(500)
    assert (await node.stage(2, "acc-1"))[0] is Stage.RECYCLED
    assert await node.left() == {}


async def test_an_account_left_alone_goes_through_every_stage_at_its_own_time(node):
    await node.sell(1, money(5 * EURO))
    await node.attach()
    await node.engine.execute(replace(request(RequestType.TERMINATION, 1, session_id="s;1"), identities=(msisdn(1),)))
    await node.days(400)
    stages = [each.reason for each in await node.store.entries("acc-1") if each.kind == "subscriber_stage"]
    assert stages == [
        "sub-1: pre-active -> active: first use",
        "sub-1: active -> grace: its time was over",
        "sub-1: grace -> expired: its time was over",
        "sub-1: expired -> recycled: its time was over",
    ]


async def test_products_are_not_renewed_for_who_is_in_grace(node):
    await node.sell(1, money(5 * EURO))
    await node.attach(1, ask(30))
    await node.days(91)
    await node.days(10)
    kinds = [each.kind for each in await node.store.entries("acc-1")]
    assert kinds.count("product_renewed") == 3  # at once, and after one and two months
    await node.days(10)
    assert "product_unpaid" in [each.kind for each in await node.store.entries("acc-1")]


async def test_a_top_up_counts_by_its_size_and_never_shortens(node):
    await node.sell(1)
    await node.attach()
    await node.top_up(5 * EURO)
    assert await node.stage() == (Stage.ACTIVE, 90)
    await node.days(80)
    await node.top_up(4 * EURO)
    assert await node.stage() == (Stage.ACTIVE, 10)
    await node.top_up(6 * EURO)
    assert await node.stage() == (Stage.ACTIVE, 30)
    await node.top_up(20 * EURO)
    stage, days = await node.stage()
    assert stage is Stage.ACTIVE
    assert days > 180


async def test_who_may_not_return_stays_expired_until_somebody_extends_it(node):
    await node.sell(1, offer="strict")
    await node.days(10)
    assert (await node.stage())[0] is Stage.EXPIRED  # it has no grace
    await node.top_up(50 * EURO)
    assert (await node.stage())[0] is Stage.EXPIRED
    assert await node.extend("5 days") is Verdict.SUCCESS
    assert await node.stage() == (Stage.ACTIVE, 5)
    assert await node.extend("5 days") is Verdict.SUCCESS
    assert await node.stage() == (Stage.ACTIVE, 10)


async def test_without_lengths_a_subscriber_is_active_for_good(node):
    await node.sell(1, money(EURO), offer="good")
    await node.days(5000)
    assert await node.stage() == (Stage.PRE_ACTIVE, None)
    await node.attach()
    assert await node.stage() == (Stage.ACTIVE, None)
    assert await node.extend("5 days") is Verdict.CONFLICT
    await node.sell(3, money(EURO), offer="standard")
    assert (await node.member(3)).life is None
    assert await node.extend("5 days", 3) is Verdict.CONFLICT


ORDER = {
    (Stage.PRE_ACTIVE, Stage.ACTIVE),
    (Stage.PRE_ACTIVE, Stage.EXPIRED),
    (Stage.ACTIVE, Stage.GRACE),
    (Stage.GRACE, Stage.EXPIRED),
    (Stage.EXPIRED, Stage.RECYCLED),
    (Stage.GRACE, Stage.ACTIVE),
    (Stage.EXPIRED, Stage.ACTIVE),
}
DEEDS = st.one_of(
    st.tuples(st.just("days"), st.sampled_from([0.5, 5, 29, 30, 31, 60, 91, 200, 400])),
    st.tuples(st.just("attach"), st.just(0)),
    st.tuples(st.just("event"), st.just(0)),
    st.tuples(st.just("top_up"), st.sampled_from([1, 5 * EURO, 20 * EURO])),
    st.tuples(st.just("extend"), st.sampled_from(["1 day", "1 month"])),
)


@settings(max_examples=60)
@given(st.lists(DEEDS, max_size=15))
def test_stages_follow_each_other_in_order_whatever_happens(deeds):
    async def live():
        async with Node() as node:
            await node.sell(1, money(EURO))
            for deed, value in deeds:
                await (getattr(node, deed)(value) if value else getattr(node, deed)())
                life = (await node.member()).life
                assert not life.until_ms or life.until_ms > node.clock.at_ms(), "something due was left undone"
                assert life.since_ms <= node.clock.at_ms()
            reasons = [each.reason for each in await node.store.entries("acc-1") if " -> " in each.reason]
            changes = [reason.split(": ")[1].split(" -> ") for reason in reasons]
            stages = [Stage(name) for change in changes for name in change]
            assert all((Stage(a), Stage(b)) in ORDER for a, b in changes)
            assert stages[:1] in ([], [Stage.PRE_ACTIVE])
            assert stages[1:-1:2] == stages[2::2], "a stage was left out"
            assert (await node.stage())[0] is (stages[-1] if stages else Stage.PRE_ACTIVE)

    asyncio.run(live())
