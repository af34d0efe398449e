"""Records as columns and back: which part of a value a table keeps, and how it is spelled.

State is JSON text, so that people with an SQL prompt can read it.
"""

from collections.abc import Sequence
from typing import TypeVar

from msgspec import DecodeError, Raw, ValidationError
from msgspec.json import Decoder, Encoder

from diameter_ocs.charging.decide import ENTRY_KIND
from diameter_ocs.charging.outbox import GatewayRequest, RequestKind, RequestState
from diameter_ocs.charging.session import Answer, Session
from diameter_ocs.errors import StoreCorrupt
from diameter_ocs.ledger.account import Account, Subscriber
from diameter_ocs.ledger.journal import Entry, Posting
from diameter_ocs.values.identity import Identity, IdentityKind, SubscriberRef

RequestRow = tuple[str, str, str, str, str, int, int | None, int | None, str, int, int, int, int | None]
"""account_id, request_id, session_id, kind, cause, created_ms, rating_group, service_identifier, state, tries,
result_code, is_pending, pool"""

T = TypeVar("T")

EntryRow = tuple[str, int, int, str, str, str, int | None, int, str, str | None, str, str, str | None]
"""account_id, seq, at_ms, kind, subscriber_id, session_id, request_number, fingerprint, postings, outcome, reason,
plan, conditions"""

REQUEST_TYPE_OF_KIND = {kind: request_type for request_type, kind in ENTRY_KIND.items()}

_encode = Encoder().encode
_account = Decoder(Account)
_subscriber = Decoder(Subscriber)
_session = Decoder(Session)
_postings = Decoder(tuple[Posting, ...])


def encode_state(record: Account | Subscriber | Session | tuple[Posting, ...]) -> str:
    return _encode(record).decode()


def decode_account(state: str) -> Account:
    return _decoded(_account, state, "an account")


def decode_subscriber(state: str) -> Subscriber:
    return _decoded(_subscriber, state, "a subscriber")


def decode_session(state: str) -> Session:
    return _decoded(_session, state, "a session")


def entry_row(entry: Entry) -> EntryRow:
    return (
        entry.account_id,
        entry.seq,
        entry.at_ms,
        entry.kind,
        entry.subscriber_id,
        entry.session_id,
        entry.request_number,
        entry.fingerprint,
        encode_state(entry.postings),
        None if entry.outcome is None else str(entry.outcome, "utf-8"),
        entry.reason,
        entry.plan,
        None if entry.conditions is None else str(entry.conditions, "utf-8"),
    )


def entry_of(row: EntryRow) -> Entry:
    account_id, seq, at_ms, kind, subscriber_id, session_id, number, fingerprint, postings, outcome, reason = row[:11]
    plan, conditions = row[11:]
    return Entry(
        account_id,
        seq,
        at_ms,
        kind,
        _decoded(_postings, postings, f"the postings of entry {seq} of account {account_id}"),
        subscriber_id,
        session_id,
        number,
        None if outcome is None else Raw(outcome),
        reason,
        fingerprint,
        plan,
        None if conditions is None else Raw(conditions),
    )


def request_row(request: GatewayRequest) -> RequestRow:
    return (
        request.account_id,
        request.request_id,
        request.session_id,
        request.kind.value,
        request.cause,
        request.created_ms,
        request.rating_group,
        request.service_identifier,
        request.state.value,
        request.tries,
        request.result_code,
        int(request.is_pending),
        request.pool,
    )


def request_of(row: RequestRow) -> GatewayRequest:
    account_id, request_id, session_id, kind, cause, created_ms, group, service, state, tries, code, _, pool = row
    try:
        what, progress = RequestKind(kind), RequestState(state)
    except ValueError as error:
        raise StoreCorrupt(f"the database holds request {request_id} of account {account_id}: {error}") from None
    return GatewayRequest(
        account_id, request_id, session_id, what, cause, created_ms, group, service, progress, tries, code, pool
    )


def answer_of(kind: str, request_number: int, fingerprint: int, outcome: str) -> Answer | None:
    """The answer that a journal entry keeps; None when it is not of a gateway's request."""
    request_type = REQUEST_TYPE_OF_KIND.get(kind)
    if request_type is None:
        return None
    return Answer(request_number, request_type, fingerprint, Raw(outcome))


def stored_answer(entries: Sequence[Entry], request_number: int) -> Answer | None:
    """The newest answer to a request number among the entries of one session."""
    for entry in reversed(entries):
        if entry.request_number == request_number and entry.outcome is not None:
            return answer_of(entry.kind, request_number, entry.fingerprint, str(entry.outcome, "utf-8"))
    return None


def identity_of(kind: str, value: str) -> Identity:
    try:
        return Identity(IdentityKind(kind), value)
    except ValueError:
        raise StoreCorrupt(f"the database holds an identity of unknown kind {kind!r}") from None


def named(row: tuple[str, str, str, str]) -> tuple[Identity, SubscriberRef]:
    kind, value, account_id, subscriber_id = row
    return identity_of(kind, value), SubscriberRef(account_id, subscriber_id)


def _decoded(decoder: Decoder[T], state: str, what: str) -> T:
    try:
        return decoder.decode(state)
    except (ValidationError, DecodeError) as error:
        raise StoreCorrupt(f"the database holds {what} that cannot be read: {error} in {state[:200]!r}") from error
