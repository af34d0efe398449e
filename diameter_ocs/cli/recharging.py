"""Buckets and subscribers as they are written on the command line."""

import difflib
import secrets
from collections.abc import Sequence

from diameter_ocs.cli import options
from diameter_ocs.cli.failure import wrong_option
from diameter_ocs.ledger.account import Bucket
from diameter_ocs.rating.catalogue import Catalogue
from diameter_ocs.recharge.commands import MONEY_BUCKET, NewSubscriber
from diameter_ocs.values.identity import Identity, new_id
from diameter_ocs.values.units import UnitType

DATA_BUCKET = "data-{}"


def money_bucket(text: str) -> Bucket:
    """The one bucket of money that an account has."""
    return Bucket(MONEY_BUCKET, UnitType.MONEY, options.money("--balance", text))


def data_buckets(
    sizes: Sequence[str], until_ms: int | None, rating_groups: Sequence[int], priority: int, taken: Sequence[str] = ()
) -> list[Bucket]:
    """One bucket for each size, named data-1, data-2, ... beside those that are taken. Raises Failure."""
    names = (DATA_BUCKET.format(number) for number in range(1, len(taken) + len(sizes) + 1))
    free = (name for name in names if name not in taken)
    return [
        Bucket(
            name,
            UnitType.OCTETS,
            options.octets("--data", size),
            priority=priority,
            valid_until_ms=until_ms,
            rating_groups=tuple(dict.fromkeys(rating_groups)),
        )
        for size, name in zip(sizes, free, strict=False)
    ]


def buckets(
    balance: str | None,
    data: Sequence[str] | None,
    valid_days: int | None,
    rating_groups: Sequence[int] | None,
    priority: int,
    at_ms: int,
    taken: Sequence[str] = (),
) -> tuple[Bucket, ...]:
    """Everything to spend that the options name. Raises Failure that names the option."""
    if not data and (valid_days is not None or rating_groups):
        option = "--valid-days" if valid_days is not None else "--rating-group"
        raise wrong_option(option, "belongs to data buckets: give --data too")
    until_ms = None if valid_days is None else at_ms + valid_days * options.MS_PER_DAY
    money = [money_bucket(balance)] if balance is not None else []
    return tuple(money + data_buckets(data or (), until_ms, rating_groups or (), priority, taken))


def new_subscriber(
    names: tuple[Identity, ...],
    offer: str | None,
    catalogue: Catalogue,
    at_ms: int,
    subscriber_id: str | None = None,
    time_zone: str | None = None,
    segment: str | None = None,
) -> NewSubscriber:
    """A subscriber that the network can find and the catalogue can charge. Raises Failure."""
    if not names:
        raise wrong_option("--msisdn", "a subscriber needs an identity: --msisdn, --imsi, --nai, --sip or --private")
    if offer is None:
        raise wrong_option("--offer", f"a subscriber needs one of: {', '.join(sorted(catalogue.offers))}")
    made = (
        options.record_id("--id", subscriber_id)
        if subscriber_id is not None
        else new_id("sub", at_ms, secrets.randbits(64))
    )
    zone = options.zone_name(time_zone)
    return NewSubscriber(made, tuple(dict.fromkeys(names)), known_offer(offer, catalogue), zone, segment or "")


def known_offer(name: str, catalogue: Catalogue, option: str = "--offer") -> str:
    """An offer of the catalogue. Raises Failure with those there are."""
    if name in catalogue.offers:
        return name
    near = difflib.get_close_matches(name, catalogue.offers, n=1)
    hint = f"did you mean {near[0]!r}?" if near else f"known: {', '.join(sorted(catalogue.offers))}"
    raise wrong_option(option, f"{name!r} is no offer of catalogue {catalogue.version}; {hint}")
