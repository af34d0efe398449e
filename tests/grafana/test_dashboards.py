"""Dashboards and rules: well formed, explained, and asking only for what a node publishes."""

import subprocess
from pathlib import Path

import pytest
import yaml

from tests.support.dashboards import (
    CONFIG,
    DASHBOARDS,
    RULES,
    all_expressions,
    dashboard_expressions,
    load_dashboard,
    metrics_in,
    panels,
    rules_of,
    unanswerable,
)
from tests.support.telemetry import exercised, names_on

UNITS = {"short", "reqps", "cps", "s", "percentunit", "decbytes", "bytes", "Bps"}
ROWS = ["Traffic and results", "Latency", "Quota and balances", "Peers", "Storage and engine", "Sweeper and sessions"]
DATASOURCE = {"type": "prometheus", "uid": "${datasource}"}


def promtool(*arguments: str, folder: Path) -> str:
    """What promtool says; its failure is a failure."""
    ran = subprocess.run(["promtool", *arguments], cwd=folder, capture_output=True, text=True, timeout=60)
    assert ran.returncode == 0, ran.stdout + ran.stderr
    return ran.stdout


@pytest.fixture(params=DASHBOARDS, ids=lambda path: path.stem)
def dashboard(request):
    return load_dashboard(request.param)


def test_there_is_an_overview():
    assert "overview" in [path.stem for path in DASHBOARDS]
    rows = [panel["title"] for panel in load_dashboard(DASHBOARDS[0])["panels"] if panel["type"] == "row"]
    assert rows == ROWS


def test_a_dashboard_can_be_provisioned(dashboard):
    assert "id" not in dashboard
    assert dashboard["uid"].startswith("ocs-")
    assert dashboard["schemaVersion"] == 41
    variables = {variable["name"]: variable for variable in dashboard["templating"]["list"]}
    assert variables["datasource"]["type"] == "datasource"
    assert variables["datasource"]["query"] == "prometheus"
    assert variables["node"]["datasource"] == DATASOURCE


def test_every_panel_explains_itself(dashboard):
    for panel in panels(dashboard):
        assert panel["title"], panel
        assert panel["description"].endswith("."), panel["title"]
        assert panel["fieldConfig"]["defaults"]["unit"] in UNITS, panel["title"]
        assert panel["datasource"] == DATASOURCE, panel["title"]
        assert panel["targets"], panel["title"]
        for target in panel["targets"]:
            assert target["datasource"] == DATASOURCE, panel["title"]
            assert 'instance=~"$node"' in target["expr"], panel["title"]
            assert "by (instance)" in target["expr"] or "legendFormat" in target, panel["title"]


def test_panels_and_queries_have_names_of_their_own(dashboard):
    ids = [panel["id"] for panel in dashboard["panels"]]
    titles = [panel["title"] for panel in dashboard["panels"]]
    assert len(set(ids)) == len(ids)
    assert len(set(titles)) == len(titles)
    for panel in panels(dashboard):
        queries = [target["refId"] for target in panel["targets"]]
        assert len(set(queries)) == len(queries)


def test_panels_do_not_overlap(dashboard):
    taken: set[tuple[int, int]] = set()
    for panel in dashboard["panels"]:
        place = panel["gridPos"]
        cells = {
            (x, y)
            for x in range(place["x"], place["x"] + place["w"])
            for y in range(place["y"], place["y"] + place["h"])
        }
        assert not cells & taken, panel["title"]
        assert max(x for x, _ in cells) < 24, panel["title"]
        taken |= cells


def test_every_variable_used_is_known(dashboard):
    for expression in dashboard_expressions(dashboard):
        assert "$" not in expression


def test_every_metric_asked_for_is_published():
    _, page = exercised().render()
    assert unanswerable(names_on(page.decode())) == {}


def test_every_metric_published_is_shown_somewhere():
    _, page = exercised().render()
    asked = set().union(*map(metrics_in, all_expressions()))
    unseen = {name for name in names_on(page.decode()) if name.startswith("ocs_")} - asked
    assert {name for name in unseen if not name.endswith(("_bucket", "_sum", "_count"))} == set()


def test_promtool_accepts_every_expression(tmp_path):
    rules = [{"record": f"test:expression:{number}", "expr": text} for number, text in enumerate(all_expressions())]
    (tmp_path / "rules.yml").write_text(yaml.safe_dump({"groups": [{"name": "test", "rules": rules}]}))
    assert f"{len(rules)} rules found" in promtool("check", "rules", "rules.yml", folder=tmp_path)


def test_promtool_accepts_configuration_and_rules():
    said = promtool("check", "config", "prometheus.yml", folder=CONFIG / "prometheus")
    assert "1 rule files found" in said
    assert "FAILED" not in said


def test_alerts_fire_when_they_should():
    promtool("test", "rules", str(Path(__file__).parent / "alerts.yml"), folder=CONFIG / "prometheus" / "rules")


@pytest.mark.parametrize("path", RULES, ids=lambda path: path.stem)
def test_every_alert_explains_itself(path):
    alerts = [rule for rule in rules_of(path) if "alert" in rule]
    assert alerts
    for alert in alerts:
        assert alert["labels"]["severity"] in {"warning", "critical"}, alert["alert"]
        assert alert["annotations"]["summary"], alert["alert"]
        assert alert["annotations"]["description"].endswith("."), alert["alert"]


def test_recorded_series_are_recorded_before_they_are_used():
    recorded = {rule["record"] for path in RULES for rule in rules_of(path) if "record" in rule}
    used = {word for text in all_expressions() for word in text.split() if word.startswith("instance:")}
    assert used <= recorded


def test_provisioning_points_to_what_is_there():
    provisioning = CONFIG / "grafana" / "provisioning"
    (source,) = yaml.safe_load((provisioning / "datasources" / "prometheus.yml").read_text())["datasources"]
    assert source["type"] == "prometheus"
    (provider,) = yaml.safe_load((provisioning / "dashboards" / "ocs.yml").read_text())["providers"]
    assert provider["type"] == "file"
    assert provider["options"]["path"]
