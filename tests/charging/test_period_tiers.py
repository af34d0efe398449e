"""Prices by what a subscriber has used in a month: over sessions and events, settled at the count of the report."""

from msgspec.structs import replace

from diameter_ocs.charging.decide import expire_session
from diameter_ocs.charging.event import Action, EventRequest, decide_event
from diameter_ocs.charging.explain import explain_grant
from diameter_ocs.charging.request import ServiceCredit, ServiceUnits
from diameter_ocs.charging.rules import ChargingRules, Silence
from diameter_ocs.ledger.period_use import PeriodUse
from tests.support.charging import CATALOGUE_TEXT, HOST, MB, MSISDN, REALM, Line, ask, money, octets, report

CENT = 10_000
DAY_MS = 86_400_000
TEXT = (
    CATALOGUE_TEXT
    + """
[quota.messages]
unit = "events"
default = 1
minimum = 1
maximum = 100
validity = "1 h"
[tariffs.volume]
per = "1 MB"
tiers_per = "30 days"
tiers = [{up_to = "10 MB", price = "0.10"}, {price = "0.01"}]
[tariffs.texts]
per = 1
tiers_per = "30 days"
tiers = [{up_to = 2, price = "0.10"}, {price = "0.01"}]
[offers.monthly]
default_rating_group = 10
[[offers.monthly.groups]]
rating_groups = [10, 11]
tariff = "volume"
quota = "standard"
[[offers.monthly.groups]]
service = "sms"
default = true
tariff = "texts"
quota = "messages"
"""
)


class Months(Line):
    """What a subscriber has used stays with it."""

    def __init__(self, *buckets):
        super().__init__(*(buckets or (money(1000 * CENT),)), offer="monthly", text=TEXT)
        self.subscriber = replace(self.subscriber, created_ms=self.at_ms - DAY_MS)

    def send(self, asked):
        return self.keep(super().send(asked))

    def keep(self, decision):
        for changed in decision.subscribers:
            self.subscriber = changed
        return decision

    @property
    def spent(self):
        return 1000 * CENT - self.bucket("money").remaining

    @property
    def reserved(self):
        return self.bucket("money").reserved


def test_a_second_session_goes_on_where_the_first_was():
    line = Months()
    line.initial(ask(wanted=8 * MB))
    line.terminate(1, report(used=8 * MB, more=False))
    assert line.spent == 80 * CENT
    line.initial(ask(wanted=5 * MB), session_id="s;1;2")
    assert line.reserved == 20 * CENT + 3 * CENT
    line.terminate(1, report(used=5 * MB, more=False), session_id="s;1;2")
    assert line.spent == 80 * CENT + 20 * CENT + 3 * CENT
    assert line.subscriber.period_use == (PeriodUse("volume", line.at_ms + 29 * DAY_MS, 13 * MB),)


def test_parallel_sessions_settle_at_the_count_of_the_report():
    """Both reserve the dear tier; whoever reports first pays it."""
    line = Months()
    for name in ("s;1;1", "s;1;2"):
        line.initial(ask(wanted=10 * MB), session_id=name)
    assert line.reserved == 200 * CENT
    line.terminate(1, report(used=10 * MB, more=False), session_id="s;1;2")
    assert line.spent == 100 * CENT
    line.update(1, report(used=10 * MB))
    assert line.spent == 110 * CENT
    line.terminate(2, report(used=5 * MB, more=False))
    assert (line.spent, line.reserved) == (115 * CENT, 0)


def test_groups_of_one_tariff_count_together():
    line = Months()
    line.initial(ask(10, 10 * MB), ask(11, 10 * MB))
    line.terminate(1, report(10, 10 * MB, more=False), report(11, 10 * MB, more=False))
    assert line.spent == 110 * CENT


def test_a_new_period_within_a_session():
    line = Months()
    line.initial(ask(wanted=20 * MB))
    line.update(1, report(used=20 * MB))
    assert line.spent == 110 * CENT
    line.at_ms += 29 * DAY_MS
    line.update(2, report(used=5 * MB))
    assert line.spent == 160 * CENT
    line.terminate(3, report(used=6 * MB, more=False))
    assert line.spent == 160 * CENT + 50 * CENT + CENT
    assert [use.units for use in line.subscriber.period_use] == [11 * MB]


def test_what_a_bundle_pays_does_not_count():
    line = Months(octets(6 * MB), money(1000 * CENT))
    line.initial(ask(wanted=10 * MB))
    line.terminate(1, report(used=10 * MB, more=False))
    assert line.spent == 40 * CENT
    assert [use.units for use in line.subscriber.period_use] == [4 * MB]


def test_a_silent_session_counts():
    line = Months()
    line.initial(ask(wanted=12 * MB))
    rules, session, offer = ChargingRules(silence=Silence.CHARGE_GRANTED), line.sessions["s;1;1"], line.terms.catalogue
    ended = expire_session(
        line.account, session, offer.offers["monthly"], rules, session.expires_ms, "", line.subscriber
    )
    assert ended.account.buckets[0].remaining == 1000 * CENT - 102 * CENT
    assert [use.units for use in ended.subscribers[0].period_use] == [12 * MB]
    line.account, line.sessions["s;1;1"] = ended.account, ended.session
    line.keep(ended)
    line.update(1, report(used=15 * MB))
    assert line.spent == 105 * CENT
    assert [use.units for use in line.subscriber.period_use] == [15 * MB]


def message(line, number, *units, action=Action.DIRECT_DEBITING):
    asked = tuple(ServiceCredit(None, (), ServiceUnits(events=each)) for each in units)
    made = EventRequest(f"e;{number}", 0, action, number, "32274@3gpp.org", HOST, REALM, (MSISDN,), asked, "sms")
    decision = decide_event(made, line.account, line.subscriber, {}, line.terms, line.at_ms)
    line.account = decision.account or line.account
    return line.keep(decision)


def test_events_count():
    line = Months()
    assert message(line, 1, 3, action=Action.PRICE_ENQUIRY).outcome.event.cost_micros == 21 * CENT
    message(line, 2, 1, 2)
    assert line.spent == 10 * CENT + 10 * CENT + CENT
    assert message(line, 3, 1, action=Action.PRICE_ENQUIRY).outcome.event.cost_micros == CENT
    message(line, 4, 1)
    assert line.spent == 22 * CENT


def test_a_dry_run_is_at_the_count():
    line = Months(money(5 * CENT))
    line.subscriber = replace(line.subscriber, period_use=(PeriodUse("volume", line.at_ms + 1, 10 * MB),))
    asked = (line.terms.catalogue.offers["monthly"], 10, (), ServiceUnits(octets=5 * MB))
    assert explain_grant(line.account, line.subscriber, *asked, line.at_ms).outcome.granted == 5 * MB
    assert explain_grant(line.account, line.subscriber, *asked, line.at_ms + 1).outcome.granted is None
