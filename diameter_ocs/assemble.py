"""Puts a node together from its configuration: the only place that names stores and services."""

import asyncio
import gc
import sys
from collections.abc import Awaitable, Callable, Container, Mapping
from functools import partial

import structlog

from diameter_ocs.api.app import create_api
from diameter_ocs.api.service import Peers, Service
from diameter_ocs.catalogues.activation import activate_file, take_file_at_start
from diameter_ocs.catalogues.files import read_catalogue, read_source
from diameter_ocs.catalogues.keeper import CatalogueKeeper
from diameter_ocs.charging.decide import Terms
from diameter_ocs.charging.rules import NO_LIMIT, ChargingRules
from diameter_ocs.config import Config
from diameter_ocs.config import PeerRule as PeerSetting
from diameter_ocs.config.checks import portal_secret
from diameter_ocs.config.gateways import profiles_of
from diameter_ocs.engine.engine import Engine, EngineSettings
from diameter_ocs.errors import ConfigurationError
from diameter_ocs.gy.application import GyApplication, GySettings
from diameter_ocs.gy.decode import CcrDecoder
from diameter_ocs.gy.gateways import Gateways
from diameter_ocs.gy.services import SERVICES, Services
from diameter_ocs.peer.admission import PeerRule
from diameter_ocs.peer.events import DisconnectCause
from diameter_ocs.peer.node import Node
from diameter_ocs.rating.catalogue import Catalogue, changed_offers
from diameter_ocs.rating.final_units import LINK_TOKEN
from diameter_ocs.rating.versions import in_force
from diameter_ocs.server.clock import Clock
from diameter_ocs.server.control import add_control
from diameter_ocs.server.courier import Courier, Persistence
from diameter_ocs.server.http import HttpServer, NodeFacts, Readiness, create_app
from diameter_ocs.server.peer_status import PeerStatus
from diameter_ocs.server.reauthorizer import Patience, Reauthorizer
from diameter_ocs.server.repricer import Repricer
from diameter_ocs.server.restarts import Restarts
from diameter_ocs.server.sweeper import Sweeper
from diameter_ocs.server.transport import DiameterServer, TransportSettings
from diameter_ocs.storage import Store, open_store
from diameter_ocs.telemetry.metrics import Telemetry
from diameter_ocs.values.portal_link import PortalKey
from diameter_ocs.values.units import UnitType
from diameter_ocs.wire.dictionary import load_dictionary

log = structlog.get_logger("ocs")

DRAIN_SECONDS = 5.0
"""For requests that were taken before the node stops."""
COLLECTOR_THRESHOLDS = (100_000, 50, 100)
SWITCH_SECONDS = 0.0001


class ServedRealms:
    """Realms this node answers for: its own and configured ones, and those of admitted peers."""

    def __init__(self, own: set[str], of_peers: Container[str]) -> None:
        self._own = own
        self._of_peers = of_peers

    def __contains__(self, realm: object) -> bool:
        return realm in self._own or realm in self._of_peers


NOTHING = Catalogue("none", "XXX", {})
"""What is sold until it is known what."""


def load_catalogue(config: Config) -> Catalogue:
    """The catalogue named by the configuration. Raises ConfigurationError with everything wrong in it."""
    return read_catalogue(config.resolve(config.catalogue.file))[1]


async def catalogue_in_force(config: Config, store: Store) -> Catalogue:
    """What a node on this store sells now: by the database, or by the file as long as no node was started on it."""
    current = in_force(await store.activations(), Clock().at_ms())
    source = await store.catalogue_source(current.version) if current is not None else None
    return read_source(source) if source is not None else load_catalogue(config)


def portal_of(config: Config, catalogue: Catalogue) -> PortalKey | None:
    """What signs the links of redirects. Raises ConfigurationError when the catalogue needs it and it is missing."""
    secret = portal_secret(config)
    if secret is not None:
        return PortalKey(secret, config.portal.link_seconds)
    if catalogue.has_signed_links:
        raise ConfigurationError(
            [f"portal.secret — the catalogue has a redirect URL with {LINK_TOKEN}, which needs a secret to sign with"]
        )
    return None


def _plausible(config: Config) -> Mapping[UnitType, int]:
    """What one report is believed at most; money that a gateway has rated itself always."""
    sessions = config.sessions
    limits = {
        UnitType.OCTETS: sessions.largest_report_octets,
        UnitType.SECONDS: sessions.largest_report_seconds,
        UnitType.EVENTS: sessions.largest_report_events,
    }
    return {unit: limits.get(unit) or NO_LIMIT for unit in UnitType}


def terms_of(config: Config, catalogue: Catalogue) -> Terms:
    """Catalogue and session rules for the engine. Raises ConfigurationError when they do not fit the settings."""
    sessions = config.sessions
    rules = ChargingRules(
        sessions.validity_factor,
        sessions.grace_seconds,
        sessions.supervision_seconds,
        sessions.closed_retention_seconds,
        sessions.max_open_per_account,
        sessions.silence,
        sessions.unknown_session,
        config.events.outcome_retention_seconds,
        config.events.refund_retention_seconds,
        _plausible(config),
    )
    return Terms(catalogue, rules, portal_of(config, catalogue))


def gateways_of(config: Config) -> Gateways:
    """What the peers of the configuration understand."""
    return Gateways(tuple(_rule(rule) for rule in config.peers), profiles_of(config))


def store_of(config: Config) -> Store:
    """The store named by the configuration, not opened yet."""
    return open_store(config.store.url, busy_timeout_seconds=config.store.busy_timeout_seconds)


async def engine_of(config: Config, store: Store) -> Engine:
    """An engine on an open store, for commands that change accounts beside a node."""
    return _engine(config, store, await catalogue_in_force(config, store), Clock())


def _engine(config: Config, store: Store, catalogue: Catalogue, clock: Clock, told: Telemetry | None = None) -> Engine:
    settings = EngineSettings(config.engine.queue_limit, config.engine.batch_limit, config.engine.cache_accounts)
    observer = told.engine_observer if told is not None else None
    return Engine(store, terms_of(config, catalogue), clock, settings, observer)


def api_server(
    config: Config, store: Store, engine: Engine, clock: Clock, peers: Peers | None = None
) -> HttpServer | None:
    """The API of an engine on its store; None when the configuration has no address for it."""
    settings = config.api
    if settings.listen is None:
        return None
    kept_ms = settings.outcome_retention_seconds * 1000
    service = Service(store, engine.execute, lambda: engine.terms.catalogue, clock.at_ms, kept_ms, peers)
    app = create_api(service, settings.requests_per_second, clock.now)
    tls = None
    if settings.certificate is not None and settings.private_key is not None:
        tls = config.resolve(settings.certificate), config.resolve(settings.private_key)
    return HttpServer(settings.listen, app, "api.listen", tls)


class Ocs:
    """A whole node. `start` raises ConfigurationError or StoreError with nothing left running; `stop` ends in order."""

    def __init__(self, config: Config) -> None:
        self.config = config
        self.clock = Clock()
        self.telemetry = Telemetry(self.clock.now, self.clock.at_ms())
        self.dictionary = load_dictionary([config.resolve(path) for path in config.diameter.dictionaries])
        self.store = store_of(config)
        self.engine = _engine(config, self.store, NOTHING, self.clock, self.telemetry)
        self.catalogues = self._catalogues()
        self.gateways = gateways_of(config)
        self.application = self._application()
        self.sweeper = self._sweeper()
        self.reauthorizer = self._reauthorizer()
        self.restarts = Restarts(self.clock.at_ms, self.reauthorizer.peer_restarted)
        self.application.on_origin_state = self.restarts.heard
        self.repricer = Repricer(self.store, self.engine.execute, config.catalogue.reauthorize_per_second)
        self.readiness = Readiness(
            {
                "store": self._store_problem,
                "engine": self._engine_problem,
                "diameter": self._listen_problem,
                "catalogue": self._catalogue_problem,
            },
            self.clock.now,
        )
        self.http = self._http()
        self.api = api_server(config, self.store, self.engine, self.clock, self.telemetry.peers)
        self._transport: DiameterServer | None = None
        self._sweeping: asyncio.Task[None] | None = None
        self._asking: asyncio.Task[None] | None = None
        self._repricing: asyncio.Task[None] | None = None
        self._reloading = asyncio.Lock()
        self._keeping: asyncio.Task[None] | None = None
        self._bind_telemetry()

    async def start(self) -> None:
        """Open the store, start the engine, listen."""
        await self.store.open()
        try:
            self.telemetry.engine_observer.start_with(await self.store.reserved_units())
            self._transport = self._made_transport(await self.store.born_ms())
            await self._take_catalogue()
            await self.engine.start()
            await self._listen()
        except BaseException:
            await self.stop()
            raise
        self._sweeping = asyncio.create_task(self.sweeper.run(), name="ocs-sweeper")
        self._keeping = asyncio.create_task(self.catalogues.run(), name="ocs-catalogue")
        self._asking = asyncio.create_task(self.reauthorizer.run(self._courier()), name="ocs-requests")
        self._reprice()
        _tune_interpreter()
        log.info(
            "node started",
            origin_host=self.config.node.origin_host,
            diameter=[str(address) for address in self.transport.addresses],
            http=str(self.http.address),
            api=str(self.api.address) if self.api is not None else None,
            store=self.store.name,
            catalogue=self.engine.terms.catalogue.version,
        )

    async def stop(self, cause: DisconnectCause = DisconnectCause.REBOOTING) -> None:
        """Stop accepting, finish what runs, DPR to peers, then sweeper, HTTP, engine and store.

        A step that fails is told and does not keep the next ones from being taken.
        """
        self.readiness.is_draining = True
        hang_up = partial(self._hang_up, cause)
        steps: list[Callable[[], Awaitable[None]]] = [self._stop_asking, hang_up, self._stop_sweeping, self.http.stop]
        steps += [self.api.stop, self.engine.stop] if self.api is not None else [self.engine.stop]
        for step in steps:
            try:
                await step()
            except Exception:
                log.exception("a part of the node did not stop in order")
        await self.store.close()
        log.info("node stopped")

    async def _stop_asking(self) -> None:
        running = [task for task in (self._asking, self._repricing) if task is not None]
        for task in running:
            task.cancel()
        if running:
            await asyncio.wait(running)
        self._asking = self._repricing = None

    async def _hang_up(self, cause: DisconnectCause) -> None:
        if self._transport is not None and self._transport.addresses:
            await self._transport.stop(cause)

    async def _stop_sweeping(self) -> None:
        running = [task for task in (self._sweeping, self._keeping) if task is not None]
        for task in running:
            task.cancel()
        if running:
            await asyncio.wait(running)
        self._sweeping = self._keeping = None

    async def _take_catalogue(self) -> None:
        """What holds by the database, after a look at the configured file."""
        settings = self.config.catalogue
        file, activates = self.config.resolve(settings.file), settings.activate == "on start"
        check = partial(terms_of, self.config)
        await take_file_at_start(self.store, file, self.clock.at_ms(), check, activates=activates)
        await self.catalogues.start()

    async def reload_catalogue(self) -> tuple[str, list[str]]:
        """Read the catalogue again: it holds for everything decided from now on. Its version and what has changed.

        Raises ConfigurationError with every mistake; the one in force stays then.
        """
        async with self._reloading:
            before = self.engine.terms.catalogue
            file, check = self.config.resolve(self.config.catalogue.file), partial(terms_of, self.config)
            try:
                await activate_file(self.store, file, self.clock.at_ms(), check)
            except ConfigurationError as error:
                log.error("catalogue refused; the one in force stays", version=before.version, mistakes=error.problems)
                raise
            await self.catalogues.look()
            after = self.engine.terms.catalogue
            if after is before:
                log.info("catalogue in force", version=after.version, before=before.version, changed=[])
        return after.version, changed_offers(before, after)

    def _reprice(self) -> None:
        """Open sessions that were rated otherwise are rated anew; a run for an older catalogue ends."""
        if not self.engine.is_running:
            return
        if self._repricing is not None:
            self._repricing.cancel()
        self._repricing = asyncio.create_task(self.repricer.run(self.engine.terms.catalogue), name="ocs-repricing")

    @property
    def transport(self) -> DiameterServer:
        """The Diameter port of a started node."""
        assert self._transport is not None, "not started"
        return self._transport

    # parts ---------------------------------------------------------------------------------------

    def _application(self) -> GyApplication:
        config = self.config
        services = Services(SERVICES, dict(config.services))
        decoder = CcrDecoder(self.dictionary, services, config.sessions.identity_preference, self.gateways)
        settings = GySettings(config.diameter.answer_deadline_seconds, frozenset(config.node.cluster_hosts))
        node = Node(origin_host=config.node.origin_host, origin_realm=config.node.origin_realm)
        return GyApplication(node, self.engine, decoder, (), self.clock, settings, self.telemetry.meter)

    def _made_transport(self, born_ms: int | None) -> DiameterServer:
        """Origin-State-Id is the birth of the database: sessions survive a restart, so it must not grow by one."""
        diameter, node = self.config.diameter, self.config.node
        settings = TransportSettings(
            origin_host=node.origin_host,
            origin_realm=node.origin_realm,
            product_name=node.product_name,
            dictionary=self.dictionary,
            origin_state_id=(self.clock.at_ms() if born_ms is None else born_ms) // 1000,
            listen=tuple(str(address) for address in diameter.listen),
            rules=self.gateways.rules,
            gateways=self.gateways,
            watchdog_seconds=diameter.watchdog_seconds,
            cer_timeout_seconds=diameter.cer_timeout_seconds,
            reconnect_seconds=diameter.reconnect_seconds,
            drain_seconds=DRAIN_SECONDS,
            max_message_bytes=diameter.max_message_bytes,
            max_connections=diameter.max_connections,
            write_buffer_bytes=diameter.write_buffer_bytes,
            stalled_reader_seconds=diameter.stalled_reader_seconds,
        )
        transport = DiameterServer(
            settings, self.application, drain=self.application.drain, observer=self.telemetry.peer_observer
        )
        transport.peers.on_opened = self.reauthorizer.peer_opened
        transport.peers.on_origin_state = self.restarts.heard
        own = {realm.lower() for realm in (node.origin_realm, *node.served_realms)}
        self.application.served_realms = ServedRealms(own, transport.peers.realms if node.serve_peer_realms else ())
        return transport

    def _catalogues(self) -> CatalogueKeeper:
        make, poll_seconds = partial(terms_of, self.config), self.config.catalogue.poll_seconds
        return CatalogueKeeper(self.store, self.engine, make, self.clock.at_ms, poll_seconds, self._catalogue_changed)

    def _catalogue_changed(self, before: Catalogue, after: Catalogue) -> None:
        changed = changed_offers(before, after)
        log.info("catalogue in force", version=after.version, before=before.version, changed=changed)
        self._reprice()

    def _sweeper(self) -> Sweeper:
        return Sweeper(
            self.store,
            self.engine.execute,
            self.clock,
            interval_seconds=self.config.sessions.sweep_interval_seconds,
            checkpoint=getattr(self.store, "checkpoint", None),
            checkpoint_seconds=self.config.store.checkpoint_seconds,
        )

    def _reauthorizer(self) -> Reauthorizer:
        requests = self.config.requests
        patience = Patience(guard_seconds=requests.guard_seconds, poll_seconds=requests.poll_seconds)
        made = Reauthorizer(self.store, self.engine.execute, self.clock.now, patience)
        self.engine.outbox = made
        return made

    def _courier(self) -> Courier:
        settings = self.config.requests
        node = Node(origin_host=self.config.node.origin_host, origin_realm=self.config.node.origin_realm)
        persistence = Persistence(
            answer_seconds=settings.answer_seconds, tries=settings.tries, pause_seconds=settings.pause_seconds
        )
        return Courier(node, self.dictionary, self.transport.peers, persistence)

    def _http(self) -> HttpServer:
        node = self.config.node
        facts = NodeFacts(origin_host=node.origin_host, origin_realm=node.origin_realm)
        app = create_app(facts, self.telemetry, self.readiness)
        add_control(app, self._disconnect, self.reload_catalogue)
        return HttpServer(self.config.http.listen, app)

    def _bind_telemetry(self) -> None:
        self.telemetry.bind(
            inflight=lambda: self.application.pending,
            queue_length=lambda: self.engine.queue_length,
            queue_limit=self.config.engine.queue_limit,
            sessions_open=lambda: self.sweeper.totals.open_sessions if self.sweeper.totals else None,
            cache=self.engine.cache,
            peers=self._peer_statuses,
            sweeper=self.sweeper,
            requests=self.reauthorizer,
            store_totals=lambda: self.sweeper.totals,
            reserved_units=self.telemetry.engine_observer.reserved_units,
            refused_peers=lambda: self._transport.peers.refused if self._transport is not None else (),
            database_bytes=self.store.size_bytes,
        )

    # life ----------------------------------------------------------------------------------------

    async def _listen(self) -> None:
        """Take all ports; every one that cannot be taken is told."""
        problems = []
        try:
            await self.transport.start()
        except OSError as error:
            problems.append(f"diameter.listen — {error.strerror or error}")
        for server in (self.http, self.api):
            try:
                if server is not None:
                    await server.start()
            except ConfigurationError as error:
                problems += error.problems
        if problems:
            raise ConfigurationError(problems)

    def _disconnect(self, host: str, cause: DisconnectCause) -> bool:
        return self._transport is not None and self._transport.peers.disconnect(host, cause)

    def _peer_statuses(self) -> list[PeerStatus]:
        return self._transport.peers.statuses() if self._transport is not None else []

    async def _store_problem(self) -> str | None:
        await self.store.ping()
        return None

    async def _engine_problem(self) -> str | None:
        return self.engine.problem

    async def _catalogue_problem(self) -> str | None:
        return self.catalogues.problem

    async def _listen_problem(self) -> str | None:
        return None if self._transport is not None and self._transport.addresses else "not listening"


def _tune_interpreter() -> None:
    """Fit the interpreter to one busy loop beside a writer thread (docs/performance.md).

    Nearly nothing here makes reference cycles, so the collector looks rarely; what was made at the start
    is never looked at again. A short switch interval lets the writer go on as soon as its disk answers.
    """
    gc.collect()
    gc.freeze()
    gc.set_threshold(*COLLECTOR_THRESHOLDS)
    sys.setswitchinterval(SWITCH_SECONDS)


def _rule(rule: PeerSetting) -> PeerRule:
    connect = str(rule.connect) if rule.connect else None
    return PeerRule(host=rule.host, realm=rule.realm, networks=rule.networks, connect=connect)
