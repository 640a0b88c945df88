"""The tables of keys in docs are equal to the settings classes: keys, types, ranges and defaults."""

from __future__ import annotations

import json
import re
from pathlib import Path

import msgspec
import pytest
from msgspec import inspect

from extauth.backends.files.backend import FilesSettings
from extauth.backends.imap_pop3.settings import ImapSettings, Pop3Settings
from extauth.backends.ldap.settings import LdapSettings
from extauth.backends.pam.backend import PamSettings
from extauth.config import BackendSection, ConfigFile
from extauth.settings import Settings
from tests.paths import ROOT

BY_MACHINE = {"helper.workers": "one per core"}
IN_WORDS = {"log.mail_server_level": "a [level](log.md)", "log.level": "a [level](log.md)", "log.syslog": "a facility"}


def table(page: str) -> dict[str, dict[str, str]]:
    """Return the rows of all tables of keys on a page: each key with its cells by the names of their columns."""
    rows: dict[str, dict[str, str]] = {}
    for text in re.findall(r"^\| key \|.*?\n\n", (ROOT / "docs" / page).read_text() + "\n\n", re.DOTALL | re.MULTILINE):
        head, _, *lines = ([cell.strip() for cell in line.split("|")[1:-1]] for line in text.strip().split("\n"))
        for cells in lines:
            rows |= {key: dict(zip(head, cells, strict=True)) for key in re.findall(r"`([\w.]+)`", cells[0])}
    return rows


def fields(kind: type[msgspec.Struct], prefix: str = "") -> dict[str, inspect.Field]:
    """Return the fields of a settings class by their keys, and those of the sections in it."""
    info = inspect.type_info(kind)
    assert isinstance(info, inspect.StructType)
    found: dict[str, inspect.Field] = {}
    for field in info.fields:
        inner = without_none(field.type)
        if isinstance(inner, inspect.StructType):
            found |= fields(inner.cls, f"{prefix}{field.name}.")
        else:
            found[prefix + field.name] = field
    return found


def without_none(kind: inspect.Type) -> inspect.Type:
    """Return a type without None: a key without a value is left out."""
    if not isinstance(kind, inspect.UnionType):
        return kind
    (inner,) = (each for each in kind.types if not isinstance(each, inspect.NoneType))
    return inner


def type_in_words(kind: inspect.Type) -> str:
    """Return the cell that shows this type."""
    match without_none(kind):
        case inspect.BoolType():
            return "true or false"
        case inspect.IntType(ge=low, le=high):
            return f"whole number, {low} to {high}" if high is not None else f"whole number, at least {low}"
        case inspect.FloatType(gt=above, ge=low, le=high):
            if above is not None:
                return f"seconds, more than {above:g}" + ("" if high is None else f" and at most {high:g}")
            return f"seconds, {low:g} to {high:g}"
        case inspect.LiteralType(values=values):
            return " or ".join(f'`"{value}"`' for value in sorted(map(str, values)))
        case inspect.StrType():
            return "text"
        case inspect.CustomType(cls=cls) if cls is Path:
            return "path"
        case inspect.VarTupleType(item_type=inspect.StrType()):
            return "list of texts"
        case inspect.DictType(value_type=inspect.StrType()):
            return "table of texts"
    raise NotImplementedError(kind)


def has_default(field: inspect.Field, cell: str) -> bool:
    """Return whether a cell shows the default of a field. A default of none may be explained in words."""
    if field.required:
        return cell in ("required", "")
    default = field.default if field.default_factory is msgspec.NODEFAULT else field.default_factory()
    if default in (None, "", ()):
        return cell != "required"
    return cell == f"`{json.dumps(default)}`"


def test_configuration_page_has_all_keys_types_and_defaults() -> None:
    known = fields(ConfigFile) | fields(BackendSection, "backend.")
    del known["backend"]
    rows = table("configuration.md")
    assert set(rows) == set(known)
    assert [
        f"{key}: {type_in_words(field.type)}"
        for key, field in known.items()
        if rows[key]["type"] != (IN_WORDS.get(key) or type_in_words(field.type))
    ] == []
    wrong = {key for key, field in known.items() if not has_default(field, rows[key]["default"])}
    assert {key: rows[key]["default"] for key in wrong} == BY_MACHINE


@pytest.mark.parametrize(
    ("page", "kind"),
    [
        ("files", FilesSettings),
        ("imap", ImapSettings),
        ("imap", Pop3Settings),
        ("ldap", LdapSettings),
        ("pam", PamSettings),
    ],
)
def test_page_of_a_backend_has_its_keys_and_defaults(page: str, kind: type[Settings]) -> None:
    rows, known = table(f"{page}.md"), fields(kind)
    assert set(rows) == set(known)
    assert [key for key, field in known.items() if not has_default(field, rows[key]["default"])] == []


def test_operations_page_has_keys_that_exist() -> None:
    rows, known = table("operations.md"), fields(ConfigFile)
    assert {key for key in known if key.startswith("metrics.")} <= set(rows) <= set(known)


def test_pages_explain_only_values_of_a_level_that_exist() -> None:
    page = (ROOT / "docs" / "configuration.md").read_text()
    level = without_none(fields(ConfigFile)["log.level"].type)
    facility = without_none(fields(ConfigFile)["log.syslog"].type)
    assert isinstance(level, inspect.LiteralType)
    assert isinstance(facility, inspect.LiteralType)
    assert {name for name in level.values if f'`"{name}"`' not in page} == set()
    shown = set(re.findall(r"`(\w+)`", table("configuration.md")["log.syslog"]["meaning"]))
    assert shown <= set(facility.values)
    assert {name for name in facility.values if not str(name).startswith("local")} <= shown
