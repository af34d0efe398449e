"""Terms that begin to hold at a moment: exactly then, and what was granted before is paid as it was granted."""

import pytest
from msgspec.structs import replace

from diameter_ocs.charging.basis import read_plan
from diameter_ocs.charging.commands import ExpireSession
from diameter_ocs.charging.decide import FormerOffer, Terms
from diameter_ocs.charging.request import RequestType
from diameter_ocs.charging.rules import ChargingRules, Silence
from diameter_ocs.rating.catalogue_file import parse_catalogue
from diameter_ocs.storage.audit import audit_store
from diameter_ocs.storage.memory import MemoryStore
from diameter_ocs.storage.protocol import Wanted
from diameter_ocs.values.verdict import Verdict
from tests.support.charging import AT_MS, CATALOGUE_TEXT, MB, ask, money, report, request, terms
from tests.support.engines import ManualClock, engine_on, msisdn, open_account
from tests.support.pools import TEXT as POOLS
from tests.support.pools import PoolLine

START = 100_000_000
CENT = 10_000
HOUR_MS = 3_600_000


@pytest.fixture
async def store():
    made = MemoryStore()
    await made.open()
    yield made
    assert (await audit_store(made)).is_clean
    await made.close()


@pytest.fixture
def clock():
    return ManualClock()


@pytest.fixture
async def engine(store, clock):
    made = engine_on(store, clock)
    await made.start()
    yield made
    await made.stop()


def priced(cents: int, *former: Terms, **rules) -> Terms:
    """Internet at so many cents per MB; `former`: what was sold before."""
    text = CATALOGUE_TEXT.replace('price = "0.02"', f'price = "{cents / 100:.2f}"').replace("test", f"cents-{cents}")
    catalogue = parse_catalogue(text, "test.toml")
    old = {
        (name, offer.fingerprint): FormerOffer(each.catalogue.version, offer)
        for each in former
        for name, offer in each.catalogue.offers.items()
    }
    return Terms(catalogue, ChargingRules(**rules), former=old)


async def ccr(engine, kind, number, *asked, session="s;1;1"):
    asking = replace(request(kind, number, *asked, session_id=session), identities=(msisdn(1),))
    return await engine.execute(asking)


async def spent(store) -> int:
    loaded = await store.load(Wanted(accounts=["acc-1"]))
    return START - loaded.accounts["acc-1"].account.buckets[0].remaining


async def test_terms_change_exactly_at_their_time(engine, store, clock):
    engine.plan_terms([(AT_MS + HOUR_MS, priced(5, engine.terms)), (AT_MS + 2 * HOUR_MS, priced(7, engine.terms))])
    assert engine.terms.catalogue.version == "test"
    await open_account(engine, 1, money(START))
    used = report(10, MB, more=False)
    clock.seconds += 3599.999
    await ccr(engine, RequestType.INITIAL, 0, used, session="before")
    assert await spent(store) == 2 * CENT
    clock.seconds += 0.001
    await ccr(engine, RequestType.INITIAL, 0, used, session="at")
    assert await spent(store) == 7 * CENT
    clock.seconds += 3600
    await ccr(engine, RequestType.INITIAL, 0, used, session="after")
    assert await spent(store) == 14 * CENT


async def test_what_was_granted_before_is_paid_as_it_was_granted(engine, store, clock):
    await open_account(engine, 1, money(START))
    await ccr(engine, RequestType.INITIAL, 0, ask(10))
    engine.plan_terms([(AT_MS + HOUR_MS, priced(5, engine.terms))])
    clock.seconds += 3601
    await ccr(engine, RequestType.UPDATE, 1, report(10, MB))
    assert await spent(store) == 2 * CENT
    await ccr(engine, RequestType.UPDATE, 2, report(10, MB))
    assert await spent(store) == 7 * CENT
    plans = [read_plan(entry.plan).version for entry in await store.session_entries("s;1;1")]
    assert plans == ["test", "test", "cents-5"]


async def test_each_group_is_paid_by_the_terms_of_its_own_grant(engine, store, clock):
    await open_account(engine, 1, money(START))
    await ccr(engine, RequestType.INITIAL, 0, ask(10))
    engine.plan_terms([(AT_MS + HOUR_MS, priced(5, engine.terms))])
    clock.seconds += 3601
    await ccr(engine, RequestType.UPDATE, 1, ask(20))
    await ccr(engine, RequestType.UPDATE, 2, report(20, MB))
    assert await spent(store) == 5 * CENT
    await ccr(engine, RequestType.TERMINATION, 3, report(10, MB, more=False), report(20, MB, more=False))
    assert await spent(store) == (5 + 2 + 5) * CENT


async def test_a_late_report_of_a_group_that_had_not_told_before_the_session_ended(engine, store):
    await open_account(engine, 1, money(START))
    await ccr(engine, RequestType.INITIAL, 0, ask(10), ask(20))
    engine.plan_terms([(AT_MS, priced(7, engine.terms))])
    await ccr(engine, RequestType.UPDATE, 1, report(20, 0))
    await ccr(engine, RequestType.TERMINATION, 2)
    await ccr(engine, RequestType.UPDATE, 3, report(10, MB, more=False))
    assert await spent(store) == 2 * CENT


async def test_reports_over_two_changes(engine, store, clock):
    await open_account(engine, 1, money(START))
    await ccr(engine, RequestType.INITIAL, 0, ask(10))
    first, second = engine.terms, priced(5, engine.terms)
    engine.plan_terms([(AT_MS, second)])
    await ccr(engine, RequestType.UPDATE, 1, ask(20))
    engine.plan_terms([(AT_MS, priced(7, first, second))])
    await ccr(engine, RequestType.TERMINATION, 2, report(10, MB, more=False))
    assert await spent(store) == 2 * CENT


async def test_terms_that_nobody_remembers_are_those_of_now(engine, store, clock):
    await open_account(engine, 1, money(START))
    await ccr(engine, RequestType.INITIAL, 0, ask(10))
    engine.plan_terms([(AT_MS, priced(5))])
    await ccr(engine, RequestType.UPDATE, 1, report(10, MB))
    assert await spent(store) == 5 * CENT


async def test_an_offer_that_is_not_sold_any_more_is_paid_to_the_end(engine, store, clock):
    await open_account(engine, 1, money(START))
    await ccr(engine, RequestType.INITIAL, 0, ask(10))
    gone = priced(5, engine.terms)
    offers = {name: offer for name, offer in gone.catalogue.offers.items() if name != "standard"}
    engine.plan_terms([(AT_MS, replace(gone, catalogue=replace(gone.catalogue, offers=offers)))])
    answer = await ccr(engine, RequestType.UPDATE, 1, report(10, MB))
    assert answer.credits[0].verdict is Verdict.RATING_FAILED
    assert await spent(store) == 2 * CENT


async def test_what_is_assumed_of_a_silent_session_is_paid_as_granted(store, clock):
    engine = engine_on(store, clock)
    engine.terms = terms(silence=Silence.CHARGE_GRANTED)
    await engine.start()
    await open_account(engine, 1, money(START))
    await ccr(engine, RequestType.INITIAL, 0, ask(10, 10 * MB))
    engine.plan_terms([(AT_MS + HOUR_MS, priced(5, engine.terms, silence=Silence.CHARGE_GRANTED))])
    clock.seconds += 86_400
    assert (await engine.execute(ExpireSession("acc-1", "s;1;1"))).verdict is Verdict.SUCCESS
    assert engine.terms.catalogue.version == "cents-5"
    assert await spent(store) == 20 * CENT
    await engine.stop()


async def test_a_late_report_is_paid_as_granted_again_and_again(engine, store, clock):
    await open_account(engine, 1, money(START))
    await ccr(engine, RequestType.INITIAL, 0, ask(10, 10 * MB))
    clock.seconds += 86_400
    assert (await engine.execute(ExpireSession("acc-1", "s;1;1"))).verdict is Verdict.SUCCESS
    engine.plan_terms([(AT_MS, priced(5, engine.terms))])
    for number in (1, 2):
        answer = await ccr(engine, RequestType.UPDATE, number, report(10, MB))
        assert answer.verdict is Verdict.SESSION_UNKNOWN
    assert await spent(store) == 4 * CENT


async def test_a_late_report_of_a_group_that_never_came_back_is_paid_as_granted(engine, store, clock):
    await open_account(engine, 1, money(START))
    await ccr(engine, RequestType.INITIAL, 0, ask(10, 10 * MB), ask(20, 10 * MB))
    engine.plan_terms([(AT_MS, priced(5, engine.terms))])
    await ccr(engine, RequestType.UPDATE, 1, report(20, MB))
    clock.seconds += 86_400
    assert (await engine.execute(ExpireSession("acc-1", "s;1;1"))).verdict is Verdict.SUCCESS
    await ccr(engine, RequestType.UPDATE, 2, report(10, MB))
    assert await spent(store) == (5 + 2) * CENT


async def test_what_was_promised_together_is_paid_as_it_was_promised():
    line = PoolLine(money(START))
    line.initial(ask(10), ask(20))
    before = line.terms
    catalogue = parse_catalogue(POOLS.replace('"0.10"', '"0.30"').replace('"0.05"', '"0.20"'), "test.toml")
    sold = {(name, each.fingerprint): FormerOffer("pools", each) for name, each in before.catalogue.offers.items()}
    line.terms = Terms(catalogue, before.rules, former=sold)
    line.update(1, report(10, MB), report(20, MB))
    assert START - line.bucket("money").remaining == 15 * CENT
    line.terminate(2, report(10, MB, more=False), report(20, MB, more=False))
    assert START - line.bucket("money").remaining == (15 + 50) * CENT
    assert line.bucket("money").reserved == 0


async def test_a_plan_is_forgotten_with_the_next_one(engine, store, clock):
    engine.plan_terms([(AT_MS + HOUR_MS, priced(5, engine.terms))])
    engine.plan_terms([])
    clock.seconds += 7200
    await open_account(engine, 1, money(START))
    await ccr(engine, RequestType.INITIAL, 0, report(10, MB, more=False))
    assert await spent(store) == 2 * CENT


async def test_time_is_kept_when_nothing_is_decided(engine, clock):
    engine.plan_terms([(AT_MS + HOUR_MS, priced(5, engine.terms))])
    engine.keep_time(AT_MS + HOUR_MS - 1)
    assert engine.terms.catalogue.version == "test"
    engine.keep_time(AT_MS + HOUR_MS)
    assert engine.terms.catalogue.version == "cents-5"
