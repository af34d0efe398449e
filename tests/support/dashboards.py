"""Reading dashboards and rules: what they ask Prometheus, and whether a node can answer."""

import json
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import yaml

CONFIG = Path(__file__).parents[2] / "config"
DASHBOARDS = sorted((CONFIG / "grafana" / "dashboards").glob("*.json"))
RULES = sorted((CONFIG / "prometheus" / "rules").glob("*.yml"))

METRIC = re.compile(r"(?<![\w:])(?:ocs|process)_\w+")
QUOTED = re.compile(r'"[^"]*"')
VARIABLES = {"$__rate_interval": "5m", "$node": ".*"}


def load_dashboard(path: Path) -> dict[str, Any]:
    return json.loads(path.read_text(encoding="utf-8"))


def panels(dashboard: dict[str, Any]) -> Iterator[dict[str, Any]]:
    """Every panel that shows something: rows are left out, what they fold is not."""
    for panel in dashboard["panels"]:
        if panel["type"] == "row":
            yield from panel["panels"]
        else:
            yield panel


def dashboard_expressions(dashboard: dict[str, Any]) -> Iterator[str]:
    """What a dashboard asks, with its variables filled in."""
    for panel in panels(dashboard):
        for target in panel["targets"]:
            expression = target["expr"]
            for variable, value in VARIABLES.items():
                expression = expression.replace(variable, value)
            yield expression


def rules_of(path: Path) -> list[dict[str, Any]]:
    return [rule for group in yaml.safe_load(path.read_text(encoding="utf-8"))["groups"] for rule in group["rules"]]


def all_expressions() -> list[str]:
    """Every expression of every dashboard and rule file."""
    asked = [expression for path in DASHBOARDS for expression in dashboard_expressions(load_dashboard(path))]
    return asked + [rule["expr"] for path in RULES for rule in rules_of(path)]


def metrics_in(expression: str) -> set[str]:
    """The series an expression reads, recorded ones left out."""
    return set(METRIC.findall(QUOTED.sub("", expression)))


def unanswerable(page_names: set[str]) -> dict[str, list[str]]:
    """Series that expressions read and a metrics page does not have -> the expressions."""
    missing: dict[str, list[str]] = {}
    for expression in all_expressions():
        for name in metrics_in(expression) - page_names:
            missing.setdefault(name, []).append(expression)
    return missing
