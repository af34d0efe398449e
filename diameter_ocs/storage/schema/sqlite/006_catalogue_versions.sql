-- What is sold: versions of the catalogue as they were written, and from when each of them holds.
-- files: JSON object with the texts of the files that the catalogue names, by those names.

CREATE TABLE catalogue_versions (
    version   TEXT    PRIMARY KEY NOT NULL,
    checksum  TEXT    NOT NULL,
    text      TEXT    NOT NULL,
    files     TEXT    NOT NULL,
    loaded_ms INTEGER NOT NULL,
    who       TEXT    NOT NULL,
    reason    TEXT    NOT NULL
) STRICT;

CREATE TRIGGER catalogue_versions_are_never_changed BEFORE UPDATE ON catalogue_versions
BEGIN
    SELECT raise(ABORT, 'versions of the catalogue are never changed');
END;

CREATE TRIGGER catalogue_versions_are_never_deleted BEFORE DELETE ON catalogue_versions
BEGIN
    SELECT raise(ABORT, 'versions of the catalogue are never deleted');
END;

-- Of the activations that have begun and are not cancelled, the one with the latest from_ms holds.
CREATE TABLE catalogue_activations (
    number  INTEGER PRIMARY KEY,
    version TEXT    NOT NULL REFERENCES catalogue_versions (version),
    from_ms INTEGER NOT NULL,
    said_ms INTEGER NOT NULL,
    who     TEXT    NOT NULL,
    reason  TEXT    NOT NULL
) STRICT;

CREATE TRIGGER catalogue_activations_are_never_changed BEFORE UPDATE ON catalogue_activations
BEGIN
    SELECT raise(ABORT, 'activations of the catalogue are never changed');
END;

CREATE TRIGGER catalogue_activations_are_never_deleted BEFORE DELETE ON catalogue_activations
BEGIN
    SELECT raise(ABORT, 'activations of the catalogue are never deleted');
END;

CREATE TABLE catalogue_cancellations (
    number  INTEGER PRIMARY KEY REFERENCES catalogue_activations (number),
    said_ms INTEGER NOT NULL,
    who     TEXT    NOT NULL
) STRICT;

CREATE TRIGGER catalogue_cancellations_are_never_changed BEFORE UPDATE ON catalogue_cancellations
BEGIN
    SELECT raise(ABORT, 'cancellations are never changed');
END;

CREATE TRIGGER catalogue_cancellations_are_never_deleted BEFORE DELETE ON catalogue_cancellations
BEGIN
    SELECT raise(ABORT, 'cancellations are never deleted');
END;
