"""Buckets that pay at some places or times only: what that means for a request, and for the grants it gets."""

from collections.abc import Collection

from msgspec.structs import replace

from diameter_ocs.charging.conditions import Conditions
from diameter_ocs.charging.extras import CreditExtras
from diameter_ocs.charging.request import CreditOutcome
from diameter_ocs.charging.sizing import MS_PER_SECOND
from diameter_ocs.ledger.account import Account, Bucket, Subscriber
from diameter_ocs.ledger.book import Book
from diameter_ocs.rating.catalogue import Catalogue, GroupRule, QuotaTuning
from diameter_ocs.rating.surroundings import Surroundings
from diameter_ocs.values.units import UnitType

MCC_CHANGE, MNC_CHANGE = 30, 31
"""Trigger-Types (TS 32.299 §7.2.236)."""


def surroundings(
    account: Account, subscriber: Subscriber, catalogue: Catalogue, told: Conditions, at_ms: int
) -> Surroundings | None:
    """Where and when an account is drawn on; None when none of its buckets asks for that."""
    for bucket in account.buckets:
        if bucket.terms is not None and bucket.terms.is_placed:
            return Surroundings(catalogue, told, subscriber.time_zone, at_ms)
    return None


def until_band(book: Book, rule: GroupRule, group: int, answer: CreditOutcome, at_ms: int) -> CreditOutcome:
    """A grant ends with the band of a bucket that pays for it, and when the band of one begins that would pay."""
    around = book.use.around
    if around is None or answer.granted is None or answer.validity_seconds is None or rule.treatment.costs_nothing:
        return answer
    bands = {band for bucket in book.buckets() for band in _bands(bucket, book, rule, group, at_ms)}
    change_ms = around.next_change(bands, at_ms + answer.validity_seconds * MS_PER_SECOND) if bands else None
    if change_ms is None:
        return answer
    return replace(answer, validity_seconds=max((change_ms - at_ms) // MS_PER_SECOND, 1))


def _bands(bucket: Bucket, book: Book, rule: GroupRule, group: int, at_ms: int) -> tuple[str, ...]:
    """Of a bucket that pays, or would pay at another time of day."""
    terms = bucket.terms
    if terms is None or bucket.spendable + bucket.reserved <= 0 or not bucket.is_usable(group, at_ms):
        return ()
    is_money = bucket.unit is UnitType.MONEY and rule.rate is not None
    fits = bucket.unit is rule.unit or is_money or terms.pays_for is rule.unit
    return terms.bands if fits and replace(terms, bands=()).allows(book.use) else ()


def watched(answer: CreditOutcome, buckets: Collection[Bucket], tuning: QuotaTuning | None) -> CreditOutcome:
    """A change of network is told at once where a bucket is bound to one, unless the policy says what is."""
    is_bound = any(bucket.terms is not None and bucket.terms.networks for bucket in buckets)
    told = tuning.triggers if tuning is not None else None
    if not is_bound or answer.granted is None or told == ():
        return answer
    armed = tuple(sorted({*(told or ()), MCC_CHANGE, MNC_CHANGE}))
    return replace(answer, extras=replace(answer.extras or CreditExtras(), triggers=armed))
