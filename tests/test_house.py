"""The house keeps its own rules: imports point inwards, every refusal has its code, pure rooms stay pure."""

import ast
import importlib
import inspect
from collections.abc import Iterable, Iterator
from pathlib import Path

import pytest

from diameter_ocs import errors
from diameter_ocs.values.verdict import Verdict
from diameter_ocs.wire.result_code import (
    RESULT_CODE_OF_ERROR,
    RESULT_CODE_OF_VERDICT,
    ResultCode,
    is_protocol_error,
    result_code_of,
)

PACKAGE = Path(errors.__file__).parent
TESTS = Path(__file__).parent
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
    "catalogues": 5,
    "server": 6,
    "telemetry": 6,
    "simulator": 6,
    "config": 7,
    "demo": 7,
    "api": 6,
    "assemble": 7,
    "assemble_api": 7,
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


# Result-Codes by situation: docs/result-codes.md -----------------------------------------------


SITUATIONS = PACKAGE.parent / "docs" / "result-codes.md"
IMPOSSIBLE = "cannot happen here: "


def situations() -> dict[int, list[str]]:
    """The cells of every row by its number: situation, code, level, E, Failed-AVP, what happens."""
    lines = SITUATIONS.read_text().splitlines()
    cells = [[cell.strip() for cell in line.strip("|").split("|")] for line in lines if line.startswith("| ")]
    numbered = [row for row in cells if row[0].isdigit()]
    assert len({row[0] for row in numbered}) == len(numbered), "a number stands for one row"
    return {int(row[0]): row[1:] for row in numbered}


def proofs() -> dict[int, set[str]]:
    """Tests over real connections by the row that they are marked with, each or one of its parameters."""
    found: dict[int, set[str]] = {}
    for path in [*TESTS.glob("scenarios/test_*.py"), *TESTS.glob("server/test_*.py")]:
        module = importlib.import_module(f"tests.{path.parent.name}.{path.stem}")
        of_module = getattr(module, "pytestmark", [])
        for name, test in inspect.getmembers(module, inspect.isfunction):
            if name.startswith("test_"):
                marks = [*getattr(test, "pytestmark", []), *(of_module if isinstance(of_module, list) else [of_module])]
                for number in rows_in(marks):
                    found.setdefault(number, set()).add(f"{path.stem}::{name}")
    return found


def rows_in(marks: Iterable[pytest.Mark | pytest.MarkDecorator]) -> Iterator[int]:
    for mark in marks:
        if mark.name == "row":
            yield from mark.args
        elif mark.name == "parametrize":
            for case in mark.args[1]:
                yield from rows_in(getattr(case, "marks", ()))


def test_every_situation_with_a_result_code_is_proved_over_a_connection():
    told, proved = situations(), proofs()
    impossible = {number for number, cells in told.items() if cells[-1].startswith(IMPOSSIBLE)}
    assert all(len(told[number][-1]) > len(IMPOSSIBLE) for number in impossible), "say why"
    assert told.keys() - impossible - proved.keys() == set(), "rows without a test"
    assert proved.keys() - told.keys() == set(), "tests of rows that do not exist"
    assert {number: proved[number] for number in impossible & proved.keys()} == {}, "these happen after all"


def test_every_code_that_is_sent_has_its_situation_and_its_e_bit():
    rows = situations().values()
    told = {int(cells[1]) for cells in rows if cells[1].isdigit()}
    sent = {*RESULT_CODE_OF_ERROR.values(), *RESULT_CODE_OF_VERDICT.values()} - {ResultCode.INVALID_MESSAGE_LENGTH}
    assert sorted(sent - told) == []
    assert sorted(told - set(ResultCode)) == []
    wrong = [cells for cells in rows if cells[1].isdigit() and cells[3] != str(int(is_protocol_error(int(cells[1]))))]
    assert wrong == []


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


def test_decisions_have_a_number_each():
    numbers = [page.name[:4] for page in sorted((TESTS.parent / "docs" / "decisions").glob("*.md"))]
    assert len(set(numbers)) == len(numbers)
