"""Orders to a running node over its HTTP port, from the machine itself only: nothing here asks for credentials."""

import ipaddress
from collections.abc import Awaitable, Callable
from enum import Enum
from http import HTTPStatus

from fastapi import FastAPI, Request
from starlette.exceptions import HTTPException

from diameter_ocs.errors import ConfigurationError
from diameter_ocs.peer.events import DisconnectCause
from diameter_ocs.server.pages import Page

Disconnect = Callable[[str, DisconnectCause], bool]
Reload = Callable[[], Awaitable[tuple[str, list[str]]]]
"""Gives the version in force and the offers that have changed. Raises ConfigurationError."""


class Cause(Enum):
    """Disconnect-Cause in words (RFC 6733 §5.4.3)."""

    REBOOTING = "rebooting"
    BUSY = "busy"
    DO_NOT_WANT_TO_TALK_TO_YOU = "do-not-want-to-talk-to-you"


class DisconnectOrder(Page):
    """Why the peer is disconnected: it may come back after 'rebooting', and should not after the others."""

    cause: Cause = Cause.REBOOTING


class Done(Page):
    done: bool = True


class CatalogueInForce(Page):
    """What is sold from now on. changed_offers: new, gone or with other rules than before."""

    version: str
    changed_offers: list[str]


def add_control(app: FastAPI, disconnect: Disconnect, reload: Reload) -> None:
    """The orders. disconnect: sends DPR to a peer; False when it is not connected. reload: of the catalogue."""

    @app.post("/api/v1/peers/{host}/disconnect", tags=["control"])
    async def disconnect_peer(host: str, order: DisconnectOrder, request: Request) -> Done:
        """Disconnect a peer in order: DPR with a cause, DPA, close."""
        _demand_loopback(request)
        if not disconnect(host, DisconnectCause[order.cause.name]):
            raise HTTPException(HTTPStatus.NOT_FOUND, f"peer {host} is not connected")
        return Done()

    @app.post("/api/v1/catalogue/reload", tags=["control"])
    async def reload_catalogue(request: Request) -> CatalogueInForce:
        """Read the catalogue file again; with any mistake in it nothing changes."""
        _demand_loopback(request)
        try:
            version, changed = await reload()
        except ConfigurationError as error:
            raise HTTPException(HTTPStatus.UNPROCESSABLE_ENTITY, "\n".join(error.problems)) from None
        return CatalogueInForce(version=version, changed_offers=changed)


def _demand_loopback(request: Request) -> None:
    address = request.client.host if request.client is not None else ""
    try:
        is_own = ipaddress.ip_address(address).is_loopback
    except ValueError:
        is_own = False
    if not is_own:
        raise HTTPException(HTTPStatus.FORBIDDEN, "orders are taken from the node's own machine only")
