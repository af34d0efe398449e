"""A whole node on a free port, with a few subscribers, and a gateway that speaks by hand."""

import contextlib
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

from diameter_ocs.assemble import Ocs
from diameter_ocs.config import Config, load_config
from diameter_ocs.ledger.account import Account, Bucket
from diameter_ocs.peer.node import Node
from diameter_ocs.recharge.commands import NewSubscriber, OpenAccount
from diameter_ocs.server.resources import config_dir
from diameter_ocs.storage.audit import audit_store
from diameter_ocs.values.identity import Identity, IdentityKind
from diameter_ocs.values.units import UnitType
from diameter_ocs.values.verdict import Verdict
from diameter_ocs.wire.codec import Avp, LenientMessage, encode_avp, encode_message
from diameter_ocs.wire.dictionary import default_dictionary
from tests.support.wire_peer import WirePeer

MB = 1_000_000
OCS_REALM = "ocs.mnc001.mcc001.3gppnetwork.org"
OCS_HOST = f"ocs01.{OCS_REALM}"
PGW_REALM = "epc.mnc001.mcc001.3gppnetwork.org"
PGW_HOST = f"pgw01.{PGW_REALM}"
PGW = Node(origin_host=PGW_HOST, origin_realm=PGW_REALM, product_name="test gateway")
MSISDN, IMSI = "99955500101", "001010000000101"


def config_for(folder: Path, **overrides: Any) -> Config:
    """The shipped configuration on free ports and a database of its own."""
    settings = {
        "diameter.listen": ["127.0.0.1:0"],
        "http.listen": "127.0.0.1:0",
        "store.url": f"sqlite:///{folder / 'ocs.db'}",
        "log.level": "warning",
        **{key.replace("__", "."): value for key, value in overrides.items()},
    }
    return load_config(config_dir() / "ocs.toml", {}, settings)


@contextlib.asynccontextmanager
async def running_ocs(folder: Path, **overrides: Any) -> AsyncIterator[Ocs]:
    """Started, and stopped in order with a clean audit."""
    node = Ocs(config_for(folder, **overrides))
    await node.start()
    try:
        yield node
        assert (await audit_store(node.store)).faulty == ()
    finally:
        await node.stop()


async def add_line(
    node: Ocs,
    account_id: str = "acc-1",
    *buckets: Bucket,
    msisdn: str = MSISDN,
    imsi: str = IMSI,
    offer: str = "prepaid-data",
) -> None:
    """An account with one subscriber."""
    names = (Identity(IdentityKind.E164, msisdn), Identity(IdentityKind.IMSI, imsi))
    new = NewSubscriber(f"sub-{account_id}", names, offer)
    outcome = await node.engine.execute(OpenAccount(account_id, "EUR", buckets=buckets, subscribers=(new,)))
    assert outcome.verdict is Verdict.SUCCESS, outcome.detail


def data(amount: int, bucket_id: str = "data-1", **more: Any) -> Bucket:
    return Bucket(bucket_id, UnitType.OCTETS, amount, **more)


def money(micros: int) -> Bucket:
    return Bucket("money", UnitType.MONEY, micros)


async def account_of(node: Ocs, account_id: str = "acc-1") -> Account:
    """As it is on disk."""
    snapshot = await node.store.snapshot(account_id)
    assert snapshot is not None
    return snapshot[0].account


async def bucket_of(node: Ocs, bucket_id: str = "data-1", account_id: str = "acc-1") -> Bucket:
    account = await account_of(node, account_id)
    return next(each for each in account.buckets if each.bucket_id == bucket_id)


@contextlib.asynccontextmanager
async def gateway(node: Ocs, who: Node = PGW) -> AsyncIterator[WirePeer]:
    """An open connection of a gateway."""
    host, port = node.transport.addresses[0]
    peer = WirePeer(who)
    await peer.connect(host, port)
    async with peer:
        peer.send(peer.cer())
        answer = await peer.receive()
        assert code_of(answer) == 2001, answer
        yield peer


def ccr(
    kind: int,
    number: int,
    *more: tuple[str, Any],
    session: str = f"{PGW_HOST};1;1;gy",
    flags: int = 0xC0,
    hop_by_hop: int = 0x500,
    end_to_end: int = 0x600,
    leave: tuple[str, ...] = (),
    **change: Any,
) -> bytes:
    """A CCR built name by name. leave: AVPs to leave out; change: values of others, '-' written '_'."""
    base = {
        "Session-Id": session,
        "Origin-Host": PGW_HOST,
        "Origin-Realm": PGW_REALM,
        "Destination-Realm": OCS_REALM,
        "Auth-Application-Id": 4,
        "Service-Context-Id": "32251@3gpp.org",
        "CC-Request-Type": kind,
        "CC-Request-Number": number,
        "Subscription-Id": [("Subscription-Id-Type", 0), ("Subscription-Id-Data", MSISDN)],
    }
    base.update({name.replace("_", "-"): value for name, value in change.items()})
    tree = [(name, value) for name, value in base.items() if name not in leave] + list(more)
    avps = (encode_avp(name, value, default_dictionary()) for name, value in tree)
    return encode_message(flags, 272, 4, hop_by_hop, end_to_end + number, avps)


def mscc(
    group: int | None = 10,
    *,
    wants: Any = (),
    used: int | None = None,
    reason: int | None = None,
    services: tuple[int, ...] = (),
) -> tuple[str, Any]:
    """A Multiple-Services-Credit-Control. wants: content of the RSU, None for no RSU."""
    tree: list[tuple[str, Any]] = []
    if wants is not None:
        tree.append(("Requested-Service-Unit", list(wants)))
    if used is not None:
        usage: list[tuple[str, Any]] = [("CC-Total-Octets", used)]
        tree.append(("Used-Service-Unit", usage))
    tree += [("Service-Identifier", service) for service in services]
    if group is not None:
        tree.append(("Rating-Group", group))
    if reason is not None:
        tree.append(("Reporting-Reason", reason))
    return "Multiple-Services-Credit-Control", tree


def code_of(answer: LenientMessage) -> int:
    return value(answer, "Result-Code")


def value(holder: Any, *path: str) -> Any:
    """Value of the AVP at the end of a path of names; None when there is none."""
    found: Any = holder
    for name in path:
        found = found.first(name)
        if found is None:
            return None
    return found.value


def groups(answer: LenientMessage) -> list[Avp]:
    return list(answer.all("Multiple-Services-Credit-Control"))
