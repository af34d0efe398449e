"""Administrative commands on accounts. Each changes one account and takes the engine's one road."""

from msgspec import Struct

from diameter_ocs.ledger.account import Bucket, Status
from diameter_ocs.values.identity import Identity
from diameter_ocs.values.units import UnitType

MONEY_BUCKET = "money"
"""The one bucket of money that an account usually has."""


class NewSubscriber(Struct, frozen=True, gc=False):
    """A subscriber to be added, with every name the network knows it by. time_zone, segment: see Subscriber."""

    subscriber_id: str
    identities: tuple[Identity, ...]
    offer: str
    time_zone: str = ""
    segment: str = ""


class OpenAccount(Struct, frozen=True, gc=False):
    """Create an account with its first buckets and subscribers, all or nothing."""

    account_id: str
    currency: str
    name: str = ""
    buckets: tuple[Bucket, ...] = ()
    subscribers: tuple[NewSubscriber, ...] = ()
    reason: str = ""


class AddSubscriber(Struct, frozen=True, gc=False):
    """Let another subscriber use an account that is there."""

    account_id: str
    subscriber: NewSubscriber
    reason: str = ""


class Credit(Struct, frozen=True, gc=False):
    """Add a bucket, or more of one that is there. `bucket.remaining` is the amount."""

    account_id: str
    bucket: Bucket
    reason: str = ""


class Withdraw(Struct, frozen=True, gc=False):
    """Take `amount` out of a bucket: a correction, refund or charge-back.

    Only what is there and promised to nobody; below_zero: all of it, and the account then owes the rest.
    """

    account_id: str
    bucket_id: str
    amount: int
    below_zero: bool = False
    reason: str = ""


class SetOverdraft(Struct, frozen=True, gc=False):
    """Let a bucket be spent below zero, down to `amount` in its unit (a credit limit); 0 ends that.

    The bucket of money is made if there is none.
    """

    account_id: str
    amount: int
    bucket_id: str = MONEY_BUCKET
    reason: str = ""


class SetLimit(Struct, frozen=True, gc=False):
    """Cap what is spent of one unit, by one subscriber or by all together (see ledger.terms.Limit).

    maximum None: the limit goes away. period: after which it starts anew, as '1 day' or 'calendar month'. A limit
    of that name and scope that is there keeps what it has counted.
    """

    account_id: str
    name: str
    maximum: int | None
    unit: UnitType = UnitType.MONEY
    subscriber_id: str = ""
    period: str = ""
    reason: str = ""


class Buy(Struct, frozen=True, gc=False):
    """Buy a product of the catalogue from the money of the account, for one subscriber or (empty) for all."""

    account_id: str
    product: str
    subscriber_id: str = ""
    reason: str = ""


class CancelProduct(Struct, frozen=True, gc=False):
    """Let a product end: with the period that is paid, or at once with whatever is left of it."""

    account_id: str
    owned_id: str
    at_once: bool = False
    reason: str = ""


class MoveUnits(Struct, frozen=True, gc=False):
    """Give an amount of a bucket, in its unit, to one subscriber of the same account or (empty) to all of them."""

    account_id: str
    bucket_id: str
    amount: int
    subscriber_id: str = ""
    reason: str = ""


class SetAccountStatus(Struct, frozen=True, gc=False):
    """Block or unblock an account: every subscriber of it."""

    account_id: str
    status: Status
    reason: str = ""


class SetSubscriberStatus(Struct, frozen=True, gc=False):
    """Block or unblock one subscriber."""

    account_id: str
    subscriber_id: str
    status: Status
    reason: str = ""


class ChangeOffer(Struct, frozen=True, gc=False):
    """Sell a subscriber another offer, from now on."""

    account_id: str
    subscriber_id: str
    offer: str
    reason: str = ""


class ExtendSubscriber(Struct, frozen=True, gc=False):
    """Let a subscriber be active for a period more, such as '30 days', whatever its stage; not once it is recycled."""

    account_id: str
    subscriber_id: str
    period: str
    reason: str = ""


class AdvanceAccount(Struct, frozen=True, gc=False):
    """Do what time has brought to an account, such as the end of a bucket.

    Every other command on the account does the same first, so this one is for accounts that nobody asks for.
    """

    account_id: str


OnAccount = (
    AddSubscriber
    | Credit
    | Withdraw
    | Buy
    | CancelProduct
    | SetOverdraft
    | SetLimit
    | ExtendSubscriber
    | MoveUnits
    | SetAccountStatus
    | SetSubscriberStatus
    | ChangeOffer
)
"""What people and programs ask of an account that is there."""
