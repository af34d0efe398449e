"""What a person reads is complete: every setting, every command, no dead link."""

import re
from pathlib import Path

import pytest
import typer.main
from pydantic_core import PydanticUndefined

from diameter_ocs.cli import app
from diameter_ocs.config.model import Config, PeerRule
from diameter_ocs.config.problems import toml_value
from tests.support.cli import ROOT

PAGES = sorted([*ROOT.glob("*.md"), *(ROOT / "docs").rglob("*.md")])
SETTINGS = [
    (section, key)
    for section, field in Config.model_fields.items()
    for key in (PeerRule if section == "peers" else field.annotation).model_fields
]


def leaves(command, name=""):
    """Every command with its whole name, 'account show'."""
    below = getattr(command, "commands", {})
    if not below:
        yield name.strip(), command
    for each, child in below.items():
        yield from leaves(child, f"{name} {each}")


COMMANDS = dict(leaves(typer.main.get_command(app)))


@pytest.mark.parametrize(("section", "key"), SETTINGS, ids=".".join)
def test_every_setting_is_documented_with_its_default_and_meaning(section, key):
    model = PeerRule if section == "peers" else Config.model_fields[section].annotation
    field = model.model_fields[key]
    default = "required" if field.default is PydanticUndefined else f"`{toml_value(field.default)}`"
    shown = "none" if field.default is None else default
    assert f"| `{section}.{key}` | {shown} | {field.description} |" in (ROOT / "docs" / "configuration.md").read_text()


@pytest.mark.parametrize("name", COMMANDS)
def test_every_command_is_in_the_readme(name):
    group, _, verb = name.partition(" ")
    rows = [line for line in (ROOT / "README.md").read_text().splitlines() if line.startswith(f"| `ocs {group}")]
    assert rows, f"README.md does not name `ocs {group}`"
    assert not verb or any(re.search(rf"`({group} |ocs {group} )?{verb}`", row) for row in rows)


@pytest.mark.parametrize("name", COMMANDS)
def test_every_command_and_option_has_a_help(name):
    command = COMMANDS[name]
    assert command.help
    assert all(getattr(param, "help", "") for param in command.params), name


@pytest.mark.parametrize("page", PAGES, ids=lambda page: str(page.relative_to(ROOT)))
def test_no_link_is_dead(page: Path):
    targets = re.findall(r"\]\(([^)#]+)\)", page.read_text())
    missing = [target for target in targets if "://" not in target and not (page.parent / target).exists()]
    assert missing == []


def test_every_file_the_readme_names_is_there():
    named = re.findall(r"(?:config|scripts|docs|dictionaries|tests)/[\w./-]*\w", (ROOT / "README.md").read_text())
    assert [name for name in named if not (ROOT / name).exists()] == []
