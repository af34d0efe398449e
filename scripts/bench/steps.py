"""CPU per CCR-Update of each step of the road, in this process, next to its budget."""

import asyncio
import time
from collections.abc import Callable
from pathlib import Path
from typing import NamedTuple

from msgspec import structs

from diameter_ocs.charging.decide import Terms, decide_session_request
from diameter_ocs.charging.decision import Decision
from diameter_ocs.charging.request import RequestType
from diameter_ocs.charging.rules import ChargingRules
from diameter_ocs.charging.session import Session
from diameter_ocs.gy.decode import CcrDecoder, CreditControlRequest
from diameter_ocs.gy.encode import CcaEncoder
from diameter_ocs.gy.services import ALL_SERVICES
from diameter_ocs.ledger.account import Account, Bucket, Subscriber
from diameter_ocs.peer.checks import check_request
from diameter_ocs.rating.catalogue import Catalogue
from diameter_ocs.rating.catalogue_file import parse_catalogue
from diameter_ocs.server.resources import config_dir
from diameter_ocs.storage.protocol import AccountWrite
from diameter_ocs.storage.sqlite import SqliteStore
from diameter_ocs.telemetry.metrics import Telemetry
from diameter_ocs.values.units import UnitType
from diameter_ocs.wire.dictionary import default_dictionary
from diameter_ocs.wire.framing import Framer
from diameter_ocs.wire.header import read_header
from scripts.bench.messages import OCS_HOST, OCS_REALM, ccr

COUNT = 12_800
BATCH = 64
AT_MS = 1_790_000_000_000
MICRO = 1_000_000


class Step(NamedTuple):
    """microseconds of CPU per CCR; budget None: not one of the budget's lines."""

    name: str
    microseconds: float
    budget: float | None


def shipped_catalogue() -> Catalogue:
    file = config_dir() / "catalogue" / "demo.toml"
    return parse_catalogue(file.read_text(), str(file))


def wallet(account_id: str) -> Account:
    """One data bucket for the first group, money for the other."""
    return Account(
        account_id,
        buckets=(
            Bucket("data-1", UnitType.OCTETS, 1 << 50, rating_groups=(10,)),
            Bucket("money", UnitType.MONEY, 1 << 50),
        ),
    )


def per_call(work: Callable[[int], object], count: int = COUNT) -> float:
    """The best of three rounds: CPU microseconds per call."""
    best = float("inf")
    for _ in range(3):
        started = time.process_time()
        for index in range(count):
            work(index)
        best = min(best, (time.process_time() - started) / count * MICRO)
    return best


async def measure(folder: Path) -> list[Step]:
    """Every line of the budget, and their sum."""
    messages = [ccr(RequestType.UPDATE, number) for number in range(1, 2 + COUNT)]
    decoder = CcrDecoder(default_dictionary(), ALL_SERVICES)
    requests = [decoder.decode(message) for message in messages]
    decisions = _decide_all(requests)
    steps = [
        Step("read, frame, base checks", _framing(messages), 4),
        Step("decode", per_call(lambda index: decoder.decode(messages[index])), 15),
        Step("decide (rating, quota, ledger)", _deciding(requests), 20),
        Step("encode", _encoding(messages, requests, decisions), 10),
        Step(f"commit share (batch of {BATCH})", await _committing(folder, decisions), 15),
        Step("metrics, bookkeeping", _metering(decisions), 4),
    ]
    return [*steps, Step("all", sum(step.microseconds for step in steps), 68)]


def _framing(messages: list[bytes]) -> float:
    reads = [b"".join(messages[start : start + BATCH]) for start in range(0, COUNT, BATCH)]
    framer = Framer()

    def read(index: int) -> None:
        for message in framer.feed(reads[index]):
            check_request(read_header(message))

    return per_call(read, len(reads)) / BATCH


def _terms() -> Terms:
    return Terms(shipped_catalogue(), ChargingRules())


def _opened(request: CreditControlRequest) -> tuple[Account, Subscriber, Session]:
    assert request.session is not None
    message = ccr(RequestType.INITIAL, 0)
    first = CcrDecoder(default_dictionary(), ALL_SERVICES).decode(message).session
    assert first is not None
    user = Subscriber("acc", "sub", (), "prepaid-data")
    decision = decide_session_request(first, wallet("acc"), user, None, _terms(), AT_MS)
    assert decision.account is not None
    assert decision.session is not None
    return decision.account, user, decision.session


def _decide_all(requests: list[CreditControlRequest]) -> list[Decision]:
    account, user, session = _opened(requests[0])
    terms, decisions = _terms(), []
    for step, request in enumerate(requests):
        assert request.session is not None
        decision = decide_session_request(request.session, account, user, session, terms, AT_MS + step)
        assert decision.account is not None
        assert decision.session is not None
        account, session = decision.account, decision.session
        decisions.append(decision)
    return decisions


def _deciding(requests: list[CreditControlRequest]) -> float:
    best = float("inf")
    for _ in range(3):
        started = time.process_time()
        _decide_all(requests)
        best = min(best, (time.process_time() - started) / len(requests) * MICRO)
    return best


def _encoding(messages: list[bytes], requests: list[CreditControlRequest], decisions: list[Decision]) -> float:
    encoder = CcaEncoder(OCS_HOST, OCS_REALM)
    return per_call(lambda index: encoder.encode(messages[index], requests[index], decisions[index].outcome))


async def _committing(folder: Path, decisions: list[Decision]) -> float:
    """Batches of as many different accounts, each with its account, session and entry row."""
    store = SqliteStore(folder / "steps.db")
    await store.open()
    sample = decisions[-1]
    assert sample.account is not None
    assert sample.session is not None
    assert sample.entry is not None

    def write(number: int, version: int) -> AccountWrite:
        name = f"acc-{number:06d}"
        account = structs.replace(sample.account, account_id=name, last_seq=version + 1)
        session = structs.replace(sample.session, account_id=name, session_id=f"{sample.session.session_id};{number}")
        entry = structs.replace(sample.entry, account_id=name, seq=version + 1, session_id=session.session_id)
        return AccountWrite(name, version, account, (), (), (session,), (entry,))

    rounds = COUNT // BATCH
    batches = [[write(number, version) for number in range(BATCH)] for version in range(rounds)]
    started = time.process_time()
    for batch in batches:
        assert not await store.commit(batch)
    spent = (time.process_time() - started) / (rounds * BATCH) * MICRO
    await store.close()
    return spent


def _metering(decisions: list[Decision]) -> float:
    telemetry = Telemetry(time.monotonic, AT_MS)
    meter, observer = telemetry.meter, telemetry.engine_observer

    def count(index: int) -> None:
        decision = decisions[index]
        meter.answered("pgw01", 2, 2001, 0.002)
        for credit in decision.outcome.credits:
            meter.credit(credit, 2001)
        assert decision.entry is not None
        observer.journaled(decision.entry)

    return per_call(count)


if __name__ == "__main__":
    import tempfile

    with tempfile.TemporaryDirectory() as name:
        for step in asyncio.run(measure(Path(name))):
            print(f"{step.name:40} {step.microseconds:6.1f} µs   budget {step.budget}")
