"""Catalogues as files: read with the files that they name, and read again as they are kept in a store."""

from errno import ENOENT
from pathlib import Path

from msgspec.structs import replace

from diameter_ocs.errors import ConfigurationError
from diameter_ocs.rating.catalogue import Catalogue
from diameter_ocs.rating.catalogue_file import parse_catalogue
from diameter_ocs.rating.versions import CatalogueSource


def read_text(file: Path) -> str:
    """The text of a file that an operator writes. Raises ConfigurationError that says why it cannot be read."""
    try:
        return file.read_text(encoding="utf-8")
    except OSError as error:
        raise ConfigurationError([f"{file}: cannot be read: {error.strerror}"]) from None
    except UnicodeDecodeError:
        raise ConfigurationError([f"{file}: is not UTF-8 text — save it as UTF-8"]) from None


def read_catalogue(file: Path) -> tuple[CatalogueSource, Catalogue]:
    """What is written in a file and those that it names, and what it means. Raises ConfigurationError."""
    text = read_text(file)
    files: dict[str, str] = {}

    def read(name: str) -> str:
        files[name] = (file.parent / name).read_text(encoding="utf-8")
        return files[name]

    catalogue = parse_catalogue(text, str(file), read)
    return CatalogueSource(catalogue.version, text, files), catalogue


def read_source(source: CatalogueSource) -> Catalogue:
    """What a version means that was written before. Raises ConfigurationError, when this release reads it otherwise."""

    def read(name: str) -> str:
        if name not in source.files:
            raise FileNotFoundError(ENOENT, "it was not kept with this version")
        return source.files[name]

    return replace(parse_catalogue(source.text, f"version {source.version}", read), version=source.version)
