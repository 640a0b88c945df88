"""The table of cases in rows.md names tests that exist."""

from __future__ import annotations

import re

from tests.paths import TESTS


def test_every_test_in_the_table_of_cases_exists() -> None:
    named = set(re.findall(r"`(test_\w+)`", (TESTS / "rows.md").read_text()))
    defined = {
        name
        for path in TESTS.rglob("test_*.py")
        for name in re.findall(r"^(?:async )?def (test_\w+)", path.read_text(), re.MULTILINE)
    }
    assert len(named) > 100
    assert named - defined == set()


def test_every_case_in_the_table_has_tests() -> None:
    rows = [line for line in (TESTS / "rows.md").read_text().splitlines() if line.startswith("| ")]
    for row in rows:
        _, case, tests, _ = row.split("|")
        assert case.strip() == "case" or "`test_" in tests, row
