"""Finds the gateway profiles that the [[peers]] tables name: the operator's own files first, then the shipped ones."""

import difflib
from collections.abc import Iterator
from pathlib import Path

from diameter_ocs.catalogues.files import read_text
from diameter_ocs.charging.gateway_file import ProfileMistakes, changed, parse_profile
from diameter_ocs.charging.gateway_profile import GENERIC, GatewayProfile
from diameter_ocs.config.model import Config, PeerRule
from diameter_ocs.config.problems import Path as KeyPath
from diameter_ocs.config.problems import Problem
from diameter_ocs.errors import ConfigurationError
from diameter_ocs.server.resources import config_dir

FOLDER = "gateways"


def profile_files(config: Config) -> dict[str, Path]:
    """Every profile by its name: those beside the configuration file win over shipped ones of the same name."""
    found: dict[str, Path] = {}
    for folder in (config_dir() / FOLDER, config.resolve(Path(FOLDER))):
        found |= {file.stem: file for file in sorted(folder.glob("*.toml"))}
    return dict(sorted(found.items()))


def load_profile(name: str, file: Path) -> GatewayProfile:
    """The profile in a file. Raises ConfigurationError with everything wrong in it."""
    return parse_profile(read_text(file), name, str(file))


def profiles_of(config: Config) -> dict[str, GatewayProfile]:
    """By the host of the rule: the profile of every rule that is not plainly generic. `config` has passed its check."""
    return {rule.host: profile for rule, profile in _profiles(config, []) if profile is not GENERIC}


def profile_problems(config: Config) -> list[Problem]:
    """What is wrong with the profiles that the rules name."""
    problems: list[Problem] = []
    for _ in _profiles(config, problems):
        pass
    return problems


def _profiles(config: Config, problems: list[Problem]) -> Iterator[tuple[PeerRule, GatewayProfile]]:
    named = {rule.profile for rule in config.peers if rule.profile is not None}
    files = profile_files(config) if named else {}
    loaded: dict[str | None, GatewayProfile] = {None: GENERIC}
    for index, rule in enumerate(config.peers):
        path: KeyPath = ("peers", index)
        try:
            if rule.profile not in loaded:
                assert rule.profile is not None
                loaded[rule.profile] = _named(rule.profile, files, (*path, "profile"))
            yield rule, _overridden(loaded[rule.profile], rule, (*path, "overrides"))
        except _Wrong as wrong:
            problems += wrong.problems


class _Wrong(Exception):
    def __init__(self, problems: list[Problem]) -> None:
        self.problems = problems


def _named(name: str, files: dict[str, Path], path: KeyPath) -> GatewayProfile:
    if name not in files:
        near = difflib.get_close_matches(name, files, n=1, cutoff=0.5)
        known = f"use one of: {', '.join(files)}; or write {FOLDER}/{name}.toml beside the configuration file"
        suggestion = f"did you mean '{near[0]}'?" if near else known
        raise _Wrong([Problem(path, f"'{name}' is no gateway profile", suggestion)])
    try:
        return load_profile(name, files[name])
    except ConfigurationError as error:
        raise _Wrong([Problem(path, line, "correct that file") for line in error.problems]) from None


def _overridden(profile: GatewayProfile, rule: PeerRule, path: KeyPath) -> GatewayProfile:
    if not rule.overrides:
        return profile
    try:
        return changed(profile, rule.overrides)
    except ProfileMistakes as error:
        problems = [Problem((*path, each.key), each.rule, each.suggestion) for each in error.mistakes]
        raise _Wrong(problems) from None
