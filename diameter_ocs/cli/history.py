"""What happened in a session, from its journal: one line for each request, with what moved and what was answered."""

from collections.abc import Mapping, Sequence
from typing import Any

from rich.table import Table

from diameter_ocs.charging.decision import decode_outcome
from diameter_ocs.charging.request import CreditOutcome, ReportingReason
from diameter_ocs.cli.output import NEVER, instant, plain, table, when
from diameter_ocs.cli.views import amount
from diameter_ocs.ledger.account import Account
from diameter_ocs.ledger.journal import Action, Entry, Posting
from diameter_ocs.storage.events import EVENT_KINDS
from diameter_ocs.values.session_key import parts_of_key
from diameter_ocs.values.units import UnitType, format_quantity
from diameter_ocs.values.verdict import Verdict
from diameter_ocs.wire.result_code import result_code_of

MOVED = {
    Action.DEBIT: "debited ",
    Action.FREE: "",
    Action.RATED: "",
    Action.UNRATED: "",
    Action.RELEASE: "released ",
    Action.CREDIT: "credited ",
    Action.EXPIRE: "expired ",
    Action.WITHDRAW: "withdrawn ",
    Action.RESERVE: "reserved ",
}
"""What happened to a balance, in the order in which it is told; usage without a bucket says itself what it is."""


def entry_facts(entry: Entry) -> dict[str, Any]:
    """A journal entry, JSON-able; the answer is the one that was committed with it."""
    session_id, sub_session = parts_of_key(entry.session_id)
    return {
        "seq": entry.seq,
        "at": instant(entry.at_ms),
        "kind": entry.kind,
        "session_id": session_id,
        "sub_session_id": sub_session,
        "request_number": entry.request_number,
        "reason": entry.reason,
        "postings": [posting_facts(posting) for posting in entry.postings],
        "answer": _answer_facts(entry),
    }


def posting_facts(posting: Posting) -> dict[str, Any]:
    return {
        "action": posting.action.value,
        "bucket_id": posting.bucket_id,
        "amount": posting.amount,
        "rating_group": posting.rating_group,
        "units": posting.units,
        "mark": posting.mark,
    }


def _answer_facts(entry: Entry) -> dict[str, Any] | None:
    if entry.outcome is None:
        return None
    outcome = decode_outcome(entry.outcome)
    return {
        "result_code": int(result_code_of(outcome.verdict)),
        "verdict": outcome.verdict.value,
        "detail": outcome.detail,
        "groups": [_credit_facts(credit) for credit in outcome.credits],
    }


def _credit_facts(credit: CreditOutcome) -> dict[str, Any]:
    return {
        "rating_group": credit.rating_group,
        "service_identifiers": list(credit.service_identifiers),
        "reporting_reason": None if credit.reporting_reason is None else reason_words(credit.reporting_reason),
        "used": credit.used,
        "result_code": int(result_code_of(credit.verdict)),
        "verdict": credit.verdict.value,
        "granted": credit.granted,
        "unit": credit.unit.value,
        "sized_by": credit.sized_by or None,
        "validity_seconds": credit.validity_seconds,
        "threshold": credit.threshold,
        "final": credit.final is not None,
        "final_action": None if credit.final is None else words_of(credit.final.name),
    }


class History:
    """Renders entries of one account, whose buckets tell the unit of an amount.

    service_units: what a rating group counts, where that is not octets; an event's answer tells it itself.
    """

    def __init__(self, account: Account, service_units: Mapping[int | None, UnitType] | None = None) -> None:
        self._units = {bucket.bucket_id: bucket.unit for bucket in account.buckets}
        self._service_units = service_units or {}
        self._currency = account.currency

    def table(self, entries: Sequence[Entry], title: str = "History (UTC)") -> Table:
        """One row for each entry, in order."""
        made = table(title, "at", "kind", "no.", "reported", "moved", "answer", right=("no.",))
        for entry in entries:
            number = NEVER if entry.request_number is None else str(entry.request_number)
            kind = entry.kind.replace("_", " ")
            made.add_row(
                when(entry.at_ms), kind, number, self._reported(entry), self._moved(entry), self._answer(entry)
            )
        return made

    def _reported(self, entry: Entry) -> str:
        """Used units and Reporting-Reason of every group that had one of them."""
        answered = decode_outcome(entry.outcome).credits if entry.outcome is not None else ()
        lines = []
        for credit in answered:
            unit = self._service_units.get(credit.rating_group, credit.unit) if credit.granted is None else credit.unit
            said = [amount(credit.used, unit, self._currency)] if credit.used else []
            said += [reason_words(credit.reporting_reason)] if credit.reporting_reason is not None else []
            lines += [group_prefix(credit) + ", ".join(said)] if said else []
        return "\n".join(lines) or NEVER

    def _moved(self, entry: Entry) -> str:
        """Every posting: what was debited, then what was given back, then what is promised now."""
        units = self._service_units
        if entry.kind in EVENT_KINDS and entry.outcome is not None:
            units = {credit.rating_group: credit.unit for credit in decode_outcome(entry.outcome).credits}
        moved = [(word, each) for kind, word in MOVED.items() for each in entry.postings if each.action is kind]
        return "\n".join(word + self._posting(posting, units) for word, posting in moved) or NEVER

    def _posting(self, posting: Posting, service_units: Mapping[int | None, UnitType]) -> str:
        group = "" if posting.rating_group is None else f"group {posting.rating_group}: "
        mark = f" ({posting.mark})" if posting.mark else ""
        counted = service_units.get(posting.rating_group, UnitType.OCTETS)
        units = amount(posting.units, counted, self._currency)
        if posting.action is Action.RATED:
            return f"{group}{units} rated {amount(posting.amount, UnitType.MONEY, self._currency)}{mark}"
        if not posting.bucket_id:
            return f"{group}{units} {posting.action.value}{mark}"
        unit = posting.unit or self._units.get(posting.bucket_id)
        if unit is UnitType.MONEY:
            paid = f"{group}{amount(posting.amount, unit, self._currency)}"
            paid += f" for {units}" if posting.units and counted is not UnitType.MONEY else ""
            return f"{paid} from {posting.bucket_id}{mark}"
        text = format_quantity(posting.amount, unit) if unit else str(posting.amount)
        return f"{group}{text} of {posting.bucket_id}{mark}"

    def _answer(self, entry: Entry) -> str:
        if entry.outcome is None:
            return entry.reason
        outcome = decode_outcome(entry.outcome)
        if outcome.verdict is not Verdict.SUCCESS:
            return f"{code_and_words(outcome.verdict)}: {plain(outcome.detail)}"
        lines = [plain(outcome.detail), *map(_credit, outcome.credits), plain(entry.reason)]
        return "\n".join(line for line in lines if line) or code_and_words(Verdict.SUCCESS)


def code_and_words(verdict: Verdict) -> str:
    """'4012 credit limit reached'."""
    return f"{result_code_of(verdict):d} {words(verdict)}"


def reason_words(number: int) -> str:
    """Reporting-Reason as 'validity time'; a number nobody knows as it is."""
    try:
        return words_of(ReportingReason(number).name)
    except ValueError:
        return f"reason {number}"


def group_prefix(credit: CreditOutcome) -> str:
    """'group 10, service 7: '; nothing where neither is named."""
    named = [] if credit.rating_group is None else [f"group {credit.rating_group}"]
    named += [f"service {', '.join(map(str, credit.service_identifiers))}"] if credit.service_identifiers else []
    return f"{', '.join(named)}: " if named else ""


def words(verdict: Verdict) -> str:
    """'credit limit reached'."""
    return words_of(str(verdict.value))


def words_of(name: str) -> str:
    """A name of the program for people: 'RESTRICT_ACCESS' as 'restrict access'."""
    return name.lower().replace("_", " ")


def _credit(credit: CreditOutcome) -> str:
    said = [code_and_words(credit.verdict) if credit.verdict is not Verdict.SUCCESS else "2001"]
    if credit.granted is not None:
        why = f" ({credit.sized_by})" if credit.sized_by else ""
        said[0] += f" {amount(credit.granted, credit.unit)}{why}"
    elif credit.verdict is Verdict.SUCCESS:
        said[0] += " settled" if credit.final is None else ""
    if credit.validity_seconds is not None:
        said.append(f"for {credit.validity_seconds} s")
    if credit.final is not None:
        said.append(f"final: {words_of(credit.final.name)}")
    return group_prefix(credit) + ", ".join(said)
