"""A gateway profile as a file or a table of the configuration says it: checked key by key."""

import difflib
import tomllib
from collections.abc import Mapping
from enum import Enum
from typing import Any, Literal, NamedTuple, get_args, get_origin

from msgspec import ValidationError, convert
from msgspec.structs import fields, replace

from diameter_ocs.charging.gateway_limits import FREE_SIZES
from diameter_ocs.charging.gateway_profile import GENERIC, GatewayProfile
from diameter_ocs.errors import ConfigurationError
from diameter_ocs.wire.result_code import ResultCode

KEYS = {field.name: field for field in fields(GatewayProfile) if field.name != "name"}
ALWAYS_KNOWN = (ResultCode.CREDIT_LIMIT_REACHED, ResultCode.RATING_FAILED)
"""What a group without credit and one without a tariff are answered: no gateway does without them."""


class Mistake(NamedTuple):
    """What is wrong with one key, and what to write instead."""

    key: str
    rule: str
    suggestion: str


class ProfileMistakes(ValueError):
    """Keys that make no profile."""

    def __init__(self, mistakes: list[Mistake]) -> None:
        super().__init__("; ".join(f"{each.key}: {each.rule}" for each in mistakes))
        self.mistakes = mistakes


def parse_profile(text: str, name: str, file: str) -> GatewayProfile:
    """The profile in a TOML text. Raises ConfigurationError with every mistake: 'file key — rule — suggestion'."""
    try:
        return changed(GatewayProfile(name=name), tomllib.loads(text))
    except tomllib.TOMLDecodeError as error:
        raise ConfigurationError([f"{file}: is not TOML: {error}"]) from None
    except ProfileMistakes as error:
        lines = [f"{file} {each.key} — {each.rule} — {each.suggestion}" for each in error.mistakes]
        raise ConfigurationError(lines) from None


def changed(profile: GatewayProfile, keys: Mapping[str, Any]) -> GatewayProfile:
    """The profile with other values for some keys. Raises ProfileMistakes."""
    values, mistakes = {}, []
    for key, value in keys.items():
        try:
            values[key] = _value(key, value)
        except ProfileMistakes as error:
            mistakes += error.mistakes
    if mistakes:
        raise ProfileMistakes(mistakes)
    made = replace(profile, **values)
    return GENERIC if made == GENERIC else made


def _value(key: str, value: Any) -> Any:
    if key not in KEYS:
        near = difflib.get_close_matches(key, KEYS, n=1, cutoff=0.5)
        known = f"remove it, or use one of: {', '.join(KEYS)}"
        raise _mistake(key, "is no key of a gateway profile", f"did you mean '{near[0]}'?" if near else known)
    kind = KEYS[key].type
    try:
        read = convert(value, kind)
    except ValidationError:
        raise _mistake(key, f"must be {_words(kind)}, not {value!r}", "see config/gateways/generic.toml") from None
    if key == "group_codes" and not set(ALWAYS_KNOWN).issubset(read):
        raise _mistake(key, "must hold 4012 and 5031", "refusals for which there is nothing else")
    if key == "units" and not FREE_SIZES.keys() & set(read):
        raise _mistake(key, "must hold octets, seconds or events", "the unit types that the gateway counts")
    return read


def _mistake(key: str, rule: str, suggestion: str) -> ProfileMistakes:
    return ProfileMistakes([Mistake(key, rule, suggestion)])


def _words(kind: Any) -> str:
    """What may be written for a type."""
    if kind is bool:
        return "true or false"
    if kind is str:
        return "text"
    if get_origin(kind) is Literal:
        return "one of " + ", ".join(map(repr, get_args(kind)))
    (item, _) = get_args(kind)
    choices = [each.value for each in item] if isinstance(item, type) and issubclass(item, Enum) else get_args(item)
    return "a list of any of " + ", ".join(map(repr, choices))
