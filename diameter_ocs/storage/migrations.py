"""Bringing a SQLite schema up to date: numbered .sql files, each applied once, in one transaction.

A file is never edited after its release; its checksum in the database proves it. A database with
a higher number was written by a newer release and is left alone.
"""

import sqlite3
from collections.abc import Iterator, Sequence
from hashlib import sha256
from importlib.resources import files
from importlib.resources.abc import Traversable

from msgspec import Struct

from diameter_ocs.errors import SchemaTooNew, StoreCorrupt

BOOKKEEPING = """
CREATE TABLE IF NOT EXISTS schema_migrations (
    number     INTEGER PRIMARY KEY,
    name       TEXT    NOT NULL,
    checksum   TEXT    NOT NULL,
    applied_at TEXT    NOT NULL DEFAULT CURRENT_TIMESTAMP
) STRICT
"""


class Migration(Struct, frozen=True):
    """One step. `checksum` is the SHA-256 of its text in hex."""

    number: int
    name: str
    text: str

    @property
    def checksum(self) -> str:
        return sha256(self.text.encode()).hexdigest()


def packaged_migrations() -> list[Migration]:
    """Those of this release, in order."""
    return read_migrations(files("diameter_ocs.storage").joinpath("schema", "sqlite"))


def read_migrations(folder: Traversable) -> list[Migration]:
    """Files named '001_what_it_does.sql', each number once; releases may leave numbers out."""
    names = sorted(each.name for each in folder.iterdir() if each.name.endswith(".sql"))
    steps = [Migration(int(name[:3]), name, folder.joinpath(name).read_text("utf-8")) for name in names]
    assert len({step.number for step in steps}) == len(steps), names
    return steps


def migrate(db: sqlite3.Connection, steps: Sequence[Migration], path: str) -> None:
    """Apply what is missing. Raises SchemaTooNew, StoreCorrupt, sqlite3.Error."""
    db.execute("BEGIN IMMEDIATE")
    db.execute(BOOKKEEPING)
    db.execute("COMMIT")
    for step in steps:
        db.execute("BEGIN IMMEDIATE")
        if step.number not in _compared(db, steps, path):
            _apply(db, step)
        db.execute("COMMIT")


def refuse_foreign_database(db: sqlite3.Connection, path: str) -> None:
    """Before anything is written: neither something else than a database nor that of another program."""
    tables = {name for (name,) in db.execute("SELECT name FROM sqlite_schema WHERE type = 'table'")}
    if tables and "schema_migrations" not in tables:
        raise StoreCorrupt(f"{path}: is the database of another program (its tables: {', '.join(sorted(tables)[:5])})")


def _compared(db: sqlite3.Connection, steps: Sequence[Migration], path: str) -> set[int]:
    """Numbers applied already, after checking that they are ours, unchanged."""
    known = {step.number: step for step in steps}
    applied = db.execute("SELECT number, name, checksum FROM schema_migrations ORDER BY number").fetchall()
    for number, name, checksum in applied:
        if number not in known:
            raise SchemaTooNew(
                f"{path}: has schema {applied[-1][0]} ({name}), written by a newer release; "
                f"this one knows schema {max(known)}. Start the newer release, or restore an older backup."
            )
        if checksum != known[number].checksum:
            raise StoreCorrupt(
                f"{path}: schema step {name} is not the one of this release (checksum {checksum[:12]}, "
                f"expected {known[number].checksum[:12]}); the database or the installation was tampered with"
            )
    return {number for number, _, _ in applied}


def _apply(db: sqlite3.Connection, step: Migration) -> None:
    for statement in split_statements(step.text):
        db.execute(statement)
    record = (step.number, step.name, step.checksum)
    db.execute("INSERT INTO schema_migrations (number, name, checksum) VALUES (?, ?, ?)", record)


def split_statements(text: str) -> Iterator[str]:
    """Single statements; a trigger with its inner semicolons is one. Each ends at the end of a line."""
    statement = ""
    for line in text.splitlines(keepends=True):
        statement += line
        if sqlite3.complete_statement(statement):
            yield statement
            statement = ""
    assert not statement.strip(), f"no ';' at the end of: {statement}"
