"""The effective configuration as TOML: every key with its value and where that comes from."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import msgspec

from extauth.chain import build_chain
from extauth.cli.loading import protect_process
from extauth.config import BackendConfig, BackendSection, Config, ConfigFile, ConfigSource, parse_config
from extauth.config.origins import KeyPath, key_lines
from extauth.settings import Settings

_SECTIONS = [name for name in ConfigFile.__struct_fields__ if name in Config.__struct_fields__]
_IS_SECRET = re.compile(r"(?i)(?<!^UseApp)(?<!^UseSys)(?<!^UseExt)passw|secret|token|credential|(^|_)key$")
_URL_WITH_A_PASSWORD = re.compile(r"://[^/\s]*@|:.*@")
_HIDDEN = "(not shown)"
_BARE_KEY = re.compile(r"[A-Za-z0-9_-]+")


def effective_configuration(file: Path) -> str:
    """Return the configuration as TOML. Raise ConfigError, and UnexpectedError for a bug of a backend."""
    protect_process()
    source = ConfigSource(file).read()
    config = parse_config(source)
    settings = {backend.name: backend.settings for backend in build_chain(config).backends}
    page = _Page(source.file, key_lines((source.content or b"").decode()))
    page.lines.append(f"# {_text(str(source.file))[1:-1]}")
    page.values((), {"default_domain": config.accounts.default_domain, "lower_names": config.accounts.lower_names})
    for name in _SECTIONS:
        section = getattr(config, name)
        if section is None:
            page.lines += ["", f"# [{name}] is not set"]
        else:
            page.header(f"[{name}]")
            page.values((name,), _fields(section))
    for number, backend in enumerate(config.backends):
        page.header("[[backend]]")
        page.values(("backend", number), _common_keys(backend, config) | _fields(settings[backend.name]))
    return "\n".join(page.lines) + "\n"


def _fields(settings: Settings) -> dict[str, Any]:
    return {field.encode_name: getattr(settings, field.name) for field in msgspec.structs.fields(settings)}


def _common_keys(backend: BackendConfig, config: Config) -> dict[str, Any]:
    values = {
        "type": backend.type,
        "name": backend.name,
        "domains": backend.domains,
        "timeout": backend.timeout,
        "on_mismatch": "stop" if backend.stops_at_mismatch else "continue",
        "emergency": backend.emergency,
        "readplain": backend.readplain,
    }
    assert values.keys() == set(BackendSection.__struct_fields__), config.file
    return values


class _Page:
    """The lines of the output."""

    def __init__(self, file: Path, lines: dict[KeyPath, int]) -> None:
        self.lines: list[str] = []
        self._file = file.name
        self._numbers = lines

    def header(self, text: str) -> None:
        """Begin a table."""
        self.lines += ["", text]

    def values(self, table: KeyPath, values: dict[str, Any]) -> None:
        """Add the keys of a table. A key without a value is a comment: TOML has no such value."""
        for key, value in values.items():
            number = self._numbers.get((*table, key))
            origin = f"{self._file}, line {number}" if number is not None else "default"
            if value is None:
                self.lines.append(f"# {key} is not set")
            else:
                self.lines.append(f"{_key(key)} = {_toml(_without_secrets(key, value))}  # {_text(origin)[1:-1]}")


def _without_secrets(key: str, value: Any) -> Any:
    if isinstance(value, Settings):
        value = _fields(value)
    if isinstance(value, dict):
        return {name: _without_secrets(str(name), each) for name, each in value.items() if each is not None}
    if isinstance(value, list | tuple | set | frozenset):
        return [_without_secrets(key, each) for each in value]
    if isinstance(value, Path) or (isinstance(value, bool | int | float) and not _IS_SECRET.search(key)):
        return value
    if isinstance(value, bytes) or _IS_SECRET.search(key) or _URL_WITH_A_PASSWORD.search(str(value)):
        return _HIDDEN
    return value


def _toml(value: Any) -> str:
    if isinstance(value, bool):
        return str(value).lower()
    if isinstance(value, int | float):
        return str(value)
    if isinstance(value, dict):
        return "{" + ", ".join(f"{_key(name)} = {_toml(each)}" for name, each in value.items()) + "}"
    if isinstance(value, list):
        return "[" + ", ".join(map(_toml, value)) + "]"
    return _text(str(value))


def _key(name: str) -> str:
    return name if _BARE_KEY.fullmatch(name) else _text(name)


def _text(text: str) -> str:
    """Return a text as a TOML string: that of JSON, but for DEL."""
    clean = text.encode(errors="replace").decode()
    return msgspec.json.encode(clean).decode().replace("\x7f", "\\u007f")
