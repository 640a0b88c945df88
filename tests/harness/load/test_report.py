"""The figures of a load test."""

from __future__ import annotations

from pathlib import Path

import pytest

from extauth.harness.load.report import three_figures
from tests.harness.load.load_runs import figures_of, load
from tests.harness.programs import program


def test_the_second_program_is_checked_too(accounts: Path) -> None:
    outcome = load(accounts, program("answers_ok.sh"), "--vs", "false", "--rounds", "1", "--requests", "10")
    assert outcome.status == 1
    assert "# B, round 1" in outcome.lines
    assert "violation: exit status 1" in outcome.lines


def test_without_replies_there_are_no_figures(accounts: Path) -> None:
    garbage = ["perl", "-e", r'$| = 1; <STDIN>; print "garbage\n" x 1000']
    other = " ".join(program("answers_ok.sh"))
    outcome = load(accounts, garbage, "--vs", other, "--rounds", "1", "--requests", "5")
    figures = figures_of(outcome)
    for name in ("first reply after", "p50", "harness CPU"):
        assert len(figures[name]) == 1, "there is no figure for A and no ratio"
    assert outcome.status == 1


@pytest.mark.parametrize(
    ("ratio", "shown"), [(0.0011909, "0.00119"), (0.9996, "1.00"), (1.5, "1.50"), (839.6, "840"), (83128, "83,128")]
)
def test_a_ratio_has_three_figures(ratio: float, shown: str) -> None:
    assert three_figures(ratio) == shown
