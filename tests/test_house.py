"""The house keeps its own rules: imports point inwards, every refusal has its code, pure rooms stay pure."""

import ast
from collections.abc import Iterator
from pathlib import Path

import pytest

from diameter_ocs import errors
from diameter_ocs.values.verdict import Verdict
from diameter_ocs.wire.result_code import (
    RESULT_CODE_OF_ERROR,
    RESULT_CODE_OF_VERDICT,
    is_protocol_error,
    result_code_of,
)

PACKAGE = Path(errors.__file__).parent
RING = {
    "__init__": 0,
    "errors": 0,
    "values": 0,
    "wire": 1,
    "rating": 1,
    "ledger": 1,
    "peer": 2,
    "charging": 2,
    "recharge": 3,
    "storage": 3,
    "engine": 4,
    "gy": 5,
    "server": 6,
    "telemetry": 6,
    "simulator": 6,
    "config": 7,
    "demo": 7,
    "assemble": 7,
    "cli": 7,
    "__main__": 7,
}
PURE = ("errors", "values", "wire", "rating", "ledger", "peer", "charging", "recharge")
IMPURE_MODULES = {
    "asyncio",
    "logging",
    "structlog",
    "random",
    "secrets",
    "time",
    "os",
    "socket",
    "threading",
    "sqlite3",
}
MODULES = sorted(PACKAGE.rglob("*.py"))


def room_of(path: Path) -> str:
    first = path.relative_to(PACKAGE).parts[0]
    return first.removesuffix(".py")


def imports_of(path: Path) -> Iterator[str]:
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, f"{path}: relative import"
            yield node.module or ""
            if node.module == "diameter_ocs":
                yield from (f"diameter_ocs.{alias.name}" for alias in node.names)


@pytest.mark.parametrize("path", MODULES, ids=lambda path: str(path.relative_to(PACKAGE)))
def test_imports_point_inwards(path):
    """An import may point to the same package or to a lower ring; the outermost ring is one package."""
    own = room_of(path)
    assert own in RING, f"{own} has no ring: give it one here and in docs/architecture.md"
    for name in imports_of(path):
        if not name.startswith("diameter_ocs."):
            continue
        other = name.split(".")[1]
        if other not in RING:
            continue
        inward = other == own or RING[other] < RING[own] or RING[own] == 7
        assert inward, f"{own} (ring {RING[own]}) imports {other} (ring {RING[other]})"


@pytest.mark.parametrize(
    "path", [path for path in MODULES if room_of(path) in PURE], ids=lambda path: str(path.relative_to(PACKAGE))
)
def test_pure_rooms_have_no_clock_no_chance_and_no_io(path):
    where = str(path.relative_to(PACKAGE))
    for name in imports_of(path):
        top = name.split(".")[0]
        assert top not in IMPURE_MODULES, f"{where} imports {name}"
    waits = [
        node for node in ast.walk(ast.parse(path.read_text())) if isinstance(node, ast.Await | ast.AsyncFunctionDef)
    ]
    assert not waits, f"{where} waits"


def leaves(kind: type) -> Iterator[type]:
    below = kind.__subclasses__()
    if not below:
        yield kind
    for each in below:
        yield from leaves(each)


def test_every_message_error_has_its_result_code():
    missing = [leaf.__name__ for leaf in leaves(errors.MessageError) if leaf not in RESULT_CODE_OF_ERROR]
    assert not missing, f"no row in wire/result_code.py for {missing}"


def test_every_verdict_has_its_result_code():
    assert [verdict for verdict in Verdict if verdict not in RESULT_CODE_OF_VERDICT] == []


def test_an_unforeseen_error_is_unable_to_comply():
    assert result_code_of(errors.OcsError("?")) == 5012
    assert [code for code in (2001, 3004, 4012, 5030) if is_protocol_error(code)] == [3004]


def test_rings_are_those_of_the_documentation():
    text = (PACKAGE.parent / "docs" / "architecture.md").read_text()
    rows = [
        line.split("|") for line in text.splitlines() if line.startswith("| ") and line.split("|")[1].strip().isdigit()
    ]
    told = {name.strip("`/ ").removesuffix(".py"): int(row[1]) for row in rows for name in row[2].split(",")}
    named = {room: ring for room, ring in RING.items() if room != "__init__"}
    assert told == named
