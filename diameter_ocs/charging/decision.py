"""What deciding a command results in: new values to store, and the answer."""

from msgspec import Raw, Struct
from msgspec.json import Decoder, Encoder
from msgspec.structs import replace

from diameter_ocs.charging.outbox import GatewayRequest
from diameter_ocs.charging.request import Outcome
from diameter_ocs.charging.session import Session
from diameter_ocs.ledger.account import Account, Subscriber
from diameter_ocs.ledger.journal import Entry
from diameter_ocs.values.identity import Identity, SubscriberRef
from diameter_ocs.values.verdict import Verdict


class Kept(Struct, frozen=True, gc=False):
    """Something remembered of an account until `expires_ms`, beside its sessions: see charging/event.py.

    `key` is unique in the account. fingerprint: of the request that `content` (JSON) answers; 0 for none.
    """

    key: str
    fingerprint: int
    content: Raw
    expires_ms: int


class Decision(Struct, frozen=True, gc=False):
    """Everything a command changes on one account. account None: nothing changes, only an answer."""

    outcome: Outcome
    account: Account | None = None
    session: Session | None = None
    subscribers: tuple[Subscriber, ...] = ()
    entry: Entry | None = None
    new_identities: tuple[tuple[Identity, SubscriberRef], ...] = ()
    kept: tuple[Kept, ...] = ()
    requests: tuple[GatewayRequest, ...] = ()
    """What gateways have to be asked because of it."""
    released: tuple[Identity, ...] = ()
    """Names that belong to nobody from now on."""


_encoder = Encoder()
_decoder = Decoder(Outcome)


def encode_outcome(outcome: Outcome) -> Raw:
    """The outcome as it is stored for repeats."""
    return Raw(_encoder.encode(outcome))


def decode_outcome(raw: Raw) -> Outcome:
    """A stored outcome, marked as repeated."""
    stored = _decoder.decode(raw)
    return replace(stored, repeated=True)


def refuse(verdict: Verdict, detail: str) -> Decision:
    """An answer that changes nothing."""
    return Decision(Outcome(verdict, detail=detail))
