"""Catalogues are read with the files they name, and mean the same when they are read from what was kept."""

import pytest
from msgspec.structs import replace

from diameter_ocs.catalogues.files import read_catalogue, read_source
from diameter_ocs.errors import ConfigurationError
from tests.support.sold import sold, write

CALLS = """
[quota.call]
unit = "seconds"
default = "60 s"
minimum = "10 s"
maximum = "10 min"
validity = "1 h"
[tariffs.calls]
csv = "rates/calls.csv"
per = "60 s"
[[offers.standard.groups]]
service = "voice"
default = true
tariff = "calls"
quota = "call"
"""


def test_files_that_are_named_belong_to_the_version(tmp_path):
    file = tmp_path / "sold.toml"
    file.write_text(sold("v1") + CALLS)
    (tmp_path / "rates").mkdir()
    rows = "prefix,destination,price\n33,France,0.10\n"
    (tmp_path / "rates" / "calls.csv").write_text(rows)
    source, catalogue = read_catalogue(file)
    assert (source.version, source.text, dict(source.files)) == ("v1", file.read_text(), {"rates/calls.csv": rows})
    (tmp_path / "rates" / "calls.csv").unlink()
    assert read_source(source).offers["standard"].fingerprint == catalogue.offers["standard"].fingerprint
    other = replace(source, files={"rates/calls.csv": rows.replace("0.10", "0.11")})
    assert read_source(other).offers["standard"].fingerprint != catalogue.offers["standard"].fingerprint


def test_what_was_not_kept_is_told(tmp_path):
    file = tmp_path / "sold.toml"
    file.write_text(sold("v1") + CALLS)
    with pytest.raises(ConfigurationError, match=r"sold\.toml:.*rates/calls\.csv cannot be read"):
        read_catalogue(file)


def test_a_version_kept_under_another_name_has_that_name(tmp_path):
    source, _ = read_catalogue(write(tmp_path, "v1"))
    renamed = source.with_name_of_its_own()
    assert read_source(renamed).version == renamed.version != "v1"


@pytest.mark.parametrize(("content", "said"), [(None, "cannot be read: No such file"), (b"\xff", "is not UTF-8 text")])
def test_a_file_that_is_none(tmp_path, content, said):
    file = tmp_path / "sold.toml"
    if content is not None:
        file.write_bytes(content)
    with pytest.raises(ConfigurationError, match=said):
        read_catalogue(file)
