"""Rules that join several settings."""

import pathlib
from collections.abc import Iterator
from itertools import combinations

from diameter_ocs.config.gateways import profile_problems
from diameter_ocs.config.model import Config, PeerRule
from diameter_ocs.config.problems import Path, Problem
from diameter_ocs.server.address import Address, ip_of, overlap
from diameter_ocs.values.portal_link import MIN_KEY_OCTETS


def check(config: Config) -> Iterator[Problem]:
    """Every contradiction between settings that are right one by one."""
    yield from _listeners(config)
    yield from _peers(config)
    yield from profile_problems(config)
    yield from _limits(config)
    yield from _services(config)
    yield from _files(config)
    yield from _portal(config)
    yield from _api(config)


def _listeners(config: Config) -> Iterator[Problem]:
    listeners: list[tuple[Path, Address]] = [
        (("diameter", "listen", index), address) for index, address in enumerate(config.diameter.listen)
    ]
    listeners.append((("http", "listen"), config.http.listen))
    if config.api.listen is not None:
        listeners.append((("api", "listen"), config.api.listen))
    for (_, first), (path, second) in combinations(listeners, 2):
        if overlap(first, second):
            yield Problem(path, f"'{second}' takes the same port as '{first}'", "choose another port or remove one")


def _peers(config: Config) -> Iterator[Problem]:
    seen: dict[str, int] = {}
    for index, rule in enumerate(config.peers):
        if rule.host in seen:
            yield Problem(
                ("peers", index, "host"),
                f"'{rule.host}' has a rule already: peers[{seen[rule.host]}]",
                "join the two: one host, all its networks",
            )
        seen.setdefault(rule.host, index)
        yield from _peer(config, rule, ("peers", index))


def _peer(config: Config, rule: PeerRule, path: Path) -> Iterator[Problem]:
    if rule.host == config.node.origin_host:
        yield Problem((*path, "host"), "is this node's own origin_host", "name the other node")
    if rule.connect is None:
        return
    if rule.host.startswith("*."):
        yield Problem((*path, "connect"), "needs a full host, not a pattern", "name the one host that is there")
    if rule.connect in (config.http.listen, config.api.listen, *config.diameter.listen):
        yield Problem((*path, "connect"), "is an address this node listens on", "name the peer's address")
    ip = ip_of(rule.connect.host)
    if ip and not any(ip in network for network in rule.networks):
        yield Problem((*path, "connect"), f"'{ip}' is in none of the rule's networks", f'add "{ip}" to networks')


def _limits(config: Config) -> Iterator[Problem]:
    diameter, engine = config.diameter, config.engine
    if engine.batch_limit > engine.queue_limit:
        yield Problem(
            ("engine", "batch_limit"),
            f"{engine.batch_limit} is more than queue_limit {engine.queue_limit}",
            f"batch_limit = {engine.queue_limit} or less",
        )
    if diameter.write_buffer_bytes < diameter.max_message_bytes:
        yield Problem(
            ("diameter", "write_buffer_bytes"),
            f"{diameter.write_buffer_bytes} cannot hold one message of max_message_bytes",
            f"write_buffer_bytes = {diameter.max_message_bytes} or more",
        )
    if config.store.busy_timeout_seconds >= diameter.answer_deadline_seconds:
        yield Problem(
            ("store", "busy_timeout_seconds"),
            f"{config.store.busy_timeout_seconds:g} leaves no time before answer_deadline_seconds",
            f"stay below {diameter.answer_deadline_seconds:g}",
        )


def _services(config: Config) -> Iterator[Problem]:
    seen: dict[str, str] = {}
    for name, contexts in config.services:
        for index, context in enumerate(contexts):
            if context in seen:
                yield Problem(
                    ("services", name, index),
                    f"'{context}' is a context of {seen[context]} already",
                    "leave it at one service",
                )
            seen.setdefault(context, name)


def _files(config: Config) -> Iterator[Problem]:
    catalogue = config.resolve(config.catalogue.file)
    if not catalogue.is_file():
        yield Problem(("catalogue", "file"), f"'{catalogue}' is no file", "copy the sample catalogue/demo.toml there")
    for index, name in enumerate(config.diameter.dictionaries):
        path = config.resolve(name)
        if not path.exists():
            yield Problem(("diameter", "dictionaries", index), f"'{path}' does not exist", "correct or remove the path")


def _portal(config: Config) -> Iterator[Problem]:
    """The rules never show the secret."""
    portal = config.portal
    if portal.secret is not None and portal.secret_file is not None:
        yield Problem(("portal", "secret_file"), "there is a secret already", "keep one of the two")
    key: Path = ("portal", "secret_file" if portal.secret_file is not None else "secret")
    try:
        secret = portal_secret(config)
    except OSError as error:
        yield Problem(key, f"'{portal.secret_file}' cannot be read: {error.strerror}", "correct the path")
        return
    if secret is not None and len(secret) < MIN_KEY_OCTETS:
        yield Problem(key, f"the secret is too short: {len(secret)} characters", f"use {MIN_KEY_OCTETS} or more")


def portal_secret(config: Config) -> bytes | None:
    """What links are signed with; None when nothing is configured. Raises OSError."""
    portal = config.portal
    if portal.secret_file is not None:
        return config.resolve(portal.secret_file).read_bytes().strip()
    return portal.secret.encode() if portal.secret is not None else None


def _api(config: Config) -> Iterator[Problem]:
    """Keys do not travel in clear."""
    api = config.api
    for name, other in (("certificate", "private_key"), ("private_key", "certificate")):
        path: pathlib.Path | None = getattr(api, name)
        if path is not None and getattr(api, other) is None:
            yield Problem(("api", other), f"is missing beside {name}", "name both files or none")
        if path is not None and not config.resolve(path).is_file():
            yield Problem(("api", name), f"'{config.resolve(path)}' is no file", "correct or remove the path")
    ip = ip_of(api.listen.host) if api.listen is not None else None
    is_own = api.listen is None or api.listen.host == "localhost" or (ip is not None and ip.is_loopback)
    if not is_own and api.certificate is None and not api.behind_proxy:
        yield Problem(
            ("api", "listen"),
            f"'{api.listen}' is open to the network without TLS",
            "name certificate and private_key, or set behind_proxy = true where a proxy speaks TLS",
        )
