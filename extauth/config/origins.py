"""The lines of a configuration file in which its keys stand. tomllib does not say."""

from __future__ import annotations

import tomllib
from typing import Any

KeyPath = tuple[str | int, ...]
"""A key with the tables that it is in, as in ("backend", 0, "path")."""


def key_lines(text: str) -> dict[KeyPath, int]:
    """Return the number of the line of each key. `text`: a valid TOML file.

    Each statement of the file is parsed for itself. A header changes the table for the statements that follow.
    """
    found: dict[KeyPath, int] = {}
    counts: dict[KeyPath, int] = {}
    table: KeyPath = ()
    statement, start = "", 1
    for number, line in enumerate(text.removeprefix("\ufeff").split("\n"), start=1):
        statement += line + "\n"
        try:
            content = tomllib.loads(statement)
        except tomllib.TOMLDecodeError:
            continue  # it goes on in the next line
        if statement.lstrip().startswith("["):
            table = _table_of(content, counts)
            found.setdefault(table, start)
        else:
            for key in _keys(content):
                found[(*table, *key)] = start
        statement, start = "", number + 1
    return found


def _table_of(content: dict[str, Any], counts: dict[KeyPath, int]) -> KeyPath:
    """Return the table that a header names. `counts`: how many tables each list of tables has so far."""
    table: KeyPath = ()
    value: Any = content
    while value:
        ((key, value),) = value.items()
        table = (*table, key)
        if isinstance(value, list):
            counts[table] = counts.get(table, 0) + 1
            value = {}
        if table in counts:
            table = (*table, counts[table] - 1)
    return table


def _keys(content: dict[str, Any]) -> list[KeyPath]:
    """Return the keys of a statement: one, or several if its value is a table in { }."""
    found: list[KeyPath] = []
    for key, value in content.items():
        found.append((key,))
        if isinstance(value, dict):
            found += [(key, *below) for below in _keys(value)]
    return found
