"""`ocs quota`: why grants have the size they have."""

from typing import TYPE_CHECKING, Annotated, Any

import typer

from diameter_ocs.cli import node, options
from diameter_ocs.cli.failure import WRONG_USAGE, Failure
from diameter_ocs.cli.output import console, print_json
from diameter_ocs.values.session_key import session_key, told_key

if TYPE_CHECKING:
    from diameter_ocs.charging.conditions import Conditions
    from diameter_ocs.charging.explain import Explanation
    from diameter_ocs.charging.request import ServiceUnits
    from diameter_ocs.config import Config
    from diameter_ocs.ledger.account import Account

app = typer.Typer(help="Quota: why a grant has the size it has.", no_args_is_help=True)


@app.command()
def explain(
    context: typer.Context,
    subscriber: Annotated[str, typer.Option("--subscriber", metavar="WHO", help="msisdn, imsi or kind:value.")],
    rating_group: options.RatingGroup = None,
    service: options.Services = None,
    requested: Annotated[
        str | None, typer.Option("--requested", help="What the gateway asks for: '20 MB', '300 s', 5.")
    ] = None,
    session: Annotated[
        str | None, typer.Option("--session", help="An open session it would be asked in; a new one when left out.")
    ] = None,
    sub_session: options.SubSession = None,
    service_name: options.OfService = None,
    destination: options.Destination = None,
    network: options.Network = None,
    apn: options.Apn = None,
    rat: options.Rat = None,
    location: options.Location = None,
    config: options.ConfigFile = None,
    as_json: options.AsJson = False,
) -> None:
    """Show what a gateway would be granted now, and which rule made it so. No balance is touched.

    What --destination, --network and the like tell is added to what the session knows.

    Example: ocs quota explain --subscriber 49151000001 --rating-group 10 --requested '20 MB'
    """
    loaded = node.settings(context, config)
    services = tuple(service or ())
    key = session_key(session, sub_session) if session is not None else None
    told = options.conditions(destination, network, apn, rat, location)
    asked = _explain(loaded, subscriber, rating_group, services, requested, key, service_name, told)
    account, found = node.run(asked)
    if as_json:
        print_json(_facts(found))
    else:
        _print(account, found)


async def _explain(
    loaded: "Config",
    who: str,
    rating_group: int | None,
    services: tuple[int, ...],
    requested: str | None,
    key: str | None,
    service_name: str | None,
    told: "Conditions",
) -> "tuple[Account, Explanation]":
    from diameter_ocs.assemble import catalogue_in_force
    from diameter_ocs.charging.decide import offer_of
    from diameter_ocs.charging.explain import explain_grant
    from diameter_ocs.cli import lookup
    from diameter_ocs.rating.catalogue import DATA
    from diameter_ocs.server.clock import Clock

    async with node.opened(loaded) as store:
        catalogue = await catalogue_in_force(loaded, store)
        versioned, subscriber = await lookup.subscriber(store, who)
        session = await lookup.session(store, key) if key is not None else None
    if session is not None and session.subscriber_id != subscriber.subscriber_id:
        raise Failure(f"session {told_key(session.session_id)} is not one of {who}")
    rated_as = service_name or (session.rated_as if session is not None else DATA)
    offer = offer_of(catalogue, subscriber, rated_as)
    if offer is None:
        raise Failure(f"offer {subscriber.offer} has no tariff for {rated_as}")
    rule = offer.rule_for(rating_group, services)
    wish = _wish(requested, rule.unit.value if rule is not None else "octets")
    at_ms = Clock().at_ms()
    account = versioned.account
    found = explain_grant(
        account, subscriber, offer, rating_group, services, wish, at_ms, session, rated_as, told, catalogue
    )
    return account, found


def _wish(text: str | None, unit: str) -> "ServiceUnits":
    from diameter_ocs.charging.request import ServiceUnits
    from diameter_ocs.values.units import UnitType, parse_quantity

    if text is None:
        return ServiceUnits()
    try:
        amount = parse_quantity(text, UnitType(unit))
    except ValueError as error:
        raise Failure(f"--requested: {error}", WRONG_USAGE) from None
    kind = UnitType(unit)
    if kind is UnitType.OCTETS:
        return ServiceUnits(octets=amount)
    return ServiceUnits(events=amount) if kind is UnitType.EVENTS else ServiceUnits(seconds=amount)


def _result_code(found: "Explanation") -> int:
    from diameter_ocs.values.verdict import Verdict
    from diameter_ocs.wire.result_code import RESULT_CODE_OF_VERDICT

    verdict = found.outcome.verdict
    return 2001 if verdict is Verdict.SUCCESS else int(RESULT_CODE_OF_VERDICT[verdict])


def _pool(found: "Explanation") -> dict[str, int] | None:
    """The credit pool that the grant goes into."""
    extras = found.outcome.extras
    if extras is None or extras.pool is None:
        return None
    return {"pool": extras.pool.pool_id, "multiplier": extras.pool.multiplier}


def _facts(found: "Explanation") -> dict[str, Any]:
    outcome = found.outcome
    return {
        "rule": found.rule.name if found.rule is not None else None,
        "treatment": found.rule.treatment.value if found.rule is not None else None,
        "result_code": _result_code(found),
        "granted": outcome.granted,
        "unit": outcome.unit.value,
        "validity_seconds": outcome.validity_seconds,
        "threshold": outcome.threshold,
        "final": outcome.final.name.lower() if outcome.final is not None else None,
        "pool": _pool(found),
        "steps": [{"rule": step.rule, "units": step.units} for step in found.steps],
        "reserved": [
            {"bucket_id": each.bucket_id, "amount": each.amount, "units": each.units} for each in found.reserved
        ],
    }


def _print(account: "Account", found: "Explanation") -> None:
    from diameter_ocs.cli.output import table
    from diameter_ocs.cli.views import amount
    from diameter_ocs.values.units import format_quantity

    outcome, out = found.outcome, console()
    if found.rule is None:
        out.print("No group of the offer fits: 5031.")
        return
    unit = found.rule.unit
    if found.steps:
        made = table(f"Group {found.rule.name}", "rule", "units", right=("units",))
        for step in found.steps:
            made.add_row(step.rule, format_quantity(step.units, unit))
        out.print(made)
    said = [f"result {_result_code(found)}"]
    if outcome.granted is not None:
        said.append(f"granted {format_quantity(outcome.granted, unit)}")
    if outcome.validity_seconds is not None:
        said.append(f"for {outcome.validity_seconds} s")
    if outcome.threshold is not None:
        said.append(f"threshold {format_quantity(outcome.threshold, unit)}")
    pool = _pool(found)
    if pool is not None:
        said.append(f"in pool {pool['pool']} at multiplier {pool['multiplier']}")
    if outcome.final is not None:
        said.append(f"final units: {outcome.final.name.lower().replace('_', ' ')}")
    out.print(f"Group {found.rule.name} ({found.rule.treatment.value}): {', '.join(said)}")
    buckets = {bucket.bucket_id: bucket for bucket in account.buckets}
    for each in found.reserved:
        bucket = buckets[each.bucket_id]
        paid = amount(each.amount, bucket.unit, account.currency)
        out.print(f"  {paid} of {bucket.name or bucket.bucket_id} for {format_quantity(each.units, unit)}")
