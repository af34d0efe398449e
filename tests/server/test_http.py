"""The HTTP port as monitoring and people meet it: over a real socket."""

import asyncio
import signal
import socket

import httpx2
import jsonschema
import pytest

from diameter_ocs import __version__
from diameter_ocs.errors import ConfigurationError, StoreUnavailable
from diameter_ocs.server.address import Address
from diameter_ocs.server.http import HttpServer, NodeFacts, Readiness, create_app
from tests.support.telemetry import StoppedTime, exercised, names_on

NODE = NodeFacts(origin_host="ocs01.example.org", origin_realm="example.org")


class Port:
    """A running HTTP port whose readiness is set by the test."""

    def __init__(self) -> None:
        self.now = StoppedTime()
        self.reason: str | None = None
        self.asked = 0
        self.readiness = Readiness({"store": self.check}, self.now)
        self.app = create_app(NODE, exercised(self.now), self.readiness)
        self.server = HttpServer(Address("127.0.0.1", 0), self.app)

    async def check(self) -> str | None:
        self.asked += 1
        return self.reason

    async def get(self, path: str, method: str = "GET", **headers: str) -> httpx2.Response:
        async with httpx2.AsyncClient(base_url=f"http://{self.server.address}", timeout=10) as client:
            return await client.request(method, path, headers=headers)


@pytest.fixture
async def port():
    port = Port()
    await port.server.start()
    yield port
    await port.server.stop()


async def test_metrics_are_at_the_exact_path(port):
    answer = await port.get("/metrics")
    assert answer.status_code == 200
    assert answer.headers["content-type"] == "text/plain; version=0.0.4; charset=utf-8"
    assert "ocs_ccr_answers_total" in names_on(answer.text)


async def test_metrics_in_the_open_format(port):
    answer = await port.get("/metrics", accept="application/openmetrics-text; version=1.0.0")
    assert answer.headers["content-type"].startswith("application/openmetrics-text")
    assert answer.text.endswith("# EOF\n")


async def test_health(port):
    answer = await port.get("/healthz")
    assert (answer.status_code, answer.json()) == (200, {"status": "ok", "reasons": []})


async def test_readiness_says_why_not(port):
    assert (await port.get("/readyz")).json() == {"status": "ok", "reasons": []}
    port.reason = "database is locked"
    port.now.seconds += 1
    answer = await port.get("/readyz")
    assert answer.status_code == 503
    assert answer.json() == {"status": "unavailable", "reasons": ["store: database is locked"]}


async def test_a_draining_node_is_not_ready(port):
    port.readiness.is_draining = True
    answer = await port.get("/readyz")
    assert answer.status_code == 503
    assert "draining" in answer.json()["reasons"][0]


async def test_asking_for_readiness_often_costs_nothing(port):
    await asyncio.gather(*(port.get("/readyz") for _ in range(5)))
    assert port.asked == 1
    port.now.seconds += 1
    await port.get("/readyz")
    assert port.asked == 2


async def test_a_check_that_raises_or_hangs_is_a_reason():
    async def raises() -> str | None:
        raise StoreUnavailable("disk full")

    async def hangs() -> str | None:
        await asyncio.Event().wait()
        return None

    readiness = Readiness({"store": raises, "engine": hangs}, StoppedTime())
    readiness.CHECK_SECONDS = 0.01
    assert await readiness.reasons() == ["store: disk full", "engine: no answer within 0.01 s"]


async def test_status(port):
    status = (await port.get("/api/v1/status")).json()
    assert status["version"] == __version__
    assert status["node"] == {"origin_host": "ocs01.example.org", "origin_realm": "example.org"}
    assert status["answers"]["by_result_code"] == {"2001": 5, "3004": 1}
    assert status["sessions_open"] == 4
    assert status["peers"] == {"known": 2, "up": 1}


async def test_peers(port):
    shown = (await port.get("/api/v1/peers")).json()
    seen = [(peer["host"], peer["state"], peer["up"]) for peer in shown["peers"]]
    assert seen == [("pgw01.example.org", "r-open", True), ("pgw02.example.org", "closed", False)]
    assert shown["refused"][0]["hint"] == "[[peers]]"


async def test_answers_keep_what_openapi_promises(port):
    api = (await port.get("/openapi.json")).json()
    for path in ("/healthz", "/readyz", "/api/v1/status", "/api/v1/peers"):
        schema = api["paths"][path]["get"]["responses"]["200"]["content"]["application/json"]["schema"]
        jsonschema.validate((await port.get(path)).json(), {**schema, "components": api["components"]})
    assert "/metrics" in api["paths"]


@pytest.mark.parametrize(
    ("method", "path", "status"), [("GET", "/nothing", 404), ("POST", "/metrics", 405), ("GET", "/metrics/", 404)]
)
async def test_errors_are_problems(port, method, path, status):
    answer = await port.get(path, method)
    assert answer.status_code == status
    assert answer.headers["content-type"] == "application/problem+json"
    assert answer.json()["status"] == status
    assert answer.json()["title"]


async def test_invalid_input_and_failures_are_problems_without_details(port, caplog):
    @port.app.get("/number")
    async def number(value: int) -> int:
        return 1 // value

    answer = await port.get("/number?value=x")
    assert answer.status_code == 422
    assert "query.value" in answer.json()["detail"]
    answer = await port.get("/number?value=0")
    assert answer.status_code == 500
    assert answer.headers["content-type"] == "application/problem+json"
    assert "division" not in answer.text
    assert "division" in caplog.text


async def test_a_taken_port_is_named_with_its_key(port):
    with pytest.raises(ConfigurationError) as caught:
        await HttpServer(port.server.address, port.app).start()
    (problem,) = caught.value.problems
    assert problem.startswith(f"http.listen — cannot listen on {port.server.address}: address already in use — ")


@pytest.mark.parametrize("host", ["192.0.2.1", "no-such-host.invalid"])
async def test_an_address_of_another_machine_is_named(port, host):
    with pytest.raises(ConfigurationError, match=f"http.listen — cannot listen on {host}:0"):
        await HttpServer(Address(host, 0), port.app).start()


async def test_ipv6(port):
    server = HttpServer(Address("::1", 0), port.app)
    await server.start()
    assert str(server.address).startswith("[::1]:")
    async with httpx2.AsyncClient() as client:
        assert (await client.get(f"http://{server.address}/healthz")).status_code == 200
    await server.stop()


async def test_signals_stay_with_the_node(port):
    before = signal.getsignal(signal.SIGTERM)
    other = HttpServer(Address("127.0.0.1", 0), port.app)
    await other.start()
    assert signal.getsignal(signal.SIGTERM) is before
    await other.stop()


async def test_stopping_frees_the_port(port):
    address = port.server.address
    assert port.server.is_serving
    await port.server.stop()
    await port.server.stop()
    assert not port.server.is_serving
    with socket.socket() as free:
        free.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        free.bind(tuple(address))
