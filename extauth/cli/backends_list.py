"""The backends that are installed: their types, where they come from, and their settings."""

from __future__ import annotations

import inspect
from pathlib import Path
from typing import Any

import msgspec

from extauth.chain.imports import check_imports
from extauth.chain.plugins import BUILT_IN, backend_class, installed_backends
from extauth.cli.loading import protect_process
from extauth.config import ConfigSource
from extauth.errors import ConfigError
from extauth.protocol.replies import one_line
from extauth.settings import Settings, parse_toml, show
from extauth.version import VERSION


class Setting(msgspec.Struct, frozen=True):
    """A key of a backend, as TOML writes it. `default`: none for a key that must be set, or has no value."""

    name: str
    type: str
    required: bool
    default: str | None


class FoundBackend(msgspec.Struct, frozen=True):
    """A type of backend. `origin`: a package with its version, or a file. `problem`: why it does not load."""

    type: str
    origin: str
    settings: list[Setting] = []
    problem: str | None = None


def found_backends(config_file: Path | None) -> list[FoundBackend]:
    """Return the built-in types, those of installed packages, and those of a configuration. Raise ConfigError."""
    protect_process()
    types, folder, allow_unsafe = _types_in(config_file) if config_file is not None else ([], Path(), False)
    check_imports(allow_unsafe=allow_unsafe)
    installed = installed_backends()
    found = [_look_at(name, f"extauth {VERSION}", folder, allow_unsafe=allow_unsafe) for name in sorted(BUILT_IN)]
    for name, entry in installed.items():
        origin = f"{entry.dist.name} {entry.dist.version}" if entry.dist is not None else entry.value
        found.append(_look_at(name, origin, folder, allow_unsafe=allow_unsafe))
    own = [name for name in dict.fromkeys(types) if name not in BUILT_IN and name not in installed]
    return found + [_look_at(name, "", folder, allow_unsafe=allow_unsafe) for name in own]


def _types_in(config_file: Path) -> tuple[list[str], Path, bool]:
    """Return the types in a configuration, its folder, and whether it allows unsafe files. It may have mistakes."""
    source = ConfigSource(config_file).read()
    table = parse_toml(source.content or b"", source.file)
    sections, helper = table.get("backend"), table.get("helper")
    sections = [each for each in sections if isinstance(each, dict)] if isinstance(sections, list) else []
    types = [each["type"] for each in sections if isinstance(each.get("type"), str)]
    return types, source.file.parent, isinstance(helper, dict) and helper.get("allow_unsafe_files") is True


def _look_at(name: str, origin: str, folder: Path, *, allow_unsafe: bool) -> FoundBackend:
    """Load a backend's class."""
    module = name.rpartition(":")[0]
    if not origin and module.endswith(".py"):
        origin = one_line(str(folder / module))
    try:
        found = backend_class(name, folder, allow_unsafe=allow_unsafe)
        settings = _settings_of(found.Settings)
    except ConfigError as error:
        return FoundBackend(name, origin or "unknown", problem=one_line(str(error)))
    return FoundBackend(name, origin or _origin_of(found), settings)


def _origin_of(found: type) -> str:
    """Return the package that a class comes from, or its file."""
    from importlib.metadata import packages_distributions, version

    file = inspect.getsourcefile(found) or found.__module__
    distributions = packages_distributions().get(found.__module__.partition(".")[0], [])
    return f"{distributions[0]} {version(distributions[0])}" if distributions else one_line(file)


def _settings_of(settings: type[Settings]) -> list[Setting]:
    """Return the keys of a backend. Raise ConfigError if a type is none that msgspec can read."""
    try:
        fields = msgspec.structs.fields(settings)
        return [
            Setting(
                field.encode_name,
                _shown_type(msgspec.inspect.type_info(field.type)),
                field.required,
                _default_of(field),
            )
            for field in fields
        ]
    except (TypeError, NameError) as error:
        raise ConfigError(f"the types of its settings: {error}") from None


def _default_of(field: msgspec.structs.FieldInfo) -> str | None:
    value: Any = field.default
    if field.default_factory is not msgspec.NODEFAULT:
        value = field.default_factory()
    if value is msgspec.NODEFAULT or value is None:
        return None
    if isinstance(value, tuple | list):
        return f"[{', '.join(map(_shown_value, value))}]"
    return _shown_value(value)


def _shown_value(value: Any) -> str:
    return f'"{value}"' if isinstance(value, str | Path) else show(value)


def _shown_type(kind: Any) -> str:
    """Return a type in terms of TOML, with its limits."""
    if isinstance(kind, msgspec.inspect.UnionType):
        return " or ".join(_shown_type(each) for each in kind.types if not isinstance(each, msgspec.inspect.NoneType))
    if isinstance(kind, msgspec.inspect.LiteralType):
        return " or ".join(map(_shown_value, kind.values))
    if isinstance(kind, msgspec.inspect.ListType | msgspec.inspect.VarTupleType | msgspec.inspect.SetType):
        return f"list of {_shown_type(kind.item_type)}s"
    if isinstance(kind, msgspec.inspect.IntType | msgspec.inspect.FloatType):
        name = "whole number" if isinstance(kind, msgspec.inspect.IntType) else "number"
        signs = {"ge": ">=", "gt": ">", "le": "<=", "lt": "<"}
        limits = [f"{sign} {getattr(kind, key):g}" for key, sign in signs.items() if getattr(kind, key) is not None]
        return " ".join([name, *limits])
    if isinstance(kind, msgspec.inspect.CustomType):
        return "path" if issubclass(kind.cls, Path) else kind.cls.__name__
    names = {"StrType": "string", "BoolType": "true or false", "DictType": "table", "StructType": "table"}
    name = type(kind).__name__
    return names.get(name, name.removesuffix("Type").lower())


def to_json(found: list[FoundBackend]) -> str:
    """Return the list as one JSON object."""
    return msgspec.json.format(msgspec.json.encode({"backends": found}), indent=2).decode()


def as_text(found: list[FoundBackend]) -> str:
    """Return the list for people."""
    lines = []
    for backend in found:
        lines.append(f"{backend.type}, from {backend.origin}")
        if backend.problem is not None:
            lines.append(f"    does not load: {backend.problem}")
        width = max((len(setting.name) for setting in backend.settings), default=0)
        for setting in backend.settings:
            default = f", default {setting.default}" if setting.default is not None else ""
            required = ", required" if setting.required else ""
            lines.append(f"    {setting.name:{width}}  {setting.type}{required}{default}")
    return "\n".join(lines)
