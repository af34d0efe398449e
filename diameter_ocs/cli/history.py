"""What happened in a session, from its journal: one line for each request, with what moved and what was answered."""

from collections.abc import Mapping, Sequence
from typing import Any

from rich.table import Table

from diameter_ocs.charging.decision import decode_outcome
from diameter_ocs.charging.request import CreditOutcome
from diameter_ocs.cli.output import NEVER, instant, plain, table, when
from diameter_ocs.cli.views import amount
from diameter_ocs.ledger.account import Account
from diameter_ocs.ledger.journal import Action, Entry, Posting
from diameter_ocs.storage.events import EVENT_KINDS
from diameter_ocs.values.session_key import parts_of_key
from diameter_ocs.values.units import UnitType, format_quantity
from diameter_ocs.values.verdict import Verdict

SHOWN = (Action.DEBIT, Action.RELEASE, Action.RESERVE)
SUM_OF = {Action.DEBIT: (Action.DEBIT, Action.FREE, Action.UNRATED), Action.RELEASE: (Action.RELEASE, Action.CREDIT)}
"""What else stands in a column: usage without a bucket, and what a refund gave back."""


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
        "verdict": outcome.verdict.value,
        "detail": outcome.detail,
        "groups": [
            {
                "rating_group": credit.rating_group,
                "verdict": credit.verdict.value,
                "granted": credit.granted,
                "validity_seconds": credit.validity_seconds,
                "final": credit.final is not None,
            }
            for credit in outcome.credits
        ],
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
        made = table(title, "at", "kind", "no.", "debited", "released", "reserved", "answer", right=("no.",))
        for entry in entries:
            number = NEVER if entry.request_number is None else str(entry.request_number)
            moved = (self._moved(entry, action) for action in SHOWN)
            made.add_row(when(entry.at_ms), entry.kind.replace("_", " "), number, *moved, self._answer(entry))
        return made

    def _moved(self, entry: Entry, action: Action) -> str:
        units = self._service_units
        if entry.kind in EVENT_KINDS and entry.outcome is not None:
            units = {credit.rating_group: credit.unit for credit in decode_outcome(entry.outcome).credits}
        wanted = SUM_OF.get(action, (action,))
        moved = [posting for each in wanted for posting in entry.postings if posting.action is each]
        return "\n".join(self._posting(posting, units) for posting in moved) or NEVER

    def _posting(self, posting: Posting, service_units: Mapping[int | None, UnitType]) -> str:
        group = "" if posting.rating_group is None else f"group {posting.rating_group}: "
        mark = f" ({posting.mark})" if posting.mark else ""
        counted = service_units.get(posting.rating_group, UnitType.OCTETS)
        units = amount(posting.units, counted, self._currency)
        if not posting.bucket_id:
            return f"{group}{units} {posting.action.value}{mark}"
        unit = posting.unit or self._units.get(posting.bucket_id)
        if unit is UnitType.MONEY:
            paid = f"{group}{amount(posting.amount, unit, self._currency)}"
            return f"{paid} for {units}{mark}" if posting.units and counted is not UnitType.MONEY else paid + mark
        text = format_quantity(posting.amount, unit) if unit else str(posting.amount)
        return f"{group}{text} of {posting.bucket_id}{mark}"

    def _answer(self, entry: Entry) -> str:
        if entry.outcome is None:
            return entry.reason
        outcome = decode_outcome(entry.outcome)
        if outcome.verdict is not Verdict.SUCCESS:
            return words(outcome.verdict)
        lines = [*map(_credit, outcome.credits), plain(entry.reason)]
        return "\n".join(line for line in lines if line) or "success"


def words(verdict: Verdict) -> str:
    """'credit limit reached'."""
    return words_of(str(verdict.value))


def words_of(name: str) -> str:
    """A name of the program for people: 'RESTRICT_ACCESS' as 'restrict access'."""
    return name.lower().replace("_", " ")


def _credit(credit: CreditOutcome) -> str:
    group = "" if credit.rating_group is None else f"group {credit.rating_group}: "
    if credit.verdict is not Verdict.SUCCESS:
        return group + words(credit.verdict)
    if credit.granted is None:
        return group + ("settled" if credit.final is None else words_of(credit.final.name))
    return f"{group}{amount(credit.granted, credit.unit)}{', final' if credit.final is not None else ''}"
