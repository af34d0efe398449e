"""The published schema is that of the code, accepts what is accepted, and refuses what editors can know to be wrong."""

import json
import tomllib

import pytest
from jsonschema import Draft202012Validator

from diameter_ocs.cli.catalogue import schema_text
from diameter_ocs.rating.schema import catalogue_schema
from diameter_ocs.server.resources import config_dir
from tests.support.catalogue import TEXT
from tests.support.cli import ROOT

SHIPPED = sorted((ROOT / "config" / "catalogue").rglob("*.toml"))
VALIDATOR = Draft202012Validator(catalogue_schema())


def mistakes(text: str) -> list[str]:
    """As an editor sees a file: dates are text for it."""
    tables = json.loads(json.dumps(tomllib.loads(text), default=lambda each: each.isoformat()))
    return [error.message for error in VALIDATOR.iter_errors(tables)]


def test_the_published_schema_is_current():
    published = (config_dir() / "catalogue" / "schema.json").read_text()
    assert published == schema_text(), "run: ocs catalogue schema > config/catalogue/schema.json"


def test_it_is_a_schema():
    Draft202012Validator.check_schema(catalogue_schema())


@pytest.mark.parametrize("file", SHIPPED, ids=lambda file: file.name)
def test_shipped_catalogues_fit_and_name_it(file):
    text = file.read_text()
    assert mistakes(text) == []
    named = text.splitlines()[0].removeprefix("#:schema ")
    assert (file.parent / named).samefile(ROOT / "config" / "catalogue" / "schema.json")


def test_the_catalogue_of_the_tests_fits():
    assert mistakes(TEXT) == []


@pytest.mark.parametrize(
    "more",
    [
        "[quota.more]\nextends = 'data'\ndefault = '5 MB'\n",
        "[bands.night]\nfrom = '22:00'\nuntil = '06:00'\n",
        "[calendars.holidays]\ndates = ['2027-03-26', 2027-03-27]\nyearly = ['12-25']\n",
        "[tariffs.t]\nper = '1 MB'\nprices = [{ from = '06:00', to = '05:00', price = '0.02' }]\n",
        "[products.p]\nprice = '5.00'\nallowances = [{ name = 'd', amount = '1 GB' }]\n",
        "[[tests]]\nname = 'it'\noffer = 'standard'\nat = 2027-01-01T00:00:00\nused = ['1 MB', 5]\ncharge = '0.02'\n",
    ],
)
def test_everything_that_can_be_written(more):
    assert mistakes(TEXT + more) == []


@pytest.mark.parametrize(
    "more",
    [
        "[quota.more]\nextend = 'data'\n",
        "[bands.night]\nfrom = '22.00'\n",
        "[calendars.holidays]\nyearly = ['25.12.']\n",
        "[tariffs.t]\nper = '1 MB'\nprice = 0.02\n",
        "[tariffs.t]\nper = '1 MB'\nprice = 'cheap'\n",
        "[[tests]]\nname = 'it'\n",
    ],
)
def test_what_can_be_seen_to_be_wrong(more):
    assert len(mistakes(TEXT + more)) >= 1
