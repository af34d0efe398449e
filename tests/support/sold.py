"""A catalogue whose price and version a test says."""

from pathlib import Path

from diameter_ocs.catalogues.files import read_catalogue
from diameter_ocs.rating.versions import CatalogueSource

TEXT = """# what {version} sells
version = "{version}"
currency = "{currency}"
[quota.data]
default = "10 MB"
minimum = "1 MB"
maximum = "50 MB"
validity = "1 h"
[offers.{offer}]
default_rating_group = 10
[[offers.{offer}.groups]]
rating_groups = [10]
name = "internet"
price = "{price}"
per = "1 MB"
quota = "data"
"""


def sold(version: str, price: str = "0.02", *, currency: str = "EUR", offer: str = "standard") -> str:
    """The text of a file."""
    return TEXT.format(version=version, price=price, currency=currency, offer=offer)


def write(folder: Path, version: str, price: str = "0.02", **more: str) -> Path:
    """The same as 'sold.toml' in a folder."""
    file = folder / "sold.toml"
    file.write_text(sold(version, price, **more))
    return file


def source(folder: Path, version: str, price: str = "0.02", **more: str) -> CatalogueSource:
    return read_catalogue(write(folder, version, price, **more))[0]
