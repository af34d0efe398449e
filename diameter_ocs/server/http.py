"""The port for people and monitoring: metrics, health and status. No personal data, no changes.

Runs in the same event loop as the Diameter port, so every handler is a short look at what is in memory.
"""

import asyncio
import errno
import socket
from collections.abc import Generator, Mapping, Sequence
from contextlib import contextmanager
from http import HTTPStatus
from pathlib import Path
from ssl import SSLError
from typing import Any, Protocol

import uvicorn
from fastapi import FastAPI, Request, Response
from fastapi.exceptions import RequestValidationError
from fastapi.responses import JSONResponse
from starlette.exceptions import HTTPException

from diameter_ocs import __version__
from diameter_ocs.errors import ConfigurationError
from diameter_ocs.server.address import Address
from diameter_ocs.server.pages import Health, NodeFacts, PeerList, Problem, Status
from diameter_ocs.server.readiness import Readiness

__all__ = ["HttpServer", "NodeFacts", "Readiness", "create_app"]

PROBLEM_JSON = "application/problem+json"
STOP_SECONDS = 3
"""For requests under way when the port closes."""
BACKLOG = 64


class TelemetryView(Protocol):
    """What the pages show, see telemetry.metrics.Telemetry."""

    def render(self, accept: str = "") -> tuple[str, bytes]: ...

    def status(self) -> dict[str, Any]: ...

    def peers(self) -> list[dict[str, Any]]: ...

    def refused_peers(self) -> list[dict[str, Any]]: ...


def create_app(node: NodeFacts, telemetry: TelemetryView, readiness: Readiness) -> FastAPI:
    """The pages. More routes may be added before it is served."""
    app = FastAPI(
        title="diameter_ocs",
        version=__version__,
        description="Metrics, health and status of an online charging node.",
        docs_url=None,
        redoc_url=None,
        redirect_slashes=False,
        responses={"default": {"model": Problem, "description": "An error.", "content": {PROBLEM_JSON: {}}}},
    )
    _add_errors(app)
    _add_health(app, telemetry, readiness)
    _add_status(app, node, telemetry)
    return app


def _add_health(app: FastAPI, telemetry: TelemetryView, readiness: Readiness) -> None:
    @app.get("/metrics", tags=["monitoring"], response_class=Response)
    async def metrics(request: Request) -> Response:
        """Prometheus metrics."""
        content_type, page = telemetry.render(request.headers.get("accept", ""))
        return Response(page, headers={"content-type": content_type})

    @app.get("/healthz", tags=["monitoring"])
    async def healthz() -> Health:
        """Is the process alive? It answers, so it is."""
        return Health(status="ok")

    @app.get("/readyz", tags=["monitoring"], responses={503: {"model": Health}})
    async def readyz(response: Response) -> Health:
        """May this node get traffic? If not, why."""
        reasons = await readiness.reasons()
        if reasons:
            response.status_code = HTTPStatus.SERVICE_UNAVAILABLE
        return Health(status="unavailable" if reasons else "ok", reasons=reasons)


def _add_status(app: FastAPI, node: NodeFacts, telemetry: TelemetryView) -> None:
    @app.get("/api/v1/status", tags=["status"])
    async def status() -> Status:
        """The node at a glance."""
        return Status.model_validate({"version": __version__, "node": node, **telemetry.status()})

    @app.get("/api/v1/peers", tags=["status"])
    async def peers() -> PeerList:
        """Every peer with its state, and those turned away lately."""
        return PeerList.model_validate({"peers": telemetry.peers(), "refused": telemetry.refused_peers()})


def _add_errors(app: FastAPI) -> None:
    @app.exception_handler(HTTPException)
    async def refused(_: Request, error: HTTPException) -> JSONResponse:
        return problem(error.status_code, str(error.detail), error.headers)

    @app.exception_handler(RequestValidationError)
    async def invalid(_: Request, error: RequestValidationError) -> JSONResponse:
        return problem(HTTPStatus.UNPROCESSABLE_ENTITY, "; ".join(map(_said, error.errors())))

    @app.exception_handler(Exception)
    async def failed(_: Request, __: Exception) -> JSONResponse:
        return problem(HTTPStatus.INTERNAL_SERVER_ERROR, "see the log of the node")


def _said(error: Any) -> str:
    return f"{'.'.join(map(str, error['loc']))}: {error['msg']}"


def problem(status: int, detail: str, headers: Mapping[str, str] | None = None) -> JSONResponse:
    """An answer that says what went wrong (RFC 9457)."""
    title = HTTPStatus(status).phrase
    body = Problem(title=title, status=status, detail=detail if detail != title else None)
    return JSONResponse(body.model_dump(exclude_none=True), status, dict(headers or {}), PROBLEM_JSON)


class _Server(uvicorn.Server):
    """uvicorn without its own signal handling: SIGINT and SIGTERM belong to the whole node."""

    def __init__(self, config: uvicorn.Config) -> None:
        super().__init__(config)
        self.listening = asyncio.Event()

    @contextmanager
    def capture_signals(self) -> Generator[None, None, None]:
        yield

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        await super().startup(sockets)
        self.listening.set()


class HttpServer:
    """Serves an app on one address until stopped.

    key: the configuration key of the address, named when it cannot be taken. tls: files with the certificate and
    its private key; None: no TLS.
    """

    def __init__(
        self, listen: Address, app: FastAPI, key: str = "http.listen", tls: tuple[Path, Path] | None = None
    ) -> None:
        self._listen = listen
        self._key = key
        self._server = _Server(
            uvicorn.Config(
                app,
                log_config=None,
                access_log=False,
                lifespan="off",
                http="httptools",
                ws="none",
                server_header=False,
                timeout_graceful_shutdown=STOP_SECONDS,
                ssl_certfile=tls[0] if tls is not None else None,
                ssl_keyfile=tls[1] if tls is not None else None,
            )
        )
        self._task: asyncio.Task[None] | None = None
        self.address = listen
        """Where it really listens, once started: the port is known even when 0 was asked for."""

    async def start(self) -> None:
        """Listen. Raises ConfigurationError when the address cannot be taken, or the certificate not be read."""
        listener = await self._bind()
        host, port = listener.getsockname()[:2]
        self.address = Address(host, port)
        self._task = asyncio.create_task(self._server.serve(sockets=[listener]), name="ocs-http")
        listening = asyncio.create_task(self._server.listening.wait())
        await asyncio.wait((self._task, listening), return_when=asyncio.FIRST_COMPLETED)
        listening.cancel()
        if self._task.done():
            task, self._task = self._task, None
            try:
                await task
            except SSLError as error:
                listener.close()
                problem = f"{self._key} — the certificate and its key cannot be used: {error.reason} — name PEM files"
                raise ConfigurationError([problem]) from error

    @property
    def is_serving(self) -> bool:
        """Does the port answer?"""
        return self._task is not None and not self._task.done()

    async def _bind(self) -> socket.socket:
        loop = asyncio.get_running_loop()
        host, port = self._listen
        try:
            found = await loop.getaddrinfo(host, port, type=socket.SOCK_STREAM, flags=socket.AI_PASSIVE)
            return _listener(found)
        except OSError as error:
            raise ConfigurationError([cannot_listen(self._listen, self._key, error)]) from error

    async def stop(self) -> None:
        """Close the port; requests under way get a few seconds. Safe to call twice."""
        if self._task is None:
            return
        task, self._task = self._task, None
        self._server.should_exit = True
        await task


def _listener(found: Sequence[tuple[Any, ...]]) -> socket.socket:
    family, kind, protocol, _, address = found[0]
    listener = socket.socket(family, kind, protocol)
    try:
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        if family == socket.AF_INET6:
            listener.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY, 1)
        listener.bind(address)
        listener.listen(BACKLOG)
        listener.setblocking(False)
    except OSError:
        listener.close()
        raise
    return listener


HINTS = {
    errno.EADDRINUSE: "choose another port, or stop the program that has it",
    errno.EADDRNOTAVAIL: "name an address of this machine",
    errno.EACCES: "ports below 1024 need rights; choose a higher one",
}


def cannot_listen(address: Address, key: str, error: OSError) -> str:
    """The problem line of an address that cannot be taken, in the form of configuration problems."""
    hint = HINTS.get(error.errno or 0, "name an address of this machine and a free port")
    return f"{key} — cannot listen on {address}: {(error.strerror or str(error)).lower()} — {hint}"
