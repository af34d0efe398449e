"""The JSON schema of catalogue files, for editors that complete and check while one writes."""

from typing import Any

from diameter_ocs.rating.catalogue_file import CatalogueFile
from diameter_ocs.rating.prices_file import PriceFile
from diameter_ocs.rating.quota_file import EXTENDS, QuotaFile

DIALECT = "https://json-schema.org/draft/2020-12/schema"
NOT_SAID = {"type": "null"}
"""TOML has no such value: a key is left out."""
AS_READ = ("title", "default")
"""What a schema made of a model says in words of its own: names of fields, and values as they are read, not written."""


def catalogue_schema() -> dict[str, Any]:
    """What a catalogue may say. What it names has to exist too, and much more: that is what `check` tells."""
    made = CatalogueFile.model_json_schema()
    quota = made["$defs"][QuotaFile.__name__]
    quota["properties"][EXTENDS] = {"type": "string", "description": "A quota policy whose values hold where none is."}
    del quota["required"]
    price = made["$defs"][PriceFile.__name__]["properties"]
    price["to"] = price["until"]
    return {"$schema": DIALECT, "title": "A catalogue of diameter_ocs", **_as_written(made)}


def _as_written(schema: Any, *, are_names: bool = False) -> Any:
    """are_names: the keys of this table are names of keys in a file."""
    if isinstance(schema, list):
        return [_as_written(each) for each in schema]
    if not isinstance(schema, dict):
        return schema
    made = {
        key: _as_written(value, are_names=not are_names and key in ("properties", "$defs"))
        for key, value in schema.items()
        if are_names or key not in AS_READ
    }
    choices = [each for each in made.get("anyOf", ()) if each != NOT_SAID] if not are_names else []
    if len(choices) == 1:
        del made["anyOf"]
        return {**choices[0], **made}
    return {**made, "anyOf": choices} if choices else made
