"""Commands that their caller may repeat: done once, and every repeat gets the outcome of the first.

The caller gives each of its commands a key. The outcome is kept under it beside the account, in the transaction of
the effect, as the outcomes of one-time events are: whoever asks again, after a crash or on another node, meets it.
"""

from collections.abc import Callable, Mapping
from hashlib import sha256

from msgspec import Struct, to_builtins
from msgspec.json import encode
from msgspec.structs import replace

from diameter_ocs.charging.commands import AskGateway
from diameter_ocs.charging.decision import Decision, Kept, decode_outcome, encode_outcome, refuse
from diameter_ocs.ledger.account import Account, Subscriber
from diameter_ocs.recharge.commands import OnAccount, OpenAccount
from diameter_ocs.values.verdict import Verdict

Repeatable = OpenAccount | OnAccount | AskGateway


class Once(Struct, frozen=True, gc=False):
    """A command with the key of its caller.

    key: who asks, and the key it gave; unique in the account. fingerprint: of what it asks for, to tell a repeat
    from another command under the same key. kept_ms: how long the outcome is remembered. expected: tags of
    the states that the command is meant for (see account_tag, subscriber_tag), empty for any; of_subscriber: whose
    tag it is, empty for the account's.
    """

    command: Repeatable
    key: str
    fingerprint: int
    kept_ms: int
    expected: tuple[str, ...] = ()
    of_subscriber: str = ""

    @property
    def account_id(self) -> str:
        return self.command.account_id


def account_tag(account: Account) -> str:
    """What tells one state of an account from all others: every change has an entry of its own."""
    return str(account.last_seq)


def subscriber_tag(subscriber: Subscriber) -> str:
    """What tells one state of a subscriber from another: everything that is set by commands, not what it uses."""
    told = (subscriber.identities, subscriber.offer, subscriber.status, subscriber.time_zone, subscriber.segment)
    return sha256(encode(told)).hexdigest()[:16]


def done_once(
    once: Once,
    account: Account | None,
    subscribers: Mapping[str, Subscriber],
    kept: Mapping[str, Kept],
    at_ms: int,
    decide: Callable[[Repeatable], Decision],
) -> Decision:
    """The decision of the command, with its outcome to be kept; that of the first time when it is a repeat.

    REPEAT_CONTRADICTS: the key was used for something else. CHANGED_MEANWHILE: it is meant for another state. A command
    that is refused has changed nothing, so nothing is kept and it may succeed another time.
    """
    earlier = kept.get(once.key)
    if earlier is not None and earlier.expires_ms > at_ms:
        if earlier.fingerprint == once.fingerprint:
            return Decision(decode_outcome(earlier.content))
        return refuse(Verdict.REPEAT_CONTRADICTS, "the key was used for another request")
    if once.expected and _tag(once, account, subscribers) not in once.expected:
        return refuse(Verdict.CHANGED_MEANWHILE, "the record is not in the state that the command is meant for")
    decision = decide(once.command)
    if decision.account is None:
        return decision
    told = {
        **(decision.outcome.data or {}),
        "at_ms": at_ms,
        "account": to_builtins(decision.account),
        "subscribers": [to_builtins(each) for each in decision.subscribers],
    }
    raw = encode_outcome(replace(decision.outcome, data=told))
    new = Kept(once.key, once.fingerprint, raw, at_ms + once.kept_ms)
    as_stored = replace(decode_outcome(raw), repeated=False)
    return replace(decision, outcome=as_stored, kept=(*decision.kept, new))


def _tag(once: Once, account: Account | None, subscribers: Mapping[str, Subscriber]) -> str | None:
    if once.of_subscriber:
        subscriber = subscribers.get(once.of_subscriber)
        return None if subscriber is None else subscriber_tag(subscriber)
    return None if account is None else account_tag(account)
