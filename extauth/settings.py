"""Typed settings: a table of the configuration to a value, or an error that says what would be right."""

from __future__ import annotations

import difflib
import re
from pathlib import Path
from typing import Any, TypeVar

import msgspec

from extauth.errors import ConfigError


class Settings(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Base of every table of settings: typed fields, with defaults where a key may be left out.

    A `pathlib.Path` field that is relative is relative to the folder of the configuration file.
    """


T = TypeVar("T", bound=Settings)

_AT = re.compile(r"(?P<problem>.*?)(?: - at `\$(?P<path>.*)`)?", re.DOTALL)
_UNKNOWN = re.compile(r"Object contains unknown field `(?P<key>.*)`")
_MISSING = re.compile(r"Object missing required field `(?P<key>.*)`")
_STEP = re.compile(r"\.?([^.\[\]]+)")


def convert(table: dict[str, Any], settings: type[T], file: Path, section: str = "") -> T:
    """`table`, a part of `file`, as `settings`; `section` is how an administrator calls that part.

    Raises ConfigError with the file, the key, the value and what would be right.
    """

    def from_text(kind: type, value: Any) -> Any:
        if kind is Path and isinstance(value, str) and value:
            return file.parent / value
        raise TypeError(f"Expected a path, got {value!r}")

    try:
        return msgspec.convert(table, settings, dec_hook=from_text)
    except msgspec.ValidationError as error:
        raise ConfigError(f"{file}: {_explained(str(error), table, settings, section)}") from None


def _explained(error: str, table: dict[str, Any], settings: type[Settings], section: str) -> str:
    match = _AT.fullmatch(error)
    problem, path = (match["problem"], match["path"] or "") if match else (error, "")
    steps = _STEP.findall(path)
    if unknown := _UNKNOWN.fullmatch(problem):
        known = sorted(_fields(settings, steps))
        close = difflib.get_close_matches(unknown["key"], known, n=1)
        hint = f"did you mean {close[0]}?" if close else f"known here: {', '.join(known)}"
        return f"{_key(section, [*steps, unknown['key']])}: unknown key; {hint}"
    if missing := _MISSING.fullmatch(problem):
        return f"{_key(section, [*steps, missing['key']])}: is missing"
    problem = problem[0].lower() + problem[1:]
    return f"{_key(section, steps)} = {_shown(table, steps)}: {problem}"


def _key(section: str, steps: list[str]) -> str:
    key = ""
    for step in steps:
        key += f"[{step}]" if step.isdigit() else f".{step}" if key else step
    return " ".join(part for part in (section, key) if part)


def _shown(table: Any, steps: list[str]) -> str:
    """The value at `steps`, unless its key says that nobody shall see it."""
    if any(word in step for step in steps for word in ("password", "secret")):
        return "(not shown)"
    for step in steps:
        if step == "...":
            return repr(table)
        table = table[int(step)] if isinstance(table, list) else table[step]
    return repr(table)


def _fields(settings: type[Settings], steps: list[str]) -> list[str]:
    for step in steps:
        found = next((f.type for f in msgspec.structs.fields(settings) if f.encode_name == step), None)
        if not (isinstance(found, type) and issubclass(found, Settings)):
            return []
        settings = found
    return [field.encode_name for field in msgspec.structs.fields(settings)]
