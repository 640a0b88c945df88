"""Typed settings: convert a table of the configuration, or raise an error that says how to correct it."""

from __future__ import annotations

import re
import tomllib
from collections.abc import Mapping
from itertools import pairwise
from pathlib import Path
from typing import Any, ClassVar, TypeVar, get_args

import msgspec

from extauth.errors import ConfigError, Mistakes


class Settings(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Base class of every table of settings. It has typed fields; a key with a default can be left out.

    A `pathlib.Path` field that is relative is relative to the folder of the configuration file.

    `RENAMED`: earlier names of keys, and their present names for error texts. `REMOVED`: keys that are gone, and why.
    """

    RENAMED: ClassVar[Mapping[str, str]] = {}
    REMOVED: ClassVar[Mapping[str, str]] = {}


T = TypeVar("T", bound=Settings)

# patterns of msgspec's messages, compiled when first needed
_AT = r"(?s)(?P<problem>.*?)(?: - at `\$(?P<path>.*)`)?"
_UNKNOWN = r"Object contains unknown field `(?P<key>.*)`"
_MISSING = r"Object missing required field `(?P<key>.*)`"
_STEP = r"\.?([^.\[\]]+)"
_URL_WITH_A_USER = re.compile(r":.*@|://.*%")
_LONG = 128  # bits
_LONG_LINE = 80  # characters
_TOP_KEYS = ("default_domain", "lower_names")  # of the configuration, outside of every section
_BYTE_ORDER_MARK = b"\xef\xbb\xbf"  # Windows editors write it before the first line
_UTF_16 = (b"\xff\xfe", b"\xfe\xff")  # its byte order marks
_IN_TOML = {
    "str": "a string",
    "int": "a whole number",
    "float": "a number",
    "bool": "true or false",
    "array": "a list in [ ]",
}
_IN_TOML |= {"object": "a table", "path": "a path"}


def parse_toml(data: bytes, file: Path) -> dict[str, Any]:
    """Parse `data`, the content of `file`. Raises ConfigError."""
    if data.startswith(_UTF_16):
        raise ConfigError(f"{file}: is UTF-16; save it as UTF-8")
    try:
        return tomllib.loads(data.removeprefix(_BYTE_ORDER_MARK).decode())
    except UnicodeDecodeError as error:
        line = data.count(b"\n", 0, error.start) + 1
        raise ConfigError(f"{file}, line {line}: byte {error.start} is not UTF-8; save the file as UTF-8") from None
    except tomllib.TOMLDecodeError as error:
        raise ConfigError(f"{file}: is not TOML: {error}{_toml_hint(str(error), data)}") from None
    except RecursionError:
        raise ConfigError(f"{file}: is nested too deeply") from None
    except Exception as error:  # noqa: BLE001  # for example ValueError, for a number of 5000 digits
        kind = type(error).__name__  # the message may repeat a part of the file
        raise ConfigError(f"{file}: cannot be read ({kind}); perhaps a number is too long or a date wrong") from None


def _toml_hint(error: str, data: bytes) -> str:
    """Return the line of an error, unless it may hold a password, and how to correct a text without quotes."""
    place = re.search(r"at line (\d+), column (\d+)", error)
    if place is None:
        return ""
    line = data.decode().removeprefix("\ufeff").split("\n")[int(place[1]) - 1].strip()
    hint = ""
    if error.startswith("Invalid value") and re.search(r"=\s*[^\s\"'\[{0-9]", line):
        hint = '; a text must stand in quotes: key = "text"'
    if re.search("(?i)password|secret", line) or _URL_WITH_A_USER.search(line):
        return hint
    return f": {line[:_LONG_LINE]}{hint}"


def convert(
    table: dict[str, Any],
    settings: type[T],
    file: Path,
    section: str = "",
    beside: type[Settings] | None = None,
    mistakes: Mistakes | None = None,
) -> T:
    """Convert `table`, a part of `file`, to `settings`. `section` is the name of that part in error messages.

    `beside` are settings in the same table that have already been read. Raises ConfigError with the file, the key, the
    value and how to correct it. All wrong keys are in it. With `mistakes` these
    are collected there, and wrong keys get their defaults.
    """

    def from_text(kind: type, value: Any) -> Any:
        if kind is Path and isinstance(value, str) and value and "\0" not in value:
            return file.parent / value
        raise TypeError("Expected `path`")

    found, rest, converted = mistakes or Mistakes(), table, None
    while converted is None:
        try:
            converted = msgspec.convert(rest, settings, dec_hook=from_text)
        except msgspec.ValidationError as error:
            problem = _Problem(str(error), settings, beside)
            if problem.follows_from_removal(table):
                break
            with found.collected():
                raise ConfigError(f"{file}: {problem.explained(rest, section)}") from None
            without = problem.without(rest)
            if without is None:
                break
            rest = without
    if mistakes is None or converted is None:
        found.raise_all()
    assert converted is not None  # otherwise there is a mistake
    return converted


class _Problem:
    """A validation error of msgspec, explained in terms of TOML."""

    def __init__(self, error: str, settings: type[Settings], beside: type[Settings] | None) -> None:
        match = re.fullmatch(_AT, error)
        self._problem = match["problem"] if match else error
        self._steps: list[str] = re.findall(_STEP, match["path"] or "") if match else []
        self._settings = settings
        self._beside = beside

    def explained(self, table: dict[str, Any], section: str) -> str:
        """Return the key, its value, and how to correct it."""
        if unknown := re.fullmatch(_UNKNOWN, self._problem):
            if why := self._table().REMOVED.get(unknown["key"]):
                self._steps.append(unknown["key"])
                return f"{self._key(section)} = {self._value(table)}: this key is gone: {why}; remove the line"
            return f"{self._key(section, unknown['key'])}: unknown key; {self._hint(unknown['key'])}"
        if missing := re.fullmatch(_MISSING, self._problem):
            return f"{self._key(section, missing['key'])}: is missing"
        return f"{self._key(section)} = {self._value(table)}: {self._expected()}"

    def follows_from_removal(self, original: Any) -> bool:
        """Return whether a key is missing only because it was removed. `original`: the table as it is in the file."""
        missing = re.fullmatch(_MISSING, self._problem)
        if not missing:
            return False
        for step in self._steps:
            original = original.get(step) if isinstance(original, dict) else None
        return isinstance(original, dict) and missing["key"] in original

    def without(self, table: dict[str, Any]) -> dict[str, Any] | None:
        """Return `table` without the wrong key, to look for more mistakes. None: there are no others to be found."""
        unknown, missing = re.fullmatch(_UNKNOWN, self._problem), re.fullmatch(_MISSING, self._problem)
        if missing or (not self._steps and not unknown):
            return None
        steps = [*self._steps, unknown["key"]] if unknown else self._steps
        rest = parent = dict(table)
        for step, following in pairwise(steps):
            if not isinstance(parent.get(step), dict) or following == "..." or following.isdigit():
                del parent[step]  # a list: the whole of it
                return rest
            parent[step] = parent = dict(parent[step])
        del parent[steps[-1]]
        return rest

    def _key(self, section: str, *more: str) -> str:
        key = ""
        for step in (*self._steps, *more):
            key += f"[{step}]" if step.isdigit() or step == "..." else f".{step}" if key else step
        return " ".join(part for part in (section, key) if part)

    def _hint(self, key: str) -> str:
        if renamed := self._table().RENAMED.get(key):
            return f"its name is now {renamed}"
        if key in _TOP_KEYS:
            return "it belongs above the first [section]"
        if sections := self._sections_with(key):
            return f"it belongs into [{'] or ['.join(sections)}]"
        keys = [field.encode_name for field in self._fields()]
        if self._beside is not None and not self._steps:
            keys += self._beside.__struct_fields__
        import difflib  # imported here because it is rarely needed

        close = difflib.get_close_matches(key, keys, n=1)
        return f"did you mean {close[0]}?" if close else f"known here: {', '.join(sorted(keys))}"

    def _sections_with(self, key: str) -> list[str]:
        fields = msgspec.structs.fields(self._settings)
        return [
            each.encode_name for each in fields if any(key in kind.__struct_fields__ for kind in _tables(each.type))
        ]

    def _expected(self) -> str:
        if self._problem.startswith("Invalid enum value"):
            field = next(field for field in self._fields() if field.encode_name == self._steps[-1])
            return f"must be one of {', '.join(map(repr, _choices(field.type)))}"
        names = re.findall(r"`([^`]*)`", self._problem)
        if not names:
            return self._problem[0].lower() + self._problem[1:]
        right = " or ".join(_IN_TOML.get(name, name) for name in names[0].split(" | ") if name != "null")
        limit = re.search(r"`((?: of length)? [<>]=? \S+)", self._problem)
        return f"must be {right}{limit[1] if limit else ''}"

    def _fields(self) -> list[msgspec.structs.FieldInfo]:
        return list(msgspec.structs.fields(self._table()))

    def _table(self) -> type[Settings]:
        settings = self._settings
        for step in self._steps:
            kind = next((f.type for f in msgspec.structs.fields(settings) if f.encode_name == step), None)
            if not (tables := _tables(kind)):
                break
            settings = tables[0]
        return settings

    def _value(self, table: Any) -> str:
        """Return the value as text. Hide secrets, and shorten tables and lists."""
        if any(word in step for step in self._steps for word in ("password", "secret")):
            return "(not shown)"
        for step in self._steps:
            if step == "...":  # msgspec does not say which element of an array it is
                break
            table = table[int(step)] if isinstance(table, list) else table[step]
        if isinstance(table, str) and _URL_WITH_A_USER.search(table):
            return "(not shown, since it may hold a password)"
        return show(table)


def show(value: Any) -> str:
    """Return a value for an error text, as TOML writes it."""
    if isinstance(value, bool):
        return str(value).lower()
    if isinstance(value, int) and value.bit_length() > _LONG:
        return "(a very long number)"  # Python may refuse to write it
    if value and isinstance(value, dict | list):
        return "{...}" if isinstance(value, dict) else "[...]"
    return repr(value)


def _choices(kind: Any) -> list[Any]:
    """Return the values of a Literal, which may be optional."""
    arguments = get_args(kind)
    return [choice for a in arguments for choice in (_choices(a) if get_args(a) else [a]) if choice is not type(None)]


def _tables(kind: Any) -> list[type[Settings]]:
    return [each for each in (kind, *get_args(kind)) if isinstance(each, type) and issubclass(each, Settings)]
