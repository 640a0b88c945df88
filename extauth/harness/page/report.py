"""What stands on a page, whatever was done to come by it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from extauth.harness.statistics import Statistics
from extauth.harness.tables import Table


@dataclass(frozen=True)
class Report:
    """All texts are fit to be shown: none holds a password."""

    title: str
    facts: Mapping[str, str]
    """What was done: the program, the options, the versions."""
    table: Table
    series: Mapping[str, Statistics]
    """What is drawn, one or two of them, by their names."""
    remarks: Sequence[str]
    """Complaints, and how the program ended."""
