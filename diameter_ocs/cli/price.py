"""`ocs price`: what some use would cost by an offer, and which rule says so. Nobody is charged."""

from typing import TYPE_CHECKING, Annotated, Any

import typer

from diameter_ocs.cli import node, options
from diameter_ocs.cli.failure import WRONG_USAGE, Failure
from diameter_ocs.cli.output import console, print_json

if TYPE_CHECKING:
    from diameter_ocs.charging.conditions import Conditions
    from diameter_ocs.rating.catalogue import Catalogue, GroupRule

Offer = Annotated[str, typer.Argument(metavar="OFFER", help="An offer of the catalogue.")]
Amount = Annotated[str, typer.Argument(metavar="AMOUNT", help="'20 MB', '300 s', or a number of events.")]


def price(
    context: typer.Context,
    offer: Offer,
    amount: Amount,
    rating_group: options.RatingGroup = None,
    service: options.Services = None,
    service_name: options.OfService = None,
    destination: options.Destination = None,
    network: options.Network = None,
    apn: options.Apn = None,
    rat: options.Rat = None,
    location: options.Location = None,
    segment: options.Segment = None,
    config: options.ConfigFile = None,
    as_json: options.AsJson = False,
) -> None:
    """Show what a session or event of so many units would cost now, by number, network and the like.

    Example: ocs price prepaid-data '90 s' --of voice --destination +33612345678
    """
    from diameter_ocs.assemble import load_catalogue
    from diameter_ocs.cli.recharging import known_offer
    from diameter_ocs.rating.catalogue import DATA
    from diameter_ocs.rating.choice import chosen
    from diameter_ocs.rating.selection import RatingInput
    from diameter_ocs.server.clock import Clock

    catalogue = load_catalogue(node.settings(context, config))
    rated_as, services, at_ms = service_name or DATA, tuple(service or ()), Clock().at_ms()
    part = catalogue.offers[known_offer(offer, catalogue)].part(rated_as)
    if part is None:
        raise Failure(f"offer {offer} has no tariff for {rated_as}")
    rule = part.rule_for(rating_group, services)
    told = options.conditions(destination, network, apn, rat, location)
    if rule is not None:
        rule = chosen(rule, RatingInput(told, services, segment or ""), at_ms)
    facts = {**_places(catalogue, told, at_ms), **_cost(catalogue, rule, amount, at_ms)}
    if as_json:
        print_json(facts)
    else:
        _print(facts)


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


def _cost(catalogue: "Catalogue", rule: "GroupRule | None", amount: str, at_ms: int) -> dict[str, Any]:
    from diameter_ocs.rating.rate import price_of
    from diameter_ocs.values.money import format_money
    from diameter_ocs.values.units import parse_quantity

    if rule is None:
        return {"rule": None, "treatment": None, "cost": None, "currency": catalogue.currency}
    try:
        units = parse_quantity(amount, rule.unit)
    except ValueError as error:
        raise Failure(f"AMOUNT: {error}", WRONG_USAGE) from None
    rate = rule.timed.rate_at(at_ms, rule.timed.zone) if rule.timed is not None else rule.rate
    cost = 0 if rule.treatment.costs_nothing else price_of(rate, units) if rate is not None else None
    return {
        "rule": rule.name,
        "treatment": rule.treatment.value,
        "cost": None if cost is None else format_money(cost),
        "currency": catalogue.currency,
    }


def _print(facts: dict[str, Any]) -> None:
    out = console()
    if facts["number"] is not None:
        place = f"prefix {facts['prefix']}, {facts['destination']}" if facts["prefix"] else "no destination"
        out.print(f"number {facts['number']}: {place}", soft_wrap=True)
    if facts["network"] is not None:
        out.print(f"network {facts['network']}")
    if facts["rule"] is None:
        out.print("nothing of the offer has a price for it: 5031")
    elif facts["cost"] is None:
        out.print(f"{facts['rule']} ({facts['treatment']}): no price in money", soft_wrap=True)
    else:
        said = f"{facts['rule']} ({facts['treatment']}): {facts['cost']} {facts['currency']}"
        out.print(said, soft_wrap=True)
