"""`ocs catalogue` as an operator types it."""

import tomllib

import pytest

from tests.support.sold import sold, write


@pytest.fixture
def started(ocs):
    """A database in which the shipped catalogue holds, and one account with prepaid-data."""
    ocs("account", "create", "acme", "--balance", "10.00", "--offer", "prepaid-data", "--msisdn", "49151000001")
    ocs("catalogue", "load", "catalogue/demo.toml", "--activate")
    return ocs


def next_file(tmp_path, old, new, version="demo-2"):
    text = (tmp_path / "catalogue" / "demo.toml").read_text().replace('"demo-1"', f'"{version}"')
    assert old in text
    file = tmp_path / "next.toml"
    file.write_text(text.replace(old, new))
    return str(file)


def history(ocs):
    return [(each["version"], each["state"]) for each in ocs.json("catalogue", "history")["activations"]]


# check ---------------------------------------------------------------------------------------------


def test_check_tells_what_is_there(ocs):
    tables = tomllib.loads((ocs.config.parent / "catalogue" / "demo.toml").read_text())
    offers, products, tests = (len(tables[name]) for name in ("offers", "products", "tests"))
    told = f"is right: version demo-1, {offers} offers, {products} products, {tests} tests passed"
    assert told in ocs("catalogue", "check").stdout
    facts = ocs.json("catalogue", "check", "catalogue/demo.toml")
    assert (facts["ok"], facts["version"], facts["tests"]) == (True, "demo-1", tests)


def test_check_tells_every_mistake_with_its_line(ocs, tmp_path):
    file = write(tmp_path, "v1", "cheap", currency="euro")
    lines = ocs("catalogue", "check", str(file), code=1).stderr.splitlines()
    assert [line.split(" — ")[0] for line in lines] == [
        f"ocs: {file}:3: currency",
        f"ocs: {file}:14: offers.standard.groups.0.price",
    ]
    assert ocs.json("catalogue", "check", str(file), code=1)["ok"] is False


def test_check_runs_the_tests_in_it(ocs, tmp_path):
    file = tmp_path / "v1.toml"
    file.write_text(sold("v1") + "[[tests]]\nname = 'a MB'\noffer = 'standard'\nused = ['1 MB']\ncharge = '0.03'\n")
    line = ocs("catalogue", "check", str(file), code=1).stderr
    assert f"{file}:{len(file.read_text().splitlines())}: tests.0.charge — 'a MB': cost 0.02 EUR, expected 0.03" in line
    assert "load" not in ocs("catalogue", "load", str(file), code=1).stdout


def test_check_knows_the_settings(ocs, tmp_path):
    file = tmp_path / "v1.toml"
    final = "[final.portal]\naction = 'redirect'\naddress = 'https://example.net/{token}'\n"
    file.write_text(sold("v1").replace('quota = "data"\n', 'quota = "data"\nfinal = "portal"\n') + final)
    assert "portal.secret" in ocs("catalogue", "check", str(file), code=1).stderr


# versions ------------------------------------------------------------------------------------------


def test_a_version_is_shown_as_it_was_written(started, tmp_path):
    text = (tmp_path / "catalogue" / "demo.toml").read_text()
    assert started("catalogue", "show").stdout == text
    assert started("catalogue", "show", "demo-1").stdout == text
    assert started.json("catalogue", "show")["text"] == text
    assert "there is no version 'demo-9'; known: demo-1" in started("catalogue", "show", "demo-9", code=1).stderr


def test_loading_does_not_activate(started, tmp_path):
    said = started("catalogue", "load", next_file(tmp_path, '"0.29"', '"0.31"'), "--reason", "dearer pictures").stdout
    assert "demo-2 is kept; `ocs catalogue activate demo-2` has it hold" in said
    assert [version for version, _ in history(started)] == ["demo-1"]
    assert [each["reason"] for each in started.json("catalogue", "history")["versions"]] == ["", "dearer pictures"]


def test_a_version_with_another_text_is_refused(started, tmp_path):
    refused = started("catalogue", "load", next_file(tmp_path, '"0.29"', '"0.31"', "demo-1"), code=1).stderr
    assert "version 'demo-1' was loaded before" in refused
    assert "give this one a new version" in refused
    started("catalogue", "load", "catalogue/demo.toml")


def test_a_planned_activation_and_its_cancellation(started, tmp_path):
    file = next_file(tmp_path, '"0.29"', '"0.31"')
    said = started("catalogue", "load", file, "--activate", "--at", "2999-01-01T00:00", "--reason", "new year").stdout
    assert "demo-2 holds from 2999-01-01 00:00:00 UTC on" in said
    assert history(started)[-1] == ("demo-2", "to come")
    assert (
        "activation 2 of demo-2 for 2999-01-01 00:00:00 UTC is cancelled" in started("catalogue", "cancel", "2").stdout
    )
    assert history(started)[-1][1].startswith("cancelled ")
    assert "there is no activation 2 to cancel" in started("catalogue", "cancel", "2", code=1).stderr
    assert "has begun or is about to: roll back instead" in started("catalogue", "cancel", "1", code=1).stderr
    table = started("catalogue", "history").stdout
    assert "new year" in table
    assert "cancelled" in table


def test_times_are_those_of_the_operators_clocks(started, tmp_path):
    file = next_file(tmp_path, 'currency = "EUR"', 'currency = "EUR"\ntime_zone = "Europe/Berlin"')
    said = started("catalogue", "load", file, "--activate", "--at", "2999-01-01T00:00").stdout
    assert "from 2999-01-01 00:00:00 Europe/Berlin (2998-12-31 23:00:00 UTC) on" in said
    said = started("catalogue", "activate", "demo-2", "--at", "2999-07-01T00:00Z").stdout
    assert "from 2999-07-01 02:00:00 Europe/Berlin (2999-07-01 00:00:00 UTC) on" in said


@pytest.mark.parametrize(
    ("at", "said"), [("tomorrow", "is not a time such as 2026-11-01T12:00"), ("2020-01-01T00:00", "is over")]
)
def test_a_time_that_is_none(started, at, said):
    assert said in started.refused("catalogue", "activate", "demo-1", "--at", at)
    assert "--at: belongs to --activate" in started.refused("catalogue", "load", "catalogue/demo.toml", "--at", at)


def test_rollback_activates_the_version_before(started, tmp_path):
    assert "no other version held before demo-1" in started("catalogue", "rollback", code=1).stderr
    started("catalogue", "load", next_file(tmp_path, '"0.29"', '"0.31"'), "--activate")
    started("catalogue", "rollback", "--reason", "too dear")
    assert [version for version, _ in history(started)] == ["demo-1", "demo-2", "demo-1"]
    assert started.json("catalogue", "history")["activations"][-1]["reason"] == "too dear"
    started("catalogue", "rollback")
    assert history(started)[-1][0] == "demo-2"


# money safety --------------------------------------------------------------------------------------


def test_a_version_without_an_offer_that_somebody_has_needs_insistence(started, tmp_path):
    file = str(write(tmp_path, "small"))
    refused = started("catalogue", "load", file, "--activate", code=1).stderr
    assert "small is not activated: it has no offer prepaid-data, which 1 subscribers have" in refused
    assert "--force" in refused
    assert [version for version, _ in history(started)] == ["demo-1"]
    started("catalogue", "activate", "small", "--force")
    assert history(started)[-1][0] == "small"


def test_a_version_in_another_currency_is_never_activated(started, tmp_path):
    file = next_file(tmp_path, 'currency = "EUR"', 'currency = "USD"')
    refused = started("catalogue", "load", file, "--activate", "--force", code=1).stderr
    assert "its currency is USD, but 1 accounts are in EUR" in refused
    assert "--force" not in refused


def test_a_version_without_a_product_that_somebody_owns_needs_insistence(started, tmp_path):
    (product, *_) = (each["product"] for each in started.json("product", "list"))
    started("account", "credit", "acme", "--balance", "100.00")
    started("product", "buy", "acme", product)
    text = (tmp_path / "catalogue" / "demo.toml").read_text()
    file = tmp_path / "without.toml"
    file.write_text(text.replace('"demo-1"', '"without"').replace(f"[products.{product}]", "[products.other]")
                    .replace(f"[[products.{product}.allowances]]", "[[products.other.allowances]]"))  # fmt: skip
    refused = started("catalogue", "load", str(file), "--activate", code=1).stderr
    assert f"it has no product {product}, which 1 accounts own" in refused


# diff and schema -----------------------------------------------------------------------------------


def test_diff_of_versions_and_files(started, tmp_path):
    file = next_file(tmp_path, '"0.29"', '"0.31"')
    told = started("catalogue", "diff", "active", file).stdout
    assert "demo-1 → demo-2: 1 change\n" in told
    assert "offer prepaid-data, group picture messages: price 0.29 → 0.31" in told
    started("catalogue", "load", file)
    assert started.json("catalogue", "diff", "demo-2", "demo-1")[0]["change"] == "price 0.31 → 0.29"
    assert "no changes" in started("catalogue", "diff", "demo-1", "catalogue/demo.toml").stdout
    assert "cannot be read" in started("catalogue", "diff", "active", "nothing.toml", code=1).stderr


def test_schema_is_json(ocs):
    assert ocs("catalogue", "schema").stdout.startswith('{\n "$schema"')


# other commands ------------------------------------------------------------------------------------


def test_other_commands_go_by_what_holds(started, tmp_path):
    text = (tmp_path / "catalogue" / "demo.toml").read_text()
    started("catalogue", "load", next_file(tmp_path, "bundle-only", "bundle"))
    assert "'bundle' is no offer of catalogue demo-1" in started.refused("price", "bundle", "1 MB")
    (tmp_path / "catalogue" / "demo.toml").write_text(text.replace("bundle-only", "bundle"))
    assert "'bundle' is no offer of catalogue demo-1" in started.refused("price", "bundle", "1 MB")
