"""Every setting there is: its type, its default, its bounds and what it means."""

from pathlib import Path
from typing import Annotated, Any, Literal

from pydantic import AfterValidator, BaseModel, ConfigDict, Field, PrivateAttr, Strict

from diameter_ocs.charging.rules import Silence, UnknownSession
from diameter_ocs.config import values
from diameter_ocs.peer.watchdog import MIN_TW_SECONDS
from diameter_ocs.server.address import Address
from diameter_ocs.values.identity import IdentityKind

LARGEST_MESSAGE = 16_777_212
"""Message Length has 24 bits and is a multiple of 4 (RFC 6733 §3)."""
LATEST_ANSWER_SECONDS = 5.0
"""Gateways give up on a request at about this age, and an answer that comes later harms some of them."""

DiameterName = Annotated[str, AfterValidator(values.diameter_name)]
RealmName = Annotated[str, AfterValidator(values.realm_name)]
HostPattern = Annotated[str, AfterValidator(values.host_pattern)]
Hosts = Annotated[tuple[DiameterName, ...], Strict(False)]
Realms = Annotated[tuple[RealmName, ...], Strict(False)]
Contexts = Annotated[
    tuple[Annotated[str, Field(min_length=3, max_length=255, pattern=r"^[^@\s]+@[^@\s]+$")], ...],
    Strict(False),
    Field(max_length=64),
]
ListenAddress = Annotated[Address, values.ADDRESS]
ConnectAddress = Annotated[Address, values.CONNECT_ADDRESS]
Network = Annotated[values.IpNetwork, values.NETWORK]
PathInFile = Annotated[Path, Strict(False)]
Seconds = Annotated[int, Field(ge=1, le=365 * 86_400)]
Believed = Annotated[int, Field(ge=0, le=(1 << 64) - 1)]


class Section(BaseModel):
    model_config = ConfigDict(
        strict=True, frozen=True, extra="forbid", allow_inf_nan=False, use_attribute_docstrings=True
    )


class Node(Section):
    """Who this node is in the Diameter network."""

    origin_host: DiameterName
    """Diameter name of this node, a full host name. Peers know it by this name."""
    origin_realm: RealmName
    """Diameter realm of this node."""
    product_name: Annotated[str, Field(min_length=1, max_length=255)] = "diameter_ocs"
    """Product-Name told to peers."""
    served_realms: Realms = ()
    """Further realms whose requests are answered here."""
    serve_peer_realms: bool = True
    """Answer requests addressed to the realms of peers too, as long as one of theirs is connected."""
    cluster_hosts: Hosts = ()
    """Other names accepted as Destination-Host: the sister nodes this one stands in for."""


class Diameter(Section):
    """The Diameter port."""

    listen: Annotated[tuple[ListenAddress, ...], Strict(False), Field(min_length=1, max_length=64)] = (
        Address("127.0.0.1", 3868),
    )
    """Addresses to listen on."""
    dictionaries: Annotated[tuple[PathInFile, ...], Strict(False)] = ()
    """Further dictionary files or folders, for AVPs of vendors."""
    max_message_bytes: Annotated[int, Field(ge=4096, le=LARGEST_MESSAGE)] = 65_536
    """A longer message closes its connection."""
    max_connections: Annotated[int, Field(ge=1, le=65_536)] = 256
    """Connections open at one time."""
    watchdog_seconds: Annotated[int, Field(ge=MIN_TW_SECONDS, le=3600)] = 30
    """Silence after which a peer is asked for a sign of life (Twinit of RFC 3539)."""
    cer_timeout_seconds: Annotated[float, Field(gt=0, le=300)] = 10
    """A connection that has not introduced itself by then is closed."""
    reconnect_seconds: Annotated[float, Field(ge=1, le=3600)] = 30
    """Pause between attempts to reach a peer that this node connects to (Tc of RFC 6733)."""
    write_buffer_bytes: Annotated[int, Field(ge=65_536, le=1_073_741_824)] = 4_194_304
    """Unsent bytes per connection at which its requests are no longer read."""
    stalled_reader_seconds: Annotated[float, Field(gt=0, le=3600)] = 10
    """A peer that has not read its answers for so long is disconnected."""
    answer_deadline_seconds: Annotated[float, Field(gt=0, le=LATEST_ANSWER_SECONDS)] = 4.5
    """A request that cannot be answered by then is refused and not charged."""


class PeerRule(Section):
    """Who may connect. A peer is admitted when one rule fits its name, realm and address."""

    host: HostPattern
    """Origin-Host of the peer, or '*.' and a domain for every host in it."""
    realm: RealmName | None = None
    """Origin-Realm the peer must have; any when absent."""
    networks: Annotated[tuple[Network, ...], Strict(False), Field(min_length=1)] = values.LOOPBACK
    """Addresses the peer may come from."""
    connect: ConnectAddress | None = None
    """Where this node connects to the peer; when absent it waits for the peer."""
    profile: Annotated[str, Field(pattern=r"^[A-Za-z0-9][A-Za-z0-9_-]*$", max_length=64)] | None = None
    """What the peer understands: a profile such as 'open5gs'; everything of the standards when absent."""
    overrides: dict[str, Any] | None = None
    """Keys of the profile that are different for this peer."""


class Store(Section):
    """Where accounts are kept."""

    url: Annotated[str, AfterValidator(values.store_url), Field(json_schema_extra={"secret": True})] = (
        "sqlite:///var/ocs.db"
    )
    """'sqlite:///' and a path (four slashes for an absolute one), or 'memory://' to keep nothing."""
    busy_timeout_seconds: Annotated[float, Field(gt=0, le=60)] = 2.0
    """How long to wait for a database that another program has locked."""
    checkpoint_seconds: Annotated[float, Field(ge=1, le=3600)] = 10
    """How often the write-ahead log is folded into the database file."""


class Catalogue(Section):
    """Offers, tariffs and quota policies."""

    file: PathInFile = Path("catalogue/demo.toml")
    """The catalogue file; a relative path starts at the folder of this configuration file."""
    reauthorize_per_second: Annotated[int, Field(ge=0, le=10_000)] = 50
    """Open sessions of changed offers for which gateways are asked to come back per second; 0: none."""
    activate: Literal["on start", "by command"] = "on start"
    """When a changed file begins to hold: with the next start, or not before `ocs catalogue activate`."""
    poll_seconds: Annotated[float, Field(gt=0, le=60)] = 1
    """How often the database is asked for activations; an activation holds after two of these, everywhere at once."""


class Engine(Section):
    """Queue and memory of the charging engine."""

    queue_limit: Annotated[int, Field(ge=1, le=1_000_000)] = 10_000
    """Requests waiting at one time; one more is refused as 'too busy'."""
    batch_limit: Annotated[int, Field(ge=1, le=10_000)] = 256
    """Requests written to disk together, at most."""
    cache_accounts: Annotated[int, Field(ge=1, le=100_000_000)] = 100_000
    """Accounts kept in memory."""


class Sessions(Section):
    """Life of credit-control sessions."""

    supervision_seconds: Seconds = 86_400
    """A session silent for so long is closed when its last answer carried no Validity-Time (Tcc)."""
    validity_factor: Annotated[int, Field(ge=1, le=100)] = 2
    """With a Validity-Time, silence of that time multiplied by this closes the session."""
    grace_seconds: Annotated[int, Field(ge=0, le=86_400)] = 60
    """Added to either, for reports that are on their way."""
    closed_retention_seconds: Seconds = 86_400
    """How long a closed session is remembered, for late repeats and reports."""
    max_open_per_account: Annotated[int, Field(ge=1, le=1_000_000)] = 1000
    """Sessions one account may have open at one time."""
    silence: Annotated[Silence, Strict(False)] = Silence.RELEASE
    """What becomes of quota that a silent session still holds: 'release' it, or 'charge granted'."""
    unknown_session: Annotated[UnknownSession, Strict(False)] = UnknownSession.RECORD
    """Usage reported for a session never opened here: 'record' it only, or 'debit' it too. The answer is 5002."""
    largest_report_octets: Believed = 1_000_000_000_000_000
    """Octets of one group that one report is believed; more is recorded as unrated, not debited. 0: no limit."""
    largest_report_seconds: Believed = 2_678_400
    """The same for seconds."""
    largest_report_events: Believed = 1_000_000
    """The same for events in a session."""
    sweep_interval_seconds: Annotated[float, Field(ge=0.1, le=3600)] = 5
    """How often silent sessions are looked for."""
    identity_preference: Annotated[
        tuple[Annotated[IdentityKind, Strict(False)], ...],
        Strict(False),
        Field(min_length=1),
        AfterValidator(values.no_doubles),
    ] = (IdentityKind.E164, IdentityKind.IMSI, IdentityKind.SIP_URI, IdentityKind.NAI, IdentityKind.PRIVATE)
    """Which Subscription-Id names the subscriber when a request carries several; first wins."""


class Services(Section):
    """Which Service-Context-Ids are which service of the catalogue; what stands before the specification's number
    (extensions, MNC.MCC, release) does not matter."""

    data: Contexts = ("32251@3gpp.org",)
    """Packet data."""
    voice: Contexts = ("32260@3gpp.org", "32275@3gpp.org", "32276@3gpp.org")
    """Calls: IMS, MMTel, and circuit-switched ones through a proxy."""
    sms: Contexts = ("32274@3gpp.org",)
    """Short messages."""
    mms: Contexts = ("32270@3gpp.org",)
    """Multimedia messages."""
    other: Contexts = ("32271@3gpp.org", "32272@3gpp.org", "32273@3gpp.org")
    """Everything else that is charged: location, push to talk, broadcast, and services of your own."""


class Events(Section):
    """One-time events: messages, content, refunds, balance checks."""

    outcome_retention_seconds: Annotated[int, Field(ge=86_400, le=31_536_000)] = 86_400
    """How long the outcome of an event is remembered, so that a repeat is not charged again; at least a day."""
    refund_retention_seconds: Annotated[int, Field(ge=1, le=31_536_000)] = 86_400
    """How long a debit can be refunded with the Refund-Information of its answer."""


class Requests(Section):
    """Requests of this node to gateways: to re-authorise (RAR) and to abort (ASR)."""

    answer_seconds: Annotated[float, Field(gt=0, le=300)] = 5
    """How long to wait for an answer before it is sent again."""
    tries: Annotated[int, Field(ge=1, le=20)] = 3
    """How often one request is sent at most."""
    pause_seconds: Annotated[float, Field(gt=0, le=300)] = 2
    """Pause after the first try without an answer; it doubles from try to try."""
    guard_seconds: Annotated[float, Field(gt=0, le=3600)] = 30
    """How long a gateway may take for the request that its answer promised; an aborted session is closed then."""
    poll_seconds: Annotated[float, Field(ge=0.1, le=3600)] = 1
    """How often requests written by other programs, such as the command line, are looked for."""


class Portal(Section):
    """Links to a top-up portal in redirects of final units."""

    secret: Annotated[str | None, Field(json_schema_extra={"secret": True})] = None
    """What links are signed with: 16 characters or more. Needed when the catalogue has a URL with {token}."""
    secret_file: PathInFile | None = None
    """A file that holds the secret, in place of it."""
    link_seconds: Seconds = 900
    """How long a link is good."""


class Http(Section):
    """Metrics, health and status."""

    listen: ListenAddress = Address("127.0.0.1", 8868)
    """Address to listen on."""


class Api(Section):
    """The REST API. Every request needs a key, see `ocs api key create`."""

    listen: ListenAddress | None = None
    """Address to listen on, such as '127.0.0.1:8080'; no API when absent."""
    certificate: PathInFile | None = None
    """File with the certificate and its chain (PEM): the API then speaks TLS only."""
    private_key: PathInFile | None = None
    """File with the private key of the certificate (PEM)."""
    behind_proxy: bool = False
    """Listen beyond this machine without TLS: a proxy in front of it speaks TLS."""
    requests_per_second: Annotated[float, Field(gt=0, le=100_000)] = 50.0
    """Requests that each client may make; those of two seconds may come at once."""
    outcome_retention_seconds: Annotated[int, Field(ge=86_400, le=31_536_000)] = 604_800
    """How long the outcome of a write is remembered under its Idempotency-Key; at least a day."""


class Log(Section):
    """What is written to standard error."""

    level: Literal["debug", "info", "warning", "error"] = "info"
    """Lines below this level are not written."""
    format: Literal["auto", "json", "console"] = "auto"
    """'json' for machines, 'console' for people, 'auto' is 'console' on a terminal."""


class Config(Section):
    """All settings of a node, checked."""

    node: Node
    diameter: Diameter = Diameter()
    peers: Annotated[tuple[PeerRule, ...], Strict(False), Field(max_length=10_000)] = ()
    store: Store = Store()
    catalogue: Catalogue = Catalogue()
    engine: Engine = Engine()
    sessions: Sessions = Sessions()
    services: Services = Services()
    events: Events = Events()
    requests: Requests = Requests()
    portal: Portal = Portal()
    http: Http = Http()
    api: Api = Api()
    log: Log = Log()

    _file: Path | None = PrivateAttr(default=None)
    _origins: dict[str, str] = PrivateAttr(default_factory=dict)

    @property
    def file(self) -> Path | None:
        """The file it was read from."""
        return self._file

    @property
    def origins(self) -> dict[str, str]:
        """Where each setting that is no default comes from, by dotted key."""
        return dict(self._origins)

    def came_from(self, file: Path | None, origins: dict[str, str]) -> "Config":
        """The same settings, knowing their origin."""
        copy = self.model_copy()
        copy._file, copy._origins = file, dict(origins)
        return copy

    def resolve(self, path: Path) -> Path:
        """A path of the configuration: relative ones start at the folder of its file."""
        return (self._file.parent / path if self._file else path).expanduser()


def section_of(path: tuple[Any, ...]) -> type[BaseModel] | None:
    """The model that holds the keys under a path such as ('diameter',) or ('peers', 0)."""
    if not path:
        return Config
    if path[0] == "peers":
        return PeerRule
    field = Config.model_fields.get(str(path[0]))
    annotation = field.annotation if field else None
    return annotation if isinstance(annotation, type) and issubclass(annotation, BaseModel) else None
