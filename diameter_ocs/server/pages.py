"""What the JSON pages of the HTTP port hold: the schema in /openapi.json. No personal data."""

from pydantic import BaseModel, ConfigDict


class Page(BaseModel):
    model_config = ConfigDict(frozen=True)


class NodeFacts(Page):
    """Who this node is."""

    origin_host: str
    origin_realm: str


class Health(Page):
    """status is 'ok' or 'unavailable'; reasons is empty when ok."""

    status: str
    reasons: list[str] = []


class Answers(Page):
    """Credit-control answers since the start."""

    total: int
    per_second: float
    by_request_type: dict[str, int]
    by_result_code: dict[str, int]
    repeated_total: int
    dropped_late_total: int


class Latency(Page):
    """Seconds from arrival to answer, estimated from the histogram; null before the first answer."""

    p50: float | None
    p95: float | None
    p99: float | None


class Queue(Page):
    """Commands waiting in the engine."""

    length: int | None
    limit: int | None


class PeerCounts(Page):
    known: int
    up: int


class Status(Page):
    """The node at a glance; null where something is not known yet."""

    version: str
    node: NodeFacts
    uptime_seconds: float
    sessions_open: int | None
    requests_inflight: int | None
    answers: Answers
    latency_seconds: Latency
    queue: Queue
    commit_failures_total: int
    refused_total: int
    peers: PeerCounts


class PeerPage(Page):
    """One peer and its connection, see server.peer_status.PeerStatus."""

    host: str
    realm: str
    state: str
    up: bool
    direction: str
    address: str
    connected_since_ms: int | None
    last_message_ms: int | None
    watchdog: str
    messages_in: int
    messages_out: int
    applications: list[int]
    product_name: str
    rule: str
    profile: str
    detail: str


class RefusedPeerPage(Page):
    """A peer that was not let in; hint: the lines of the configuration that let it in."""

    at_ms: int
    host: str
    realm: str
    address: str
    reason: str
    hint: str


class PeerList(Page):
    peers: list[PeerPage]
    refused: list[RefusedPeerPage]


class Problem(Page):
    """An error (RFC 9457)."""

    type: str = "about:blank"
    title: str
    status: int
    detail: str | None = None
