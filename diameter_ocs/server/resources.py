"""Finds the data files shipped with the program: dictionaries, sample configuration, dashboards.

An installed package carries them inside; a checkout has them at its root.
"""

from pathlib import Path

PACKAGE = Path(__file__).resolve().parent.parent


class ResourceMissing(FileNotFoundError):
    """A shipped file is not there: the installation is incomplete."""


def resource(*parts: str) -> Path:
    """The path of a shipped file or folder, such as resource('dictionaries').

    Raises ResourceMissing with the places that were looked at.
    """
    places = [root.joinpath(*parts) for root in (PACKAGE / "data", PACKAGE.parent)]
    for place in places:
        if place.exists():
            return place
    looked = " and ".join(str(place) for place in places)
    raise ResourceMissing(f"{'/'.join(parts)} is not installed: looked for {looked}")


def config_dir() -> Path:
    """The folder with the sample ocs.toml, catalogue, Prometheus and Grafana files."""
    return resource("config")
