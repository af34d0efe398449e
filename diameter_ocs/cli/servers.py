"""Which servers the simulated gateways talk to, and what the books of the server say afterwards."""

from collections.abc import Sequence
from typing import TYPE_CHECKING, Annotated

import typer

from diameter_ocs.cli import node
from diameter_ocs.cli.failure import WRONG_USAGE, Failure, wrong_option
from diameter_ocs.server.address import Address, parse_address

if TYPE_CHECKING:
    from diameter_ocs.config import Config
    from diameter_ocs.simulator.credit import SessionBooks

OriginHost = Annotated[str, typer.Option("--origin-host", help="Diameter name of the simulated gateway.")]
OriginRealm = Annotated[str, typer.Option("--origin-realm", help="Its realm.")]
REALM = "epc.mnc001.mcc001.3gppnetwork.org"
ANY_ADDRESS = {"0.0.0.0": "127.0.0.1", "::": "::1"}  # noqa: S104


def addresses(servers: Sequence[str] | None, config: "Config") -> list[tuple[str, int]]:
    """Those of --server, else the first Diameter address of the configuration. Raises Failure."""
    if not servers:
        first = config.diameter.listen[0]
        return [(ANY_ADDRESS.get(first.host, first.host), _port(first, "diameter.listen"))]
    found = []
    for text in servers:
        try:
            address = parse_address(text)
        except ValueError as error:
            raise wrong_option("--server", f"{text!r} {error}") from None
        found.append((address.host, _port(address, "--server")))
    return found


def diameter_name(option: str, text: str) -> str:
    """A host or, for an option of that name, a realm as Diameter writes it. Raises Failure."""
    from diameter_ocs.config import values

    try:
        return values.realm_name(text) if option.endswith("realm") else values.diameter_name(text)
    except ValueError as error:
        raise wrong_option(option, f"{text!r} {error}") from None


def _port(address: Address, option: str) -> int:
    if address.port == 0:
        raise wrong_option(option, f"port 0 of {address} is no port to connect to; name the server with --server")
    return address.port


async def books_differ(config: "Config", prefixes: Sequence[str], seen: "SessionBooks") -> list[str]:
    """Where the journal of the configured store is not what the gateways saw; empty when they agree."""
    from diameter_ocs.simulator.conservation import consumed_by_session, differences

    consumed: dict[str, dict[int | None, int]] = {}
    async with node.opened(config) as store:
        for prefix in prefixes:
            consumed.update(await consumed_by_session(store, prefix))
    return differences(seen, {session_id: consumed[session_id] for session_id in consumed.keys() & seen.keys()})


async def sessions_differ(config: "Config", seen: "SessionBooks") -> list[str]:
    """The same for some sessions, without reading the whole journal."""
    from diameter_ocs.demo.books import differences_of

    async with node.opened(config) as store:
        return await differences_of(store, seen)


def unreachable(servers: Sequence[tuple[str, int]], error: object) -> Failure:
    """No server there."""
    names = ", ".join(f"{host}:{port}" for host, port in servers)
    return Failure(f"--server: {names}: {error} — is `ocs serve` running, and is this gateway admitted?", WRONG_USAGE)
