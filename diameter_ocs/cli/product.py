"""`ocs product`: packs and add-ons of the catalogue, and what accounts have of them."""

from typing import TYPE_CHECKING, Annotated

import typer

from diameter_ocs.cli import node, options
from diameter_ocs.cli.output import console, print_json

if TYPE_CHECKING:
    from diameter_ocs.rating.catalogue import Catalogue
    from diameter_ocs.rating.products import Product

app = typer.Typer(help="Products: packs and add-ons, bought once or renewed.", no_args_is_help=True)

AccountId = Annotated[str, typer.Argument(metavar="ACCOUNT", help="Account id.")]


@app.command("list")
def list_products(context: typer.Context, config: options.ConfigFile = None, as_json: options.AsJson = False) -> None:
    """List the products of the catalogue."""
    from diameter_ocs.cli.output import table
    from diameter_ocs.values.money import format_money

    catalogue = node.catalogue(node.settings(context, config))
    products = list(catalogue.products.values())
    if as_json:
        print_json([_facts(product, catalogue) for product in products])
        return
    made = table("Products", "product", "title", "price", "renews or lasts", "brings", right=("price",))
    for product in products:
        made.add_row(
            product.name,
            product.title,
            format_money(product.price_micros, catalogue.currency),
            _lasting(product),
            ", ".join(_brings(product, catalogue)),
        )
    console().print(made)


@app.command()
def buy(
    context: typer.Context,
    account: AccountId,
    product: Annotated[str, typer.Argument(metavar="PRODUCT", help="Name in the catalogue.")],
    subscriber: Annotated[
        str, typer.Option("--subscriber", metavar="SUBSCRIBER", help="For this one alone; for all when left out.")
    ] = "",
    reason: options.Reason = "ocs product buy",
    config: options.ConfigFile = None,
    as_json: options.AsJson = False,
) -> None:
    """Buy a product from the money of an account. Sessions that had run dry go on.

    Example: ocs product buy acme data-10gb
    """
    from diameter_ocs.cli.account import execute_and_print
    from diameter_ocs.recharge.commands import Buy

    loaded = node.settings(context, config)
    execute_and_print(loaded, Buy(account, product, subscriber, reason), as_json)


@app.command()
def cancel(
    context: typer.Context,
    account: AccountId,
    owned: Annotated[str, typer.Argument(metavar="ID", help="Its id, as `ocs account show` tells it.")],
    at_once: Annotated[bool, typer.Option("--at-once", help="Now, with whatever is left of it.")] = False,
    reason: options.Reason = "ocs product cancel",
    config: options.ConfigFile = None,
    as_json: options.AsJson = False,
) -> None:
    """End a product of an account: with the period that is paid, or at once.

    Example: ocs product cancel acme data-10gb-17
    """
    from diameter_ocs.cli.account import execute_and_print
    from diameter_ocs.recharge.commands import CancelProduct

    loaded = node.settings(context, config)
    execute_and_print(loaded, CancelProduct(account, owned, at_once, reason), as_json)


def _lasting(product: "Product") -> str:
    if product.period is None:
        return "for good"
    return f"every {product.period}" if product.renews else str(product.period)


def _brings(product: "Product", catalogue: "Catalogue") -> list[str]:
    from diameter_ocs.cli.views import amount

    return [
        f"{each.name} {amount(each.amount, each.unit, catalogue.currency)}" for each in catalogue.allowances(product)
    ]


def _facts(product: "Product", catalogue: "Catalogue") -> dict[str, object]:
    return {
        "product": product.name,
        "title": product.title,
        "price": product.price_micros,
        "currency": catalogue.currency,
        "period": None if product.period is None else str(product.period),
        "renews": product.renews,
        "shared": product.is_shared,
        "includes": list(product.includes),
        "allowances": [
            {"name": each.name, "unit": each.unit.value, "amount": each.amount}
            for each in catalogue.allowances(product)
        ],
    }
