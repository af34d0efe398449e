"""Daily caps: shared by the sessions of a subscriber, new every local midnight, exact at every end of a session."""

from datetime import datetime
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st
from msgspec.structs import replace

from diameter_ocs.charging.commands import AbortSession, ExpireSession
from diameter_ocs.charging.conditions import Conditions
from diameter_ocs.charging.explain import explain_grant
from diameter_ocs.charging.request import ReportingReason, RequestType, ServiceUnits
from diameter_ocs.engine.cache import Holding
from diameter_ocs.engine.commands import Subject, decide
from diameter_ocs.rating.final_units import FinalUnitAction
from diameter_ocs.storage.protocol import VersionedAccount
from diameter_ocs.values.verdict import Verdict
from tests.support.charging import CATALOGUE_TEXT, MB, Line, ask, money, octets, report, request, terms

CAPPED = CATALOGUE_TEXT.replace("[quota.standard]", '[quota.standard]\nday_cap = "25 MB"').replace(
    'currency = "EUR"', 'currency = "EUR"\ntime_zone = "Europe/Berlin"'
)
NOON = int(datetime(2026, 6, 1, 12, tzinfo=ZoneInfo("Europe/Berlin")).timestamp()) * 1000
MIDNIGHT = int(datetime(2026, 6, 2, tzinfo=ZoneInfo("Europe/Berlin")).timestamp()) * 1000
SECOND = 1000


class Capped(Line):
    """A line whose subscriber row is kept as the engine keeps it."""

    def __init__(self, *buckets, at_ms=NOON, **more):
        super().__init__(*(buckets or (money(100_000_000),)), text=CAPPED, **more)
        self.at_ms = at_ms

    def send(self, asked):
        return self.keep(super().send(asked))

    def keep(self, decision):
        for subscriber in decision.subscribers:
            self.subscriber = subscriber
        return decision

    def close(self, command, session_id="s;1;1"):
        """What the engine does with a command on a session."""
        holding = Holding(VersionedAccount(1, self.account, (self.subscriber,)))
        holding.sessions[session_id] = self.sessions[session_id]
        decision = self.keep(decide(command, Subject(holding), self.terms, self.at_ms))
        assert decision.outcome.verdict is Verdict.SUCCESS
        self.account, self.sessions[session_id] = decision.account, decision.session

    @property
    def today(self):
        (use,) = self.subscriber.day_use
        return use.used, use.promised


def granted(decision):
    return decision.outcome.credits[0].granted


def test_sessions_share_the_cap_and_what_is_out_counts():
    line = Capped()
    assert granted(line.initial(ask())) == 10 * MB
    assert granted(line.initial(ask(), session_id="s;2")) == 10 * MB
    last = line.initial(ask(), session_id="s;3")
    assert granted(last) == 5 * MB
    assert last.outcome.credits[0].final is FinalUnitAction.TERMINATE
    assert line.initial(ask(), session_id="s;4").outcome.credits[0].verdict is Verdict.CREDIT_LIMIT_REACHED
    assert line.today == (0, 25 * MB)


def test_what_comes_back_unused_can_be_granted_again():
    line = Capped()
    line.initial(ask())
    line.initial(ask(), session_id="s;2")
    line.terminate(1, report(used=2 * MB, more=False))
    assert line.today == (2 * MB, 10 * MB)
    assert granted(line.update(1, report(used=10 * MB), session_id="s;2")) == 10 * MB
    assert granted(line.update(2, report(used=10 * MB), session_id="s;2")) == 3 * MB


def test_groups_of_other_names_have_caps_of_their_own():
    line = Capped()
    line.initial(ask(wanted=50 * MB))
    assert granted(line.initial(ask(20, wanted=50 * MB), session_id="s;2")) == 25 * MB
    assert len(line.subscriber.day_use) == 2


def test_a_grant_ends_with_its_day_and_the_next_day_is_new():
    line = Capped(at_ms=MIDNIGHT - 90 * SECOND)
    first = line.initial(ask(wanted=25 * MB))
    assert first.outcome.credits[0].validity_seconds == 90
    line.at_ms = MIDNIGHT + SECOND
    again = line.update(1, report(used=24 * MB, reason=ReportingReason.VALIDITY_TIME))
    assert granted(again) == 10 * MB
    assert line.today == (0, 10 * MB), "what was granted yesterday was used yesterday"


def test_a_late_first_report_of_yesterday_does_not_free_what_was_never_promised_today():
    line = Capped(at_ms=MIDNIGHT - 90 * SECOND)
    line.initial(ask(wanted=20 * MB))
    line.at_ms = MIDNIGHT + SECOND
    line.initial(ask(wanted=25 * MB), session_id="s;2")
    line.terminate(1, report(used=5 * MB, more=False))
    assert line.today == (0, 25 * MB)


@pytest.mark.parametrize("silence", ["release", "charge granted"])
def test_supervision_gives_back_what_a_silent_session_held(silence):
    from diameter_ocs.charging.rules import Silence

    line = Capped(silence=Silence(silence))
    line.initial(ask())
    line.at_ms = line.sessions["s;1;1"].expires_ms
    line.close(ExpireSession("acc-1", "s;1;1"))
    assert line.today == (10 * MB if silence == "charge granted" else 0, 0)


def test_an_abort_gives_back_too_and_a_late_report_counts():
    line = Capped()
    line.initial(ask())
    line.close(AbortSession("acc-1", "s;1;1", "unknown to the gateway"))
    assert line.today == (0, 0)
    line.terminate(1, report(used=3 * MB, more=False))
    assert line.today == (3 * MB, 0)


def test_overuse_counts_and_leaves_nothing():
    line = Capped()
    line.initial(ask())
    answer = line.update(1, report(used=40 * MB))
    assert answer.outcome.credits[0].verdict is Verdict.CREDIT_LIMIT_REACHED
    assert line.today == (40 * MB, 0)


def test_explained():
    line = Capped()
    line.initial(ask(wanted=20 * MB))
    offer = line.terms.catalogue.offers["standard"]
    found = explain_grant(line.account, line.subscriber, offer, 10, (), ServiceUnits(), NOON)
    assert [(step.rule, step.units) for step in found.steps] == [
        ("default", 10 * MB),
        ("what is left of day_cap", 5 * MB),
    ]
    held = explain_grant(
        line.account, line.subscriber, offer, 10, (), ServiceUnits(octets=50 * MB), NOON, line.sessions["s;1;1"]
    )
    assert held.outcome.granted == 25 * MB
    assert held.outcome.validity_seconds == 3600


def test_variants_of_a_group_share_its_cap():
    text = CAPPED.replace(
        "rating_groups = [10]\n",
        'rating_groups = [10]\nwhen = [{ name = "abroad", apn = "roam", quota = "dear" }]\n',
        1,
    ).replace(
        "[quota.seconds]",
        '[quota.dear]\ndefault = "20 MB"\nminimum = "1 MB"\nmaximum = "20 MB"\nvalidity = "1 h"\n[quota.seconds]',
    )
    line = Capped()
    line.terms = terms(text)
    line.initial(ask())
    abroad = replace(request(RequestType.INITIAL, 0, ask(), session_id="s;2"), conditions=Conditions(apn="roam"))
    assert granted(line.send(abroad)) == 15 * MB
    assert line.today == (0, 25 * MB)


def test_without_caps_no_subscriber_is_written():
    line = Line(octets(100 * MB))
    assert line.initial(ask()).subscribers == ()
    assert line.update(1, report(used=MB)).subscribers == ()


@given(
    st.lists(
        st.tuples(st.integers(0, 3), st.integers(0, 30), st.booleans(), st.integers(0, 7200)), min_size=1, max_size=30
    )
)
def test_promises_are_what_is_out_and_no_grant_goes_beyond_the_cap(turns):
    line, numbers = Capped(), dict.fromkeys(range(4), 0)
    for who, used, ends, wait in turns:
        line.at_ms += wait * SECOND
        session_id, numbers[who] = f"s;{who}", numbers[who] + 1
        known = line.sessions.get(session_id)
        if known is None:
            answer = line.initial(ask(wanted=20 * MB), session_id=session_id)
        elif known.status.value == "closed":
            continue
        elif ends:
            answer = line.terminate(numbers[who], report(used=used * MB, more=False), session_id=session_id)
        else:
            answer = line.update(numbers[who], report(used=used * MB), session_id=session_id)
        cap = line.terms.catalogue.offers["standard"].by_group[10].quota.tuning.day_cap
        today = cap.day_of(line.at_ms)
        out = sum(
            quota.granted
            for session in line.sessions.values()
            for quota in session.quotas
            if quota.granted and cap.day_of(quota.memory.since_ms) == today
        )
        (use,) = [use for use in line.subscriber.day_use if use.day == today] or [None]
        assert use is None or use.promised == out
        assert not granted(answer) or use.used + out <= 25 * MB
