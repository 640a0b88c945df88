"""A JSON Schema of the configuration file, made from the classes of its settings."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import msgspec

from extauth.chain.plugins import BUILT_IN, backend_class
from extauth.config import BackendSection, ConfigFile
from extauth.mechanisms import MECHANISMS
from extauth.settings import Settings
from extauth.version import VERSION

_DIALECT = "https://json-schema.org/draft/2020-12/schema"
_ANY_BACKEND = "a file or a package: path/to/file.py:Class or package.module:Class"


def schema_of_configuration() -> str:
    """Return the schema (draft 2020-12) as text. The keys of your own backends are not checked."""
    settings = {name: backend_class(name, Path()).Settings for name in BUILT_IN}
    types = [ConfigFile, BackendSection, *settings.values()]
    roots, tables = msgspec.json.schema_components(types, schema_hook=_other_type, ref_template="#/$defs/{name}")
    names = dict(zip(types, (root["$ref"].rpartition("/")[2] for root in roots), strict=True))
    common = tables.pop(names[BackendSection])
    file = tables.pop(names[ConfigFile])
    for name, kind in settings.items():
        tables[names[kind]] = _backend_table(name, kind, common, tables[names[kind]])
    known = [{"$ref": f"#/$defs/{names[kind]}"} for kind in settings.values()]
    file["properties"]["backend"] = {
        "type": "array",
        "minItems": 1,
        "items": {"oneOf": [*known, _own_backend(common)]},
    }
    file["required"] = ["backend"]
    tables["SaslSettings"]["properties"]["mechanisms"]["items"]["enum"] = list(MECHANISMS)
    tables["HelperSettings"]["properties"]["workers"].pop("default")  # it depends on the machine
    for section in file["properties"].values():
        if "$ref" in section:
            section.pop("default")  # the table has those of its keys
    title = f"The configuration file of extauth {VERSION}"
    about = "docs/commands.md explains how an editor uses it."
    page = {"$schema": _DIALECT, **file, "title": title, "description": about, "$defs": tables}
    return msgspec.json.format(msgspec.json.encode(_without_null(page)), indent=2).decode()


def _without_null(schema: Any) -> Any:
    """Return a schema without null: TOML has none. A key without a value is left out."""
    if isinstance(schema, list):
        return [_without_null(each) for each in schema]
    if not isinstance(schema, dict):
        return schema
    kinds = [each for each in schema.get("anyOf", ()) if each != {"type": "null"}]
    rest = {key: _without_null(value) for key, value in schema.items() if key != "anyOf"}
    if rest.get("default", "") is None:
        del rest["default"]
    if isinstance(rest.get("enum"), list):
        rest["enum"] = [value for value in rest["enum"] if value is not None]
    if len(kinds) == 1:
        return rest | _without_null(kinds[0])
    return rest | ({"anyOf": _without_null(kinds)} if kinds else {})


def _other_type(kind: type) -> dict[str, Any]:
    """Return the schema of a type that JSON does not have."""
    if issubclass(kind, Path):
        return {"type": "string", "minLength": 1}
    raise NotImplementedError


def _backend_table(name: str, kind: type[Settings], common: dict[str, Any], own: dict[str, Any]) -> dict[str, Any]:
    """Return the schema of a `[[backend]]` of a built-in type."""
    properties = common["properties"] | {"type": {"const": name}} | own["properties"]
    required = ["type", *own.get("required", [])]
    return own | {"title": kind.__name__, "properties": properties, "required": required}


def _own_backend(common: dict[str, Any]) -> dict[str, Any]:
    """Return the schema of a `[[backend]]` of any other type."""
    kind = {"type": "string", "not": {"enum": sorted(BUILT_IN)}, "description": _ANY_BACKEND}
    return {
        "title": "your own backend",
        "type": "object",
        "properties": common["properties"] | {"type": kind},
        "required": ["type"],
    }
