"""What holds and where it comes from, for people and programs."""

import re
from typing import Any

from pydantic import BaseModel

from diameter_ocs.config.environment import is_secret
from diameter_ocs.config.model import Config
from diameter_ocs.config.problems import plain

PASSWORD = re.compile(r"(?<=://)([^:/@]*):[^@]*(?=@)")


def describe(config: Config) -> dict[str, Any]:
    """{'file': ..., 'settings': [{'key', 'value', 'origin', 'meaning'}, ...]}: JSON-able, passwords hidden.

    origin: 'default', 'FILE:LINE', the name of an environment variable, or 'command line'.
    """
    return {"file": str(config.file) if config.file else None, "settings": list(_settings(config))}


def _settings(config: Config) -> Any:
    origins = config.origins
    for section in Config.model_fields:
        value = getattr(config, section)
        if isinstance(value, BaseModel):
            yield from _section(value, section, origins)
        for index, rule in enumerate(value if isinstance(value, tuple) else ()):
            yield from _section(rule, f"{section}[{index}]", origins, origins.get(section))


def _hidden(value: str) -> str:
    """A URL without its password; any other secret not at all."""
    return PASSWORD.sub(r"\1:***", value) if "://" in value else "***"


def _section(section: BaseModel, name: str, origins: dict[str, str], otherwise: str | None = None) -> Any:
    for key, field in type(section).model_fields.items():
        value = plain(getattr(section, key))
        yield {
            "key": f"{name}.{key}",
            "value": _hidden(value) if is_secret(field) and value is not None else value,
            "origin": origins.get(f"{name}.{key}", otherwise or "default"),
            "meaning": field.description,
        }
