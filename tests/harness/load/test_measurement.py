"""Measurements of one program or two."""

from __future__ import annotations

import os
import pty
import shlex
import subprocess
from pathlib import Path

import pytest

from tests.harness.load.load_runs import figures_of, load
from tests.harness.programs import HARNESS, program, run


def test_two_programs_are_measured_in_alternating_rounds(accounts: Path, tmp_path: Path) -> None:
    other = "sh -c 'echo B >> order; exec \"$@\"' sh " + " ".join(program("answers_ok.sh"))
    first = ["sh", "-c", 'echo A >> order; exec "$@"', "sh", *program("answers_ok.sh")]
    options = ["--base-directory", str(tmp_path), "--requests", "50"]
    outcome = load(accounts, first, *options, "--vs", other, "--rounds", "2")
    assert outcome.status == 0
    assert (tmp_path / "order").read_text().split() == ["A", "B", "A", "B"]
    assert outcome.lines[1] == f"B: {other}"
    figures = figures_of(outcome)
    assert figures["requests"] == figures["OK"] == ["100", "100"]
    assert len(figures["throughput"]) == len(figures["p99"]) == len(figures["memory"]) == 3


def test_nothing_starts_if_the_second_program_is_missing(accounts: Path, tmp_path: Path) -> None:
    records = ["--base-directory", str(tmp_path), "--", *program("records_requests.pl")]
    outcome = run(["load", "--accounts", str(accounts), "--requests", "1", "--vs", "./no-such-program", *records])
    assert outcome.log[-1] == "Error: cannot start ./no-such-program: not found, or not executable"
    assert outcome.status == 2
    assert not (tmp_path / "record").exists()


@pytest.mark.parametrize(
    ("options", "sentence"),
    [
        (["--rate", "5", "--window", "5"], "Use --rate or --window, not both."),
        (["--mix", "vrfy,plain"], "'plain': must be one of vrfy, cram-md5, apop, each at most once"),
        (["--mix", "vrfy=1,VRFY=2"], "'VRFY': must be one of vrfy, cram-md5, apop, each at most once"),
        (["--mix", "vrfy=many"], "'many': a share must be a number such as 80"),
        (["--mix", "vrfy=0"], "'0': a share must be above 0"),
        (["--vs", "'"], "no closing quotation"),
        (["--vs", " "], "the command is empty"),
        (["--mode", "a b"], "a mode that fits no dialect"),
        (["--html", "/no/such/folder/page.html"], "No such file or directory"),
    ],
)
def test_a_wrong_option_is_one_sentence_and_status_2(options: list[str], sentence: str, accounts: Path) -> None:
    outcome = load(accounts, program("answers_ok.sh"), "--requests", "1", *options)
    assert outcome.log[-1].endswith(sentence)
    assert outcome.status == 2


def test_ctrl_c_shows_the_figures_so_far(accounts: Path) -> None:
    interrupts = ["perl", "-ne", r'$| = 1; /^(\S+)/; print "$1 OK\n"; kill "INT", getppid if $. == 1000']
    other = shlex.join(["perl", "-ne", r'$| = 1; /^(\S+)/; print "$1 OK\n"'])
    for options in ([], ["--vs", other]):
        outcome = load(accounts, interrupts, "--seconds", "60", *options)
        replies = int(figures_of(outcome)["OK"][0].replace(",", ""))
        assert replies > 800, "all except the last few"
        assert outcome.violations == []
        assert outcome.lines[-2:] == ["interrupted: program killed", "violations: none"]
        assert outcome.log == ["Aborted!"]
        assert outcome.status == 1


def test_progress_is_shown_at_a_terminal(accounts: Path) -> None:
    ours, theirs = pty.openpty()
    command = [*HARNESS, "load", "--accounts", str(accounts), "--seconds", "0.5", "--", *program("answers_ok.sh")]
    with open(ours, "rb", buffering=0) as terminal:
        with open(theirs, "wb", buffering=0) as standard_error:
            done = subprocess.run(
                command, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=standard_error, timeout=60, check=True
            )
        assert b"violations: none" in done.stdout
        assert b"program 1/1" in os.read(terminal.fileno(), 65_536)
