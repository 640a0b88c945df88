"""Whole sessions, played to the helper in both dialects and to programs like the vendor's samples."""

from __future__ import annotations

import shutil

import pytest

from tests.harness.programs import program, run
from tests.helper import EXTAUTH, Site
from tests.paths import TESTS

SESSIONS = TESTS / "sessions"


def expected(name: str) -> int:
    """Return the number of replies and information lines that a session expects."""
    return sum(line.startswith("O: ") for line in (SESSIONS / name).read_text().splitlines())


@pytest.mark.parametrize("name", ["classic.txt", "helper.txt"])
def test_the_helper_answers_a_session_as_expected(site: Site, name: str) -> None:
    for file in ("extauth.toml", "passwd"):
        shutil.copy(SESSIONS / file, site.folder)
        (site.folder / file).chmod(0o600)
    outcome = run(["replay", str(SESSIONS / name), "--", *EXTAUTH, "serve", "-c", str(site.config)])
    assert outcome.status == 0, outcome.lines
    assert f"replies: {expected(name)} of {expected(name)} as expected" in outcome.lines
    assert "violations: none" in outcome.lines
    shown = "\n".join(outcome.lines)
    assert "sesame" not in shown
    assert shown.count("PLAIN ***") == (3 if name == "helper.txt" else 0)


@pytest.mark.parametrize("name", ["like_sample_3", "like_sample_7"])
def test_the_harness_works_with_programs_like_the_vendors_samples(name: str) -> None:
    outcome = run(["replay", "--log-level", "All Info", str(SESSIONS / f"{name}.txt"), "--", *program(f"{name}.pl")])
    assert outcome.status == 0, outcome.lines
    count = expected(f"{name}.txt")
    assert f"replies: {count} of {count} as expected" in outcome.lines
    assert "violations: none" in outcome.lines
    assert "tiger" not in "\n".join([*outcome.lines, *outcome.log])
