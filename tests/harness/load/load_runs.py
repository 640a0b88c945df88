"""Runs of `extauth harness load`, and their figures."""

from __future__ import annotations

from pathlib import Path

from tests.harness.programs import Outcome, run

PASSWORDS = {f"user{number}@example.com": f"secret {number}" for number in range(20)}


def load(accounts: Path, command: list[str], *options: str) -> Outcome:
    return run(["load", "--accounts", str(accounts), *options, "--", *command])


def figures_of(outcome: Outcome) -> dict[str, list[str]]:
    """Return the cells of the table by row name."""
    rows = (line.split("  ") for line in outcome.lines if "  " in line)
    return {name: [cell.strip() for cell in cells if cell.strip()] for name, *cells in rows}


def seconds_of(figure: list[str]) -> float:
    return float(figure[0].removesuffix(" ms").replace(",", "")) / 1000
