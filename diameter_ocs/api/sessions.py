"""Sessions: look at them, and have their gateways asked."""

from typing import Annotated

from fastapi import APIRouter, Path, Query
from fastapi.responses import JSONResponse, Response
from pydantic import Field

from diameter_ocs.api import views
from diameter_ocs.api.access import needs
from diameter_ocs.api.bodies import SessionOrder
from diameter_ocs.api.http import Chosen, Paging, listed, record, told, writes
from diameter_ocs.api.service import Order, Service
from diameter_ocs.charging.commands import AskGateway
from diameter_ocs.charging.outbox import RequestKind
from diameter_ocs.recharge.once import Repeatable

SessionKey = Annotated[
    str, Path(max_length=1024, description="As `session_key` tells it.", examples=["pgw01.epc.example.org;1;2"])
]


class SessionQuery(Paging):
    account_id: Annotated[str, Field(max_length=64)] | None = None
    closed: bool = False
    """Tell closed sessions too, as long as they are remembered."""


def add_sessions(router: APIRouter, api: Service) -> None:
    """Everything below /sessions."""

    @router.get("/sessions", tags=["sessions"], response_model=views.SessionList, dependencies=[needs("sessions:read")])
    async def list_sessions(query: Annotated[SessionQuery, Query()]) -> Response:
        """Sessions, those with the latest request first."""
        open_only = not query.closed
        found = await api.store.sessions(account_id=query.account_id, open_only=open_only, limit=query.limit)
        return listed([views.session_view(each) for each in found], views.SessionView, query.fields)

    @router.post(
        "/sessions/{session_key:path}/reauthorize", tags=["sessions"], status_code=202, response_model=views.Receipt
    )
    async def reauthorize(
        session_key: SessionKey, body: SessionOrder, order: Annotated[Order, writes("sessions:write")]
    ) -> JSONResponse:
        """Have the gateway of an open session ask again (RAR). The request is on record; it is sent afterwards."""
        return await _ask(api, order, session_key, body, RequestKind.REAUTHORIZE)

    @router.post("/sessions/{session_key:path}/abort", tags=["sessions"], status_code=202, response_model=views.Receipt)
    async def abort(
        session_key: SessionKey, body: SessionOrder, order: Annotated[Order, writes("sessions:write")]
    ) -> JSONResponse:
        """Have the gateway of an open session end it (ASR). The request is on record; it is sent afterwards."""
        return await _ask(api, order, session_key, body, RequestKind.ABORT)

    @router.get(
        "/sessions/{session_key:path}",
        tags=["sessions"],
        response_model=views.SessionView,
        dependencies=[needs("sessions:read")],
    )
    async def show_session(session_key: SessionKey, fields: Chosen = None) -> Response:
        """One session with its quotas."""
        return record(views.session_view(await api.session(session_key)), fields)


async def _ask(api: Service, order: Order, key: str, body: SessionOrder, kind: RequestKind) -> JSONResponse:
    async def make() -> Repeatable:
        session = await api.session(key)
        group = body.rating_group if kind is RequestKind.REAUTHORIZE else None
        return AskGateway(session.account_id, session.session_id, kind, group, order.told(body.reason))

    return told(await api.write(order, body, make), 202)
