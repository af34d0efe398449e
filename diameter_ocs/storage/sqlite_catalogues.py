"""Catalogues in SQLite: see storage/catalogues.py."""

import sqlite3

from msgspec.json import decode, encode

from diameter_ocs.rating.versions import Activation, CatalogueSource, VersionFacts
from diameter_ocs.storage.catalogues import CatalogueUse

FACTS = "SELECT version, checksum, loaded_ms, who, reason FROM catalogue_versions"


def keep(db: sqlite3.Connection, source: CatalogueSource, loaded_ms: int, who: str, reason: str) -> VersionFacts:
    """See CatalogueStore.keep_catalogue."""
    db.execute("BEGIN IMMEDIATE")
    db.execute(
        "INSERT INTO catalogue_versions (version, checksum, text, files, loaded_ms, who, reason)"
        " VALUES (?, ?, ?, ?, ?, ?, ?) ON CONFLICT DO NOTHING",
        (source.version, source.checksum, source.text, encode(source.files).decode(), loaded_ms, who, reason),
    )
    kept = VersionFacts(*db.execute(f"{FACTS} WHERE version = ?", (source.version,)).fetchone())
    db.execute("COMMIT")
    return kept


def source(db: sqlite3.Connection, version: str) -> CatalogueSource | None:
    """See CatalogueStore.catalogue_source."""
    row = db.execute("SELECT text, files FROM catalogue_versions WHERE version = ?", (version,)).fetchone()
    return None if row is None else CatalogueSource(version, row[0], decode(row[1], type=dict[str, str]))


def versions(db: sqlite3.Connection) -> list[VersionFacts]:
    """See CatalogueStore.catalogue_versions."""
    return [VersionFacts(*row) for row in db.execute(f"{FACTS} ORDER BY rowid").fetchall()]


def activate(
    db: sqlite3.Connection, version: str, from_ms: int, said_ms: int, who: str, reason: str
) -> Activation | None:
    """See CatalogueStore.activate_catalogue."""
    db.execute("BEGIN IMMEDIATE")
    written = db.execute(
        "INSERT INTO catalogue_activations (version, from_ms, said_ms, who, reason)"
        " SELECT version, ?, ?, ?, ? FROM catalogue_versions WHERE version = ?",
        (from_ms, said_ms, who, reason, version),
    )
    number = written.lastrowid
    db.execute("COMMIT")
    if not written.rowcount or number is None:
        return None
    return Activation(number, version, from_ms, said_ms, who, reason)


def cancel(db: sqlite3.Connection, number: int, said_ms: int, who: str) -> bool:
    """See CatalogueStore.cancel_activation."""
    written = db.execute(
        "INSERT INTO catalogue_cancellations (number, said_ms, who)"
        " SELECT number, ?, ? FROM catalogue_activations WHERE number = ? ON CONFLICT DO NOTHING",
        (said_ms, who, number),
    )
    return written.rowcount > 0


def activations(db: sqlite3.Connection) -> list[Activation]:
    """See CatalogueStore.activations."""
    rows = db.execute(
        "SELECT a.number, a.version, a.from_ms, a.said_ms, a.who, a.reason,"
        " coalesce(c.said_ms, 0), coalesce(c.who, '')"
        " FROM catalogue_activations AS a LEFT JOIN catalogue_cancellations AS c USING (number) ORDER BY a.number"
    )
    return [Activation(*row) for row in rows.fetchall()]


def use(db: sqlite3.Connection) -> CatalogueUse:
    """See CatalogueStore.catalogue_use."""
    currencies = db.execute("SELECT coalesce(state ->> 'currency', 'EUR'), count(*) FROM accounts GROUP BY 1")
    offers = db.execute("SELECT state ->> 'offer', count(*) FROM subscribers GROUP BY 1")
    products = db.execute(
        "SELECT owned.value ->> 'product', count(DISTINCT account_id)"
        " FROM accounts, json_each(state, '$.owned') AS owned GROUP BY 1"
    )
    return CatalogueUse(*(dict(rows.fetchall()) for rows in (currencies, offers, products)))
