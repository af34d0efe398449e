"""The catalogues that are shipped as examples: their worked calculations, and subscribers that use what they sell."""

import contextlib
import re
from collections.abc import AsyncIterator
from datetime import datetime
from fractions import Fraction
from pathlib import Path
from typing import Any

from diameter_ocs.assemble import Ocs
from diameter_ocs.recharge.commands import Buy
from diameter_ocs.server.resources import config_dir
from diameter_ocs.values.verdict import Verdict
from tests.support.gy import EVENT, INITIAL, TERMINATION, UPDATE, Line
from tests.support.ocs import MB, code_of, gateway, groups, money, running_ocs, value

FOLDER = config_dir() / "catalogue" / "examples"
NAMES = sorted(file.stem for file in FOLDER.glob("*.toml"))
EURO = 1_000_000
DATA, VOICE, SMS, MMS = "32251@3gpp.org", "32260@3gpp.org", "32274@3gpp.org", "32270@3gpp.org"
OCTETS, SECONDS, EVENTS = "CC-Total-Octets", "CC-Time", "CC-Service-Specific-Units"
ORIGINATING, TERMINATING, FORWARDING = 0, 1, 2
SUBMITTED, DELIVERED = 1, 2
"""Interface-Type of a message."""
CALCULATION = re.compile(r"^# +(\S.* = -?[\d.]+)$", re.MULTILINE)
ROUNDS = 10_000


def calculations(name: str) -> list[str]:
    """Every calculation in the comments of an example, as '3 x 0.02 + 1 x 0.03 = 0.09'."""
    found: list[str] = CALCULATION.findall((FOLDER / f"{name}.toml").read_text())
    return [each for each in found if '"' not in each]


def result(calculation: str) -> Fraction:
    """What it says after the '=', and that this is so."""
    left, _, right = calculation.partition(" = ")
    terms = re.sub(r"[\d.]+", lambda number: f"Fraction('{number[0]}')", left.replace(" x ", " * "))
    assert re.fullmatch(r"(Fraction\('[\d.]+'\)|[-+*/() ])+", terms), calculation
    assert eval(terms) == Fraction(right), f"{calculation} is wrong"
    return Fraction(right)


class Customer:
    """A subscriber of an example, on a node that uses it. The node's clock stands still unless it is set."""

    def __init__(self, name: str, line: Line) -> None:
        self.name = name
        self.line = line
        self.sessions = 0
        self.codes: list[int] = []
        """Result-Codes of groups that were refused."""

    def says(self, calculation: str, scale: int = EURO) -> int:
        """What a calculation in the example's comments comes to, in micro-units unless `scale` says other ones."""
        assert calculation in calculations(self.name), f"{self.name} does not say {calculation!r}"
        scaled = result(calculation) * scale
        assert scaled.denominator == 1
        return int(scaled)

    async def buy(self, product: str, subscriber: str = "") -> None:
        outcome = await self.line.node.engine.execute(Buy(self.line.account_id, product, subscriber))
        assert outcome.verdict is Verdict.SUCCESS, outcome.detail

    async def left(self) -> int:
        """Money."""
        return (await self.line.buckets())["money"][0]

    async def units(self, name: str) -> int:
        """Left in all buckets of an allowance."""
        buckets = (await self.line.account()).buckets
        return sum(each.remaining for each in buckets if each.bucket_id.split("/")[1:2] == [name])

    async def surf(self, megabytes: float, group: int | None = 10, **more: Any) -> float:
        """A session of data; how many megabytes passed."""
        return await self.use(int(megabytes * MB), group=group, **more) / MB

    async def call(self, seconds: int, number: str, role: int = ORIGINATING, *where: tuple[str, Any]) -> int:
        """A call; how many seconds it lasted."""
        parties = [("Role-Of-Node", role), ("Node-Functionality", 6), ("Called-Party-Address", f"tel:{number}")]
        told = "Service-Information", [("IMS-Information", [*parties, *where])]
        return await self.use(seconds, unit=SECONDS, wish=60, group=None, told=(told,), context=VOICE)

    async def use(
        self,
        amount: int,
        *,
        unit: str = OCTETS,
        wish: int = 50 * MB,
        group: int | None = 10,
        services: tuple[int, ...] = (),
        told: tuple[Any, ...] = (),
        context: str = DATA,
    ) -> int:
        """A session in which so much is used, in slices as they are granted; what passed of it."""
        self.sessions += 1
        session = self.line.session(str(self.sessions))
        ids = [("Service-Identifier", each) for each in services]
        ids += [("Rating-Group", group)] if group is not None else []
        passed = 0
        answer = await session.ask(INITIAL, _credit(unit, wish, None, ids), *told, Service_Context_Id=context)
        for _ in range(ROUNDS):
            assert code_of(answer) == 2001
            (credit,) = groups(answer)
            granted = value(credit, "Granted-Service-Unit", unit) or 0
            if not granted:
                self.codes.append(value(credit, "Result-Code"))
            used = min(granted, amount - passed)
            passed += used
            if not granted or passed == amount:
                last = _credit(unit, None, used, ids)
                ended = await session.ask(TERMINATION, *([last] if used else []), Service_Context_Id=context)
                assert code_of(ended) == 2001
                return passed
            answer = await session.ask(UPDATE, _credit(unit, wish, used, ids), *told, Service_Context_Id=context)
        raise AssertionError(f"no end after {ROUNDS} grants")

    async def text(self, number: str, count: int = 1, interface: int = SUBMITTED) -> int:
        """Short messages, one event each; the Result-Code of the last."""
        address = [("Address-Type", 1), ("Address-Data", number)]
        sms = [
            ("SMS-Node", 3),
            ("Originator-Interface", [("Interface-Type", interface)]),
            ("Recipient-Info", [("Recipient-Address", address)]),
        ]
        return await self._events(count, SMS, ("Service-Information", [("SMS-Information", sms)]))

    async def picture(self, count: int = 1) -> int:
        return await self._events(count, MMS)

    async def _events(self, count: int, context: str, *told: Any) -> int:
        code = 0
        for _ in range(count):
            self.sessions += 1
            session = self.line.session(str(self.sessions))
            asked = _credit(EVENTS, 1, None, [])
            code = code_of(await session.ask(EVENT, asked, *told, Requested_Action=0, Service_Context_Id=context))
        return code

    def set_clock(self, text: str) -> None:
        """The time on the clocks of the example's operator."""
        node = self.line.node
        zone = node.engine.terms.catalogue.zone
        at_ms = int(datetime.fromisoformat(text).replace(tzinfo=zone).timestamp() * 1000)
        node.clock.at_ms = lambda: at_ms  # type: ignore[method-assign]


def _credit(unit: str, wish: int | None, used: int | None, ids: list[tuple[str, int]]) -> tuple[str, Any]:
    tree: list[tuple[str, Any]] = [("Requested-Service-Unit", [(unit, wish)])] if wish is not None else []
    tree += [("Used-Service-Unit", [(unit, used)])] if used is not None else []
    return "Multiple-Services-Credit-Control", tree + ids


@contextlib.asynccontextmanager
async def customer(folder: Path, name: str, balance: float, offer: str) -> AsyncIterator[Customer]:
    """A subscriber with so much money, on a node with the example as its catalogue, on a Monday at noon."""
    async with running_ocs(folder, catalogue__file=str(FOLDER / f"{name}.toml")) as node, gateway(node) as peer:
        made = Customer(name, Line(node, peer))
        made.set_clock("2027-01-11T12:00")
        await made.line.open(money(round(balance * EURO)), offer=offer)
        yield made


async def another(first: Customer, subscriber_id: str, offer: str) -> Customer:
    """One more subscriber on the account of the first."""
    from diameter_ocs.recharge.commands import AddSubscriber, NewSubscriber
    from diameter_ocs.values.identity import Identity, IdentityKind

    line = Line(first.line.node, first.line.peer)
    line.account_id = first.line.account_id
    new = NewSubscriber(subscriber_id, (Identity(IdentityKind.E164, line.msisdn),), offer)
    node: Ocs = first.line.node
    assert (await node.engine.execute(AddSubscriber(line.account_id, new))).verdict is Verdict.SUCCESS
    return Customer(first.name, line)
