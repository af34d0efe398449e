"""What subscribers are told: one plain sentence for each charge."""

from datetime import UTC, datetime
from zoneinfo import ZoneInfo

import pytest
from msgspec.structs import replace

from diameter_ocs.charging.conditions import Conditions
from diameter_ocs.charging.decide import expire_session
from diameter_ocs.charging.event import Action
from diameter_ocs.charging.request import RequestType, ServiceCredit, ServiceUnits
from diameter_ocs.charging.rules import Silence
from diameter_ocs.charging.sentence import quantity, sentence
from diameter_ocs.charging.why import explain
from diameter_ocs.ledger.account import Bucket
from diameter_ocs.ledger.journal import Action as Moves
from diameter_ocs.ledger.journal import Entry, Posting
from diameter_ocs.ledger.terms import BucketTerms
from diameter_ocs.recharge.commands import Credit
from diameter_ocs.recharge.decide import credit
from diameter_ocs.recharge.due import next_due
from diameter_ocs.values.units import UnitType
from tests.charging.test_tariff_switch import TEXT as SWITCHING
from tests.support.charging import MB, Line, ask, money, octets, report
from tests.support.events import EventLine, messages, session_request

BERLIN = ZoneInfo("Europe/Berlin")
AT_MS = int(datetime(2026, 5, 3, 18, 14, tzinfo=UTC).timestamp()) * 1000
CALLS = """
version = "calls"
currency = "EUR"
[quota.seconds]
unit = "seconds"
default = "300 s"
minimum = "10 s"
maximum = "1 h"
validity = "30 min"
[offers.standard]
[[offers.standard.groups]]
service = "voice"
name = "calls"
rating_groups = [60]
price = "0.09"
per = "60 s"
connect_fee = "0.05"
first_step = "60 s"
next_step = "1 s"
quota = "seconds"
"""


def told(line: Line, *entries: object) -> str:
    known = list(entries) or line.entries
    return sentence(explain(known, line.account.buckets), "EUR", BERLIN)  # type: ignore[arg-type]


def line_of(*buckets: Bucket, **more: object) -> Line:
    line = Line(*buckets, **more)  # type: ignore[arg-type]
    line.at_ms = AT_MS
    return line


def test_data_from_a_bucket_and_then_from_money():
    line = line_of(octets(12 * MB, name="Data 10 GB"), money(5_000_000))
    line.initial(ask())
    line.update(1, report(10, 10 * MB))
    line.terminate(2, report(10, 8 * MB, more=False))
    assert told(line) == (
        "On 3 May 2026 at 20:14 you used 18 MB of internet: 12 MB from 'Data 10 GB' (0 B left); "
        "6 MB at 0.02 EUR per MB = 0.12 EUR from your balance (4.88 EUR left)."
    )
    assert told(line, line.entries[0]) == ("On 3 May 2026 at 20:14 your use of internet began; nothing was charged.")


def test_the_night_price():
    line = line_of(money(5_000_000), text=SWITCHING)
    line.at_ms = int(datetime(2026, 5, 3, 21, 0, tzinfo=UTC).timestamp()) * 1000
    line.initial(ask())
    line.terminate(1, report(10, 3 * MB, more=False))
    assert told(line).endswith("3 MB at 0.20 EUR per MB = 0.60 EUR from your balance (4.40 EUR left), "
                               "price of 20:00-24:00.")  # fmt: skip


def test_a_call_line_by_line():
    line = line_of(money(5_000_000), text=CALLS)
    who = Conditions(calling_party="tel:+4915100", called_party="tel:+33612345678")

    def call(kind, number, *used, more=True):
        wish = ServiceUnits() if more else None
        asked = ServiceCredit(60, (), wish, tuple(ServiceUnits(seconds=each) for each in used))
        return replace(session_request(kind, number, asked, rated_as="voice/originating"), conditions=who)

    line.send(call(RequestType.INITIAL, 0))
    line.send(call(RequestType.UPDATE, 1, 60))
    line.send(call(RequestType.TERMINATION, 2, 35, more=False))
    assert told(line) == (
        "On 3 May 2026 at 20:14 you made a call to +33612345678 of 1 min 35 s: connect fee 0.05 EUR + "
        "first 1 min 0.09 EUR + 35 s at 0.09 EUR per minute = 0.1925 EUR from your balance (4.8075 EUR left)."
    )
    assert told(line, line.entries[0], line.entries[2]) == (
        "On 3 May 2026 at 20:14 you made a call to +33612345678 of 35 s: "
        "35 s at 0.09 EUR per minute = 0.0525 EUR from your balance (4.8075 EUR left)."
    )


def test_the_rest_of_a_paid_step():
    line = line_of(money(5_000_000))
    line.initial(ask())
    line.update(1, report(10, MB // 2))
    line.terminate(2, report(10, MB // 2, more=False))
    assert "500 kB within what was paid before = 0.00 EUR" in told(line, line.entries[2])
    assert "1 MB at 0.02 EUR per MB = 0.02 EUR" in told(line)


def test_messages_and_what_is_given_back():
    line = EventLine(money(1_000_000))
    line.at_ms = AT_MS
    first = line.event(Action.DIRECT_DEBITING, messages(3))
    assert told(line).startswith("On 3 May 2026 at 20:14 you sent 3 text messages: 3 at ")
    reference = first.outcome.event.references[0]
    line.event(Action.REFUND_ACCOUNT, messages(refund=reference))
    assert told(line, line.entries[-1]).startswith("On 3 May 2026 at 20:14 a charge was given back: ")


def test_usage_that_is_free_late_beyond_the_grant_assumed_or_without_a_price():
    line = line_of(money(5_000_000), silence=Silence.CHARGE_GRANTED)
    line.initial(ask(30), ask(10))
    line.update(1, report(30, MB), report(10, 20 * MB), report(99, 7))
    said = told(line)
    assert "1 MB free of charge" in said
    assert "10 MB at 0.02 EUR per MB = 0.20 EUR from your balance (4.80 EUR left); 10 MB" in said
    assert "beyond what was granted" in said
    assert "7 B not charged: the offer has no price for it" in said
    session, offer = line.sessions["s;1;1"], line.terms.catalogue.offers["standard"]
    closed = expire_session(line.account, session, offer, line.terms.rules, session.expires_ms)
    assert "assumed to be used, as nothing was reported" in told(line, closed.entry)
    line.account, line.sessions["s;1;1"] = closed.account, closed.session
    late = line.terminate(2, report(10, 30 * MB, more=False)).entry
    assert "reported late" in told(line, late)


def test_more_than_anybody_can_have_used():
    line = line_of(money(5_000_000), plausible=dict.fromkeys(UnitType, 10 * MB))
    line.initial(ask())
    assert "11 MB not charged: more than anybody can have used" in told(line, line.update(1, report(10, 11 * MB)).entry)


def test_a_bucket_that_pays_for_another_unit():
    data = replace(octets(10 * MB, name="Data"), terms=BucketTerms(pays_for=UnitType.SECONDS, factor=(100_000, 1)))
    line = line_of(data)
    line.initial(ServiceCredit(60, (), ServiceUnits()))
    line.terminate(1, ServiceCredit(60, (), None, (ServiceUnits(seconds=30),)))
    assert told(line).endswith("30 s at 100 kB per second = 3 MB from 'Data' (7 MB left).")


def test_top_ups_and_expiries():
    line = line_of(money(5_000_000))
    added = credit(Credit("acc-1", money(1_000_000), "voucher"), line.account, AT_MS)
    assert told(line, added.entry) == (
        "On 3 May 2026 at 20:14 credit was added: 1.00 EUR added to your balance (6.00 EUR left)."
    )
    bucket = octets(3 * MB, name="Weekend", valid_until_ms=AT_MS)
    line.account = replace(line.account, buckets=(bucket,), due_ms=AT_MS)
    gone = next_due(line.account, {}, line.terms.catalogue, AT_MS)
    assert told(line, gone.entry) == ("On 3 May 2026 at 20:14 the time of credit was over: 3 MB of 'Weekend' expired.")


def test_an_entry_of_an_older_release():
    line = line_of(octets(5 * MB))
    old = Entry("acc-1", 1, AT_MS, "ccr_update", (Posting(Moves.DEBIT, "data", MB, 10, MB),), session_id="s")
    assert told(line, old) == "On 3 May 2026 at 20:14 you used 1 MB of internet: 1 MB from 'data'."
    paid = Entry("acc-1", 1, AT_MS, "ccr_update", (Posting(Moves.DEBIT, "money", 20_000, 10, MB),), session_id="s")
    line = line_of(money(1))
    assert told(line, paid).endswith("1 MB of internet: 1 MB = 0.02 EUR from your balance.")


@pytest.mark.parametrize(
    ("seconds", "expected"), [(0, "0 s"), (59, "59 s"), (60, "1 min"), (3600, "1 h"), (3725, "1 h 2 min 5 s")]
)
def test_durations(seconds, expected):
    assert quantity(seconds, UnitType.SECONDS, "EUR") == expected
