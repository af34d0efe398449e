"""The application: all pages under /api/v1 behind one door, their description, and what errors look like."""

from collections.abc import Callable
from typing import Any

import structlog
from fastapi import APIRouter, FastAPI, Request, Security
from fastapi.exceptions import RequestValidationError
from fastapi.responses import JSONResponse
from fastapi.routing import APIRoute
from fastapi.security import HTTPBearer
from starlette.exceptions import HTTPException

from diameter_ocs import __version__
from diameter_ocs.api import problems
from diameter_ocs.api.access import Door, Pace
from diameter_ocs.api.accounts import add_accounts
from diameter_ocs.api.catalogue import add_catalogue, add_node
from diameter_ocs.api.problems import PROBLEM_JSON, Problem, Refused
from diameter_ocs.api.service import Service
from diameter_ocs.api.sessions import add_sessions
from diameter_ocs.api.subscribers import add_subscribers
from diameter_ocs.errors import StoreError

log = structlog.get_logger("ocs.api")

PREFIX = "/api/v1"
ABOUT = """Accounts, subscribers, sessions and what is sold, of an online charging system.

Every request needs a key: `Authorization: Bearer ocs_...`. Every write needs an `Idempotency-Key`: it is done once, and
every repeat gets the first answer, with the header `Idempotent-Replayed: true`. `If-Match` with the ETag of a record
makes a write happen in that state only. Money is decimal text with its currency; octets, seconds and events are whole
numbers. Errors are problem documents (RFC 9457) that name the field and the rule."""


class Api(FastAPI):
    """FastAPI, with a description that says what errors are sent as and which scope a page needs."""

    pages: APIRouter
    """Every page that is described."""

    def openapi(self) -> dict[str, Any]:
        if not self.openapi_schema:
            made = super().openapi()
            for route in self.pages.routes:
                if isinstance(route, APIRoute):
                    for method in route.methods or ():
                        _complete(made["paths"][route.path_format][method.lower()], route)
        return super().openapi()


def create_api(service: Service, requests_per_second: float, now: Callable[[], float]) -> Api:
    """now: monotonic seconds, for the pace of each client."""
    app = Api(
        title="diameter_ocs",
        version=__version__,
        description=ABOUT,
        openapi_url=None,
        docs_url=None,
        redoc_url=None,
        redirect_slashes=False,
        responses={"default": {"model": Problem, "description": "An error."}},
    )
    router = APIRouter(
        prefix=PREFIX,
        dependencies=[Security(HTTPBearer(auto_error=False, scheme_name="key"))],
        generate_unique_id_function=lambda route: route.name,
    )
    add_accounts(router, service)
    add_subscribers(router, service)
    add_sessions(router, service)
    add_catalogue(router, service)
    add_node(router, service.peers)
    app.include_router(router)
    app.pages = router

    @app.get(f"{PREFIX}/openapi.json", include_in_schema=False)
    async def description() -> JSONResponse:
        return JSONResponse(app.openapi())

    _add_errors(app)
    app.add_middleware(Door, store=service.store, at_ms=service.at_ms, pace=Pace(requests_per_second, now))
    return app


def needed_scope(route: APIRoute) -> str | None:
    """What a key must have for this page; None: any key will do."""
    pending = [route.dependant]
    while pending:
        dependant = pending.pop()
        scope = getattr(dependant.call, "needed_scope", None)
        if scope is not None:
            return str(scope)
        pending += dependant.dependencies
    return None


def _complete(operation: dict[str, Any], route: APIRoute) -> None:
    content = operation["responses"]["default"]["content"]
    content[PROBLEM_JSON] = content.pop("application/json")
    scope = needed_scope(route)
    if scope is not None:
        operation["x-required-scope"] = scope


def _add_errors(app: FastAPI) -> None:
    @app.exception_handler(Refused)
    async def refused(_: Request, error: Refused) -> JSONResponse:
        return problems.response(error)

    @app.exception_handler(RequestValidationError)
    async def invalid(_: Request, error: RequestValidationError) -> JSONResponse:
        return problems.response(problems.of_fields(error.errors()))

    @app.exception_handler(HTTPException)
    async def of_framework(_: Request, error: HTTPException) -> JSONResponse:
        kinds = {404: problems.NO_SUCH_PAGE, 405: problems.METHOD}
        kind = kinds.get(error.status_code, problems.MALFORMED)
        return problems.response(Refused(kind, headers=error.headers))

    @app.exception_handler(StoreError)
    async def store_failed(_: Request, error: StoreError) -> JSONResponse:
        log.error("the store cannot be read", error=str(error))
        return problems.response(Refused(problems.STORE))

    @app.exception_handler(Exception)
    async def failed(_: Request, __: Exception) -> JSONResponse:
        return problems.response(Refused(problems.INTERNAL, "see the log of the node"))
