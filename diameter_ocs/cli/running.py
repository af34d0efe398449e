"""A running node, asked over its HTTP port."""

import json
from typing import TYPE_CHECKING, Annotated, Any
from urllib.error import HTTPError, URLError
from urllib.request import Request, urlopen

import typer

from diameter_ocs.cli.failure import WRONG_USAGE, Failure

if TYPE_CHECKING:
    from diameter_ocs.config import Config

PATIENCE_SECONDS = 5.0
HttpAddress = Annotated[
    str | None, typer.Option("--http", metavar="HOST:PORT", help="HTTP address of the node instead of http.listen.")
]


def ask(config: "Config", http: str | None, path: str, order: dict[str, Any] | None = None) -> Any:
    """What the node answers. Raises Failure with what it says, or that it does not answer."""
    address = http or str(config.http.listen)
    body = None if order is None else json.dumps(order).encode()
    request = Request(f"http://{address}/api/v1/{path}", body, {"content-type": "application/json"})
    try:
        with urlopen(request, timeout=PATIENCE_SECONDS) as answer:  # noqa: S310
            return json.load(answer)
    except HTTPError as error:
        raise Failure(_detail(error), 1) from None
    except (URLError, OSError, ValueError) as error:
        reason = getattr(error, "reason", error)
        raise Failure(f"no node answers at http://{address}: {reason}; is `ocs serve` running?", WRONG_USAGE) from None


def _detail(error: HTTPError) -> list[str]:
    try:
        return str(json.load(error)["detail"]).splitlines()
    except (ValueError, KeyError):
        return [f"the node answered {error.code}"]
