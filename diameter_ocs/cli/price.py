"""`ocs price`: what some use would cost, line by line, which rule says so and what would pay. Nobody is charged."""

from dataclasses import dataclass
from typing import TYPE_CHECKING, Annotated, Any

import typer

from diameter_ocs.cli import node, options
from diameter_ocs.cli.failure import WRONG_USAGE, Failure, wrong_option
from diameter_ocs.cli.output import console, instant, plain, print_json

if TYPE_CHECKING:
    from diameter_ocs.charging.conditions import Conditions
    from diameter_ocs.charging.trial import Trial, Tried
    from diameter_ocs.charging.why import Share
    from diameter_ocs.config import Config
    from diameter_ocs.ledger.account import Account, Subscriber
    from diameter_ocs.rating.catalogue import Catalogue, GroupRule

Words = Annotated[
    list[str],
    typer.Argument(
        metavar="[OFFER] AMOUNT...",
        help="An offer of the catalogue, not with --subscriber; then '20 MB', '300 s' or a number of events, "
        "each reported by itself.",
    ),
]
Lasting = Annotated[
    str | None,
    typer.Option("--lasting", metavar="TIME", help="Over which data or events are used, as '2 h'; at once otherwise."),
]

MOST_GRANTS = 10_000
"""Of one session that is played: a few seconds."""


@dataclass(frozen=True, slots=True)
class _Asked:
    """Use, and whose it would be."""

    catalogue: "Catalogue"
    account: "Account"
    subscriber: "Subscriber"
    told: "Conditions"
    rated_as: str
    rating_group: int | None
    services: tuple[int, ...]
    at_ms: int
    is_known: bool


def price(
    context: typer.Context,
    words: Words,
    subscriber: Annotated[
        str | None, typer.Option("--subscriber", metavar="WHO", help="Whose offer, and which of its buckets would pay.")
    ] = None,
    rating_group: options.RatingGroup = None,
    service: options.Services = None,
    service_name: options.OfService = None,
    destination: options.Destination = None,
    network: options.Network = None,
    apn: options.Apn = None,
    rat: options.Rat = None,
    location: options.Location = None,
    segment: options.Segment = None,
    at: options.At = None,
    lasting: Lasting = None,
    config: options.ConfigFile = None,
    as_json: options.AsJson = False,
) -> None:
    """Show what a call, message or session would cost, line by line, by number, network, time and the like.

    A session is played on a copy of the books that nobody keeps, with the functions that charge: connect fee, steps,
    tiers, bands of time. With --subscriber also which buckets would pay, and where credit would end.

    Example: ocs price prepaid-data '90 s' --of voice --destination +33612345678

    Example: ocs price --subscriber 49151000001 '2 GB' --rating-group 10 --at 2026-11-01T20:30 --lasting '2 h'
    """
    from diameter_ocs.assemble import terms_of
    from diameter_ocs.charging.trial import try_out
    from diameter_ocs.rating.catalogue import DATA
    from diameter_ocs.server.clock import Clock

    loaded = node.settings(context, config)
    catalogue = node.catalogue(loaded)
    account, user, amounts = _who(loaded, catalogue, subscriber, segment, words)
    asked = _Asked(
        catalogue,
        account,
        user,
        options.conditions(destination, network, apn, rat, location),
        service_name or DATA,
        rating_group,
        tuple(service or ()),
        Clock().at_ms() if at is None else options.moment("--at", at, catalogue.zone),
        subscriber is not None,
    )
    rule = _rule(asked)
    facts = {**_places(catalogue, asked.told, asked.at_ms), "at": instant(asked.at_ms)}
    tried = None
    if rule is not None:
        lasting_ms = _lasting(lasting)
        tried = try_out(_trial(asked, rule, amounts, lasting_ms), account, user, terms_of(loaded, catalogue))
    facts |= _cost(asked, rule, tried)
    if as_json:
        print_json(facts)
    else:
        _print(facts)


def _who(
    config: "Config", catalogue: "Catalogue", who: str | None, segment: str | None, words: list[str]
) -> "tuple[Account, Subscriber, list[str]]":
    """Whose price is asked for, and the amounts. Raises Failure."""
    from diameter_ocs.charging.trial import somebody
    from diameter_ocs.cli import lookup
    from diameter_ocs.cli.recharging import known_offer

    if who is None:
        offer = known_offer(words[0], catalogue)
        if len(words) == 1:
            raise Failure("AMOUNT: say how much: '20 MB', '300 s' or a number of events", WRONG_USAGE)
        return *somebody(offer, catalogue.currency, segment or ""), words[1:]
    if segment is not None:
        raise wrong_option("--segment", "is that of the subscriber")

    async def load() -> "tuple[Account, Subscriber]":
        async with node.opened(config) as store:
            found, user = await lookup.subscriber(store, who)
            return found.account, user

    account, user = node.run(load())
    if user.offer not in catalogue.offers:
        raise Failure(f"subscriber {user.subscriber_id} has offer {user.offer}, which the catalogue does not sell")
    return account, user, words


def _rule(asked: _Asked) -> "GroupRule | None":
    """What holds for such use; None: nothing of the offer has a price for it. Raises Failure."""
    from diameter_ocs.rating.choice import chosen
    from diameter_ocs.rating.selection import RatingInput

    part = asked.catalogue.offers[asked.subscriber.offer].part(asked.rated_as)
    if part is None:
        raise Failure(f"offer {asked.subscriber.offer} has no tariff for {asked.rated_as}")
    rule = part.rule_for(asked.rating_group, asked.services)
    use = RatingInput(asked.told, asked.services, asked.subscriber.segment)
    return chosen(rule, use, asked.at_ms) if rule is not None else None


def _lasting(text: str | None) -> int:
    from diameter_ocs.values.units import UnitType

    return 0 if text is None else options.quantity("--lasting", text, UnitType.SECONDS) * 1000


def _trial(asked: _Asked, rule: "GroupRule", amounts: list[str], lasting_ms: int) -> "Trial":
    from diameter_ocs.charging.trial import Trial
    from diameter_ocs.values.units import format_quantity, parse_quantity

    try:
        reports = tuple(parse_quantity(amount, rule.unit) for amount in amounts)
    except ValueError as error:
        raise Failure(f"AMOUNT: {error}", WRONG_USAGE) from None
    most = MOST_GRANTS * rule.quota.maximum_units
    if sum(reports) > most:
        raise Failure(
            f"AMOUNT: at most {format_quantity(most, rule.unit)}, which are {MOST_GRANTS:,} grants of {rule.name}",
            WRONG_USAGE,
        )
    return Trial(
        asked.at_ms,
        rule.unit,
        reports,
        asked.rating_group,
        asked.services,
        asked.rated_as,
        asked.told,
        lasting_ms,
    )


def _places(catalogue: "Catalogue", told: "Conditions", at_ms: int) -> dict[str, Any]:
    """What the names of the catalogue say to number and network; None where none fits."""
    where = catalogue.geography
    number = where.numbering.normal(told.called_party)
    prefix, destination = next(where.destinations.matches(number, at_ms), (None, None)) if number else (None, None)
    return {
        "number": number or None,
        "prefix": prefix,
        "destination": destination,
        "network": where.network(told.visited_plmn),
    }


def _cost(asked: _Asked, rule: "GroupRule | None", tried: "Tried | None") -> dict[str, Any]:
    """The rule, the sum, the lines that make it, and with a subscriber what would pay."""
    from diameter_ocs.charging.why import explain, in_all
    from diameter_ocs.ledger.journal import Action
    from diameter_ocs.values.money import format_money
    from diameter_ocs.values.units import UnitType
    from diameter_ocs.wire.result_code import result_code_of

    facts: dict[str, Any] = {
        "offer": asked.subscriber.offer,
        "version": asked.catalogue.version,
        "rule": None if rule is None else rule.name,
        "treatment": None if rule is None else rule.treatment.value,
        "cost": None,
        "currency": asked.catalogue.currency,
    }
    if rule is None or tried is None:
        return facts
    shares = [share for share in in_all(explain(tried.entries, asked.account.buckets)) if share.is_usage]
    spent = sum(share.amount for share in shares if share.paid_in is UnitType.MONEY)
    has_price = rule.treatment.costs_nothing or rule.rate is not None or asked.is_known
    if tried.refused is None or shares:
        facts["cost"] = format_money(spent) if has_price else None
    facts["lines"] = [line for share in shares for line in _lines(share, asked)]
    if asked.is_known:
        facts["paid_by"] = [_paid(share) for share in shares if share.action is Action.DEBIT]
    refused = tried.refused
    if refused is not None:
        verdict = refused.credits[0].verdict if refused.credits else refused.verdict
        facts["refused"] = {"units": tried.unused, "result_code": int(result_code_of(verdict)), "why": verdict.value}
    return facts


def _lines(share: "Share", asked: _Asked) -> list[dict[str, Any]]:
    """Everything that is counted for one rule, band and bucket; use of a unit bucket and free use is one line."""
    from diameter_ocs.charging.sentence import line_words, quantity
    from diameter_ocs.ledger.journal import Action
    from diameter_ocs.values.units import UnitType

    counted, paid_in = share.counted or UnitType.OCTETS, share.paid_in or UnitType.MONEY
    common = {"rule": share.rule, "band": share.band or None}
    currency = asked.account.currency
    if share.rate is None:
        source = share.bucket or share.bucket_id
        words = "free" if share.action is Action.FREE else f"from {source}" if source else f"not charged: {share.why}"
        said = f"{quantity(share.units, counted, currency)} {words}"
        return [{**common, "kind": share.action.value, "units": share.units, "amount": 0, "words": said}]
    return [
        {
            **common,
            "kind": line.kind,
            "units": line.units,
            "price": line.step_micros,
            "per": line.step_units,
            "above": line.above_units,
            "amount": line.amount,
            "words": line_words(line, counted, paid_in, asked.rated_as, currency),
        }
        for line in share.lines
    ]


def _paid(share: "Share") -> dict[str, Any]:
    return {
        "bucket_id": share.bucket_id,
        "name": share.bucket or None,
        "units": share.units,
        "amount": share.amount,
        "unit": None if share.paid_in is None else share.paid_in.value,
        "remaining_after": share.left,
    }


def _print(facts: dict[str, Any]) -> None:
    from diameter_ocs.charging.sentence import quantity
    from diameter_ocs.values.money import format_money
    from diameter_ocs.values.units import UnitType

    out, currency = console(), facts["currency"]
    if facts["number"] is not None:
        place = f"prefix {facts['prefix']}, {facts['destination']}" if facts["prefix"] else "no destination"
        out.print(f"number {plain(facts['number'])}: {place}", soft_wrap=True)
    if facts["network"] is not None:
        out.print(f"network {facts['network']}")
    if facts["rule"] is None:
        out.print("nothing of the offer has a price for it: 5031")
        return
    named = f"{facts['rule']} ({facts['treatment']})"
    cost = "no price in money" if facts["cost"] is None else f"{facts['cost']} {currency}"
    out.print(f"{named}: {cost}", soft_wrap=True)
    for line in facts["lines"]:
        band = f"  [{line['band']}]" if line["band"] else ""
        out.print(f"  {format_money(line['amount'], currency):>16}  {line['words']}{band}", soft_wrap=True)
    for paid in facts.get("paid_by", ()):
        unit = UnitType(paid["unit"])
        left = quantity(paid["remaining_after"], unit, currency)
        taken = quantity(paid["amount"], unit, currency)
        out.print(f"  paid by {plain(paid['name'] or paid['bucket_id'])}: {taken}, {left} left", soft_wrap=True)
    if "refused" in facts:
        refused = facts["refused"]
        why = f"{refused['result_code']} {refused['why'].replace('_', ' ')}"
        out.print(f"  {refused['units']} units would not be granted: {why}", soft_wrap=True)
