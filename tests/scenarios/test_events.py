"""One-time events over the wire: debit, refund, balance check, price; each answered once, charged once, and on disk."""

import pytest

from diameter_ocs.ledger.account import Bucket, Status
from diameter_ocs.ledger.journal import Action
from diameter_ocs.recharge.commands import Credit, SetAccountStatus
from diameter_ocs.values.units import UnitType
from tests.support.catalogue import catalogue_in
from tests.support.gy import (
    EVENT,
    INITIAL,
    Line,
    avp,
    exchange,
    failed_avp,
    group_codes,
    imsi,
)
from tests.support.ocs import code_of, data, gateway, groups, money, mscc, running_ocs, value

pytestmark = pytest.mark.asyncio(loop_scope="module")
SMS = "32274@3gpp.org"
DEBIT, REFUND, CHECK, PRICE = 0, 1, 2, 3
EUR, USD = 978, 840
PRICE_OF_ONE = 70_000


def sms(number=1, group=100, services=(1,), **more):
    """An MSCC that asks for so many messages."""
    return mscc(group, wants=[("CC-Service-Specific-Units", number)], services=services, **more)


def with_reference(credit, reference):
    name, tree = credit
    return name, [*tree, ("Refund-Information", reference)]


def amount(digits, exponent=None, currency=EUR):
    value = [("Value-Digits", digits)] + ([] if exponent is None else [("Exponent", exponent)])
    tree = [("Unit-Value", value)] + ([] if currency is None else [("Currency-Code", currency)])
    return "CC-Money", tree


def ask(line, action, *more, name="a", **change):
    change.setdefault("Service_Context_Id", SMS)
    return line.session(name).ask(EVENT, *more, Requested_Action=action, **change)


def events_granted(answer):
    return [value(each, "Granted-Service-Unit", "CC-Service-Specific-Units") for each in groups(answer)]


def reference_in(answer, index=0):
    return value(groups(answer)[index], "Refund-Information")


def cost(answer):
    """Value-Digits, Exponent, currency and unit of the Cost-Information."""
    amount = ("Cost-Information", "Unit-Value")
    return (
        value(answer, *amount, "Value-Digits"),
        value(answer, *amount, "Exponent"),
        value(answer, "Cost-Information", "Currency-Code"),
        value(answer, "Cost-Information", "Cost-Unit"),
    )


def actions(entries, *kinds):
    return [each.action for entry in entries for each in entry.postings if each.action in kinds]


# Debit ----------------------------------------------------------------------------------------


async def test_a_debit(line):
    """2001, the units and their cost; no session; one entry."""
    await line.open(money(1_000_000))
    answer = await ask(line, DEBIT, sms(3))
    assert (code_of(answer), group_codes(answer), events_granted(answer)) == (2001, [(100, 2001)], [3])
    assert cost(answer) == (21, -2, EUR, None)
    assert len(reference_in(answer)) == 16
    assert (await line.sessions(), await line.buckets()) == ({}, {"money": (790_000, 0)})
    assert [entry.kind for entry in await line.entries()] == ["account_created", "event_debit"]


async def test_units_outside_of_any_service(line):
    """The plain RFC way: units in, units out, at command level; the Service-Identifier picks the tariff."""
    await line.open(money(1_000_000))
    wish = ("Requested-Service-Unit", [("CC-Service-Specific-Units", 2)])
    answer = await ask(line, DEBIT, wish, ("Service-Identifier", 1))
    assert (code_of(answer), groups(answer)) == (2001, [])
    assert value(answer, "Granted-Service-Unit", "CC-Service-Specific-Units") == 2
    assert await line.buckets() == {"money": (860_000, 0)}


@pytest.mark.parametrize("more", [(), (("Service-Identifier", 1),), (("Requested-Service-Unit", []),)])
async def test_units_that_the_server_decides(line, more):
    """No units named: one message, by the service's default rule."""
    await line.open(money(1_000_000))
    answer = await ask(line, DEBIT, *more)
    assert value(answer, "Granted-Service-Unit", "CC-Service-Specific-Units") == 1
    assert await line.buckets() == {"money": (930_000, 0)}


async def test_messages_of_a_bundle_go_before_money(line):
    await line.open(Bucket("bundle", UnitType.EVENTS, 2, priority=10), money(1_000_000))
    assert events_granted(await ask(line, DEBIT, sms(3))) == [3]
    assert await line.buckets() == {"bundle": (0, 0), "money": (930_000, 0)}


async def test_an_amount_rated_by_the_gateway(line):
    """CC-Money: the amount itself is debited and granted, exactly."""
    await line.open(money(1_000_000))
    answer = await ask(line, DEBIT, mscc(100, wants=[amount(123, -3)], services=(1,)))
    granted = groups(answer)[0].first("Granted-Service-Unit").first("CC-Money")
    assert (value(granted, "Unit-Value", "Value-Digits"), value(granted, "Unit-Value", "Exponent")) == (123, -3)
    assert await line.buckets() == {"money": (877_000, 0)}


@pytest.mark.parametrize("wrong", [amount(1, -7), amount(-1, 0), amount(0), amount(1, 30)])
async def test_amounts_that_cannot_be_charged(line, wrong):
    await line.open(money(1_000_000))
    answer = await ask(line, DEBIT, mscc(100, wants=[wrong]))
    assert (code_of(answer), failed_avp(answer)) == (5004, avp(*wrong))
    assert await line.buckets() == {"money": (1_000_000, 0)}


@pytest.mark.row(25)
async def test_a_foreign_currency(line):
    """Row 25: 5031 with the Currency-Code, of the whole event or of one service of a session."""
    await line.open(money(1_000_000))
    foreign = mscc(100, wants=[amount(1, currency=USD)])
    answer = await ask(line, DEBIT, foreign)
    assert (code_of(answer), failed_avp(answer)) == (5031, avp("Currency-Code", USD))
    unheard = await ask(line, CHECK, ("Requested-Service-Unit", [amount(1, currency=999)]), name="b")
    assert (code_of(unheard), failed_avp(unheard)) == (5031, avp("Currency-Code", 999))
    answer = await line.session("c").ask(INITIAL, foreign, mscc(101, wants=[amount(1)]), Service_Context_Id=SMS)
    assert (code_of(answer), group_codes(answer)) == (2001, [(100, 5031), (101, 2001)])
    assert failed_avp(answer) == avp("Currency-Code", USD)
    assert (await line.buckets())["money"][0] == 1_000_000


@pytest.mark.row(27)
async def test_an_event_without_credit(line):
    """Row 27: 4012 for the command and for the service; nothing is debited, also not of the service before it."""
    await line.open(money(100_000))
    answer = await ask(line, DEBIT, sms(1), sms(2))
    assert (code_of(answer), group_codes(answer)) == (4012, [(100, 4012)])
    assert await line.buckets() == {"money": (100_000, 0)}
    assert len(await line.entries()) == 1


async def test_a_refused_event_may_be_tried_again(line):
    """Nothing happened, so nothing is remembered: the same key succeeds when there is money."""
    await line.open(money(0))
    assert code_of(await ask(line, DEBIT, sms())) == 4012
    await line.node.engine.execute(Credit(line.account_id, money(100_000), "test"))
    assert code_of(await ask(line, DEBIT, sms())) == 2001
    assert await line.buckets() == {"money": (30_000, 0)}


async def test_less_than_asked_where_the_rule_allows_it(line):
    await line.open(money(150_000))
    assert events_granted(await ask(line, DEBIT, sms(3, group=104, services=()))) == [2]
    assert await line.buckets() == {"money": (10_000, 0)}


@pytest.mark.parametrize(("group", "code", "granted"), [(101, 2001, [4]), (102, 4010, [None]), (103, 4011, [None])])
async def test_treatments(line, group, code, granted):
    await line.open(money(1_000_000))
    answer = await ask(line, DEBIT, sms(4, group=group, services=()))
    assert code_of(answer) == code
    assert events_granted(answer) == granted
    assert await line.buckets() == {"money": (1_000_000, 0)}


@pytest.mark.row(12)
async def test_a_service_that_is_not_charged(line):
    """Row 12: 4011 for the command, no session."""
    await line.open(money(1_000_000))
    assert code_of(await ask(line, DEBIT, sms(1, group=103, services=()))) == 4011
    part = await line.session("b").ask(INITIAL, mscc(70), mscc(10))
    assert (code_of(part), group_codes(part)) == (2001, [(70, 4011), (10, 2001)])
    assert list(await line.sessions()) == [line.session("b").session_id]


async def test_an_unknown_service_or_user(line):
    await line.open(money(1_000_000), offer="nameless")
    assert code_of(await ask(line, DEBIT, sms())) == 5031
    nobody = Line(line.node, line.peer)
    assert code_of(await ask(nobody, DEBIT, sms())) == 5030
    bare = await nobody.session("x").ask(
        EVENT, sms(), Requested_Action=0, Service_Context_Id=SMS, leave=("Subscription-Id",)
    )
    assert code_of(bare) == 5005
    assert code_of(await ask(line, DEBIT, sms(), Service_Context_Id="99999@3gpp.org", name="b")) == 5031


async def test_units_of_another_type(line):
    """Row 24 for an event: 5004, with the unit."""
    await line.open(money(1_000_000))
    answer = await ask(line, DEBIT, mscc(100, wants=[("CC-Total-Octets", 5)]))
    hierarchy = [("Requested-Service-Unit", [("CC-Total-Octets", 5)])]
    assert (code_of(answer), failed_avp(answer)) == (5004, avp("Multiple-Services-Credit-Control", hierarchy))


@pytest.mark.row(7)
async def test_a_blocked_account(line):
    """Nothing is debited, but what was debited before is given back."""
    await line.open(money(1_000_000))
    paid = reference_in(await ask(line, DEBIT, sms()))
    await line.node.engine.execute(SetAccountStatus(line.account_id, Status.BLOCKED, "test"))
    assert code_of(await ask(line, DEBIT, sms(), name="b")) == 4010
    assert code_of(await ask(line, CHECK, sms(), name="c")) == 4010
    assert code_of(await ask(line, REFUND, with_reference(sms(), paid), name="d")) == 2001
    assert await line.buckets() == {"money": (1_000_000, 0)}


# Repeats --------------------------------------------------------------------------------------


@pytest.mark.row(33)
@pytest.mark.parametrize("flags", [0xC0, 0xD0])
async def test_a_repeat_gets_the_same_answer(line, flags):
    """With and without T: the octets of the first answer, and no second debit."""
    session = (await line.open(money(1_000_000))).session()
    first = session.request(EVENT, sms(2), Requested_Action=DEBIT, Service_Context_Id=SMS)
    octets, _ = await exchange(line.peer, first)
    again, _ = await exchange(line.peer, first[:4] + bytes([flags]) + first[5:])
    assert again == octets
    assert await line.buckets() == {"money": (860_000, 0)}
    assert len(await line.entries()) == 2


async def test_repeats_that_come_together(line):
    """Ten copies at once are one debit."""
    session = (await line.open(money(1_000_000))).session()
    request = session.request(EVENT, sms(), Requested_Action=DEBIT, Service_Context_Id=SMS)
    for _ in range(10):
        line.peer.send(request)
    answers = {await line.peer.receive_bytes() for _ in range(10)}
    assert len(answers) == 1
    assert await line.buckets() == {"money": (930_000, 0)}


@pytest.mark.row(34)
async def test_the_same_key_for_another_event(line):
    await line.open(money(1_000_000))
    assert code_of(await ask(line, DEBIT, sms(1))) == 2001
    assert code_of(await ask(line, DEBIT, sms(2))) == 5012
    assert code_of(await ask(line, REFUND, sms(1))) == 5012
    assert await line.buckets() == {"money": (930_000, 0)}


async def test_after_a_restart(tmp_path):
    """Stored answers and references live in the database."""
    settings = catalogue_in(tmp_path)
    async with running_ocs(tmp_path, **settings) as node, gateway(node) as peer:
        line = await Line(node, peer).open(money(1_000_000))
        request = line.session().request(EVENT, sms(), Requested_Action=DEBIT, Service_Context_Id=SMS)
        octets, answer = await exchange(peer, request)
    async with running_ocs(tmp_path, **settings) as node, gateway(node) as peer:
        assert (await exchange(peer, request))[0] == octets
        line.node, line.peer = node, peer
        back = await ask(line, REFUND, with_reference(sms(), reference_in(answer)), name="b")
        assert (code_of(back), events_granted(back)) == (2001, [1])
        repeat = line.session("b").request(
            EVENT, with_reference(sms(), reference_in(answer)), Requested_Action=REFUND, Service_Context_Id=SMS
        )
    async with running_ocs(tmp_path, **settings) as node, gateway(node) as peer:
        line.node, line.peer = node, peer
        assert code_of((await exchange(peer, repeat))[1]) == 2001
        again = await ask(line, REFUND, with_reference(sms(), reference_in(answer)), name="c")
        assert code_of(again) == 5031
        assert await line.buckets() == {"money": (1_000_000, 0)}


async def test_what_is_over_is_forgotten(tmp_path):
    """After its time the sweeper takes outcomes and references away, and the key is a new one."""
    settings = catalogue_in(tmp_path)
    async with running_ocs(tmp_path, **settings) as node, gateway(node) as peer:
        line = await Line(node, peer).open(money(1_000_000))
        answer = await ask(line, DEBIT, sms())
        at_ms = node.clock.at_ms()
        node.clock.at_ms = lambda: at_ms + 86_401_000
        late = await ask(line, REFUND, with_reference(sms(), reference_in(answer)), name="b")
        assert code_of(late) == 5031
        await node.sweeper.sweep_once()
        assert await node.store.forget_kept(at_ms + 86_401_000, 10) == 0
        assert code_of(await ask(line, DEBIT, sms())) == 2001
        assert await line.buckets() == {"money": (860_000, 0)}


# Refund ---------------------------------------------------------------------------------------


async def test_a_refund_restores_the_balance_once(line):
    await line.open(Bucket("bundle", UnitType.EVENTS, 2, priority=10), money(1_000_000))
    paid = reference_in(await ask(line, DEBIT, sms(3)))
    back = await ask(line, REFUND, with_reference(sms(3), paid), name="b")
    assert (code_of(back), events_granted(back), cost(back)[:3]) == (2001, [3], (7, -2, EUR))
    assert await line.buckets() == {"bundle": (2, 0), "money": (1_000_000, 0)}
    again = await ask(line, REFUND, with_reference(sms(3), paid), name="c")
    assert code_of(again) == 5031
    repeated = await ask(line, REFUND, with_reference(sms(3), paid), name="b")
    assert code_of(repeated) == 2001
    assert await line.buckets() == {"bundle": (2, 0), "money": (1_000_000, 0)}
    assert actions(await line.entries(), Action.DEBIT, Action.CREDIT)[2:] == [
        Action.DEBIT,
        Action.DEBIT,
        Action.CREDIT,
        Action.CREDIT,
    ]


async def test_a_part_of_a_debit_comes_back(line):
    """Two of three messages: the last that were paid come back first."""
    await line.open(Bucket("bundle", UnitType.EVENTS, 2, priority=10), money(1_000_000))
    paid = reference_in(await ask(line, DEBIT, sms(3)))
    assert events_granted(await ask(line, REFUND, with_reference(sms(2), paid), name="b")) == [2]
    assert await line.buckets() == {"bundle": (1, 0), "money": (1_000_000, 0)}


@pytest.mark.parametrize(
    ("wish", "code", "left"),
    [
        (amount(14, -2), 2001, 930_000),
        (amount(21, -2), 2001, 1_000_000),
        (amount(22, -2), 5031, 790_000),
        (amount(7, -2, USD), 5031, 790_000),
        (("CC-Time", 3), 5004, 790_000),
    ],
)
async def test_a_refund_of_an_amount(line, wish, code, left):
    """Never more than was debited; in no other currency and no other unit."""
    await line.open(money(1_000_000))
    paid = reference_in(await ask(line, DEBIT, sms(3)))
    back = await ask(line, REFUND, with_reference(mscc(100, wants=[wish], services=(1,)), paid), name="b")
    assert code_of(back) == code
    assert await line.buckets() == {"money": (left, 0)}


@pytest.mark.row(28)
async def test_a_refund_that_is_not_known(line):
    """Row 28: a strange, foreign, used, missing or exceeded reference is 5031 with it; nothing is credited."""
    await line.open(money(1_000_000))
    other = await Line(line.node, line.peer).open(money(1_000_000))
    foreign = reference_in(await ask(other, DEBIT, sms(), name="z"))
    paid = reference_in(await ask(line, DEBIT, sms()))
    for name, reference, units in (("b", b"\1" * 8, 1), ("c", foreign, 1), ("d", paid, 2)):
        answer = await ask(line, REFUND, with_reference(sms(units), reference), name=name)
        failed = avp("Refund-Information", reference)
        assert (code_of(answer), failed_avp(answer), group_codes(answer)) == (5031, failed, [(100, 5031)])
    twice = await ask(line, REFUND, with_reference(sms(), paid), with_reference(sms(), paid), name="e")
    assert code_of(twice) == 5031
    missing = await ask(line, REFUND, sms(), name="f")
    assert (code_of(missing), failed_avp(missing)) == (5031, avp("Refund-Information", b""))
    assert await line.buckets() == {"money": (930_000, 0)}


async def test_a_refund_by_tariff_where_the_rule_allows_it(line):
    await line.open(money(0))
    answer = await ask(line, REFUND, sms(2, group=104, services=()))
    assert (code_of(answer), events_granted(answer)) == (2001, [2])
    assert await line.buckets() == {"money": (140_000, 0)}


# Balance and price ----------------------------------------------------------------------------


@pytest.mark.row(29)
async def test_a_balance_check(line):
    """Row 29: 2001 whether it is enough or not; the money that is left; nothing reserved, nothing written."""
    await line.open(money(150_000), data(1))
    for units, result in ((2, 0), (3, 1)):
        answer = await ask(line, CHECK, sms(units), name=f"n{units}")
        assert (code_of(answer), value(answer, "Check-Balance-Result")) == (2001, result)
        left = ("Remaining-Balance", "Unit-Value")
        assert (value(answer, *left, "Value-Digits"), value(answer, *left, "Exponent")) == (15, -2)
        assert value(answer, "Remaining-Balance", "Currency-Code") == EUR
    for digits, result in ((15, 0), (16, 1)):
        answer = await ask(line, CHECK, ("Requested-Service-Unit", [amount(digits, -2)]), name=f"m{digits}")
        assert value(answer, "Check-Balance-Result") == result
    both = await ask(line, CHECK, sms(1), sms(2), name="both")
    assert value(both, "Check-Balance-Result") == 1
    plain = await ask(line, CHECK, name="plain")
    assert (value(plain, "Check-Balance-Result"), value(plain, "Remaining-Balance", "Currency-Code")) == (0, EUR)
    assert (len(await line.entries()), await line.buckets()) == (1, {"data-1": (1, 0), "money": (150_000, 0)})


async def test_a_price_enquiry(line):
    """The price, whatever the balance is; also for somebody who is not known, by the offer named for that."""
    await line.open(money(0))
    answer = await ask(line, PRICE, ("Service-Identifier", 1))
    assert (code_of(answer), cost(answer)) == (2001, (7, -2, EUR, "message"))
    assert cost(await ask(line, PRICE, sms(10), name="b"))[:2] == (7, -1)
    nobody = Line(line.node, line.peer)
    assert cost(await ask(nobody, PRICE, sms(1)))[:2] == (7, -2)
    bare = line.session("c").request(
        EVENT, sms(2), Requested_Action=PRICE, Service_Context_Id=SMS, leave=("Subscription-Id",)
    )
    _, answer = await exchange(line.peer, bare)
    assert cost(answer)[:2] == (14, -2)
    barred = await ask(line, PRICE, sms(1, group=102, services=()), name="d")
    assert code_of(barred) == 4010
    call = [("CC-Time", 90)]
    answer = await ask(line, PRICE, mscc(200, wants=call), name="e", Service_Context_Id="32260@3gpp.org")
    assert cost(answer)[:2] == (185, -3)
    assert (len(await line.entries()), await line.buckets()) == (1, {"money": (0, 0)})


async def test_any_identity_names_the_subscriber(line):
    await line.open(money(1_000_000))
    for _ in range(2):
        assert code_of(await ask(line, DEBIT, sms(), Subscription_Id=imsi(line.imsi)[1])) == 2001
    assert await line.buckets() == {"money": (930_000, 0)}
