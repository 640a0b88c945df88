"""Programs under load: each reply is checked."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.harness.load.load_runs import PASSWORDS, figures_of, load, seconds_of
from tests.harness.programs import program
from tests.helper import EXTAUTH, Site


def test_the_helper_answers_a_mixed_load_correctly(accounts: Path, tmp_path: Path) -> None:
    site = Site(tmp_path)
    site.write("passwd", "".join(f"{address}:{{PLAIN}}{password}\n" for address, password in PASSWORDS.items()))
    options = ["--mix", "vrfy=2,cram-md5,apop", "--wrong", "20", "--mode", "IMAP", "--interface", "7"]
    serve = [*EXTAUTH, "serve", "-c", str(site.configure())]
    outcome = load(accounts, serve, *options, "--requests", "4000")
    assert outcome.status == 0, outcome.lines
    figures = figures_of(outcome)
    assert figures["requests"] == ["4,000"]
    refused = int(figures["ERROR incorrect password"][0])
    assert figures["OK"] == [f"{4000 - refused:,}"]
    assert 600 < refused < 1000
    assert figures["wrong replies"] == figures["violations"] == figures["rejected"] == ["0"]
    assert {"throughput", "p50", "p90", "p99", "p99.9", "longest", "memory", "processes"} < set(figures)
    assert outcome.log == []


@pytest.mark.parametrize(
    ("command", "share", "reply", "right"),
    [(program("answers_ok.sh"), "50", "OK", "ERROR"), (program("longest_line.pl"), "0", "ERROR xxx", "OK")],
)
def test_wrong_replies_are_found(command: list[str], share: str, reply: str, right: str, accounts: Path) -> None:
    outcome = load(accounts, command, "--wrong", share, "--requests", "100")
    assert outcome.status == 1
    wrong = [line for line in outcome.lines if line.startswith(f"wrong reply: expected {right} to 00")]
    assert len(wrong) == 5
    assert all(f"@example.com ***, got {reply}" in line for line in wrong)
    figures = figures_of(outcome)
    count = int(figures["wrong replies"][0])
    assert f"... {count} wrong replies in all" in outcome.lines
    assert count == 100 if share == "0" else 30 < count < 70
    assert figures["temporary failures"] == ["0"]
    assert outcome.lines[-1] == "violations: none"


def test_the_first_request_is_checked_but_not_counted(accounts: Path) -> None:
    errs_once = ["perl", "-ne", r'$| = 1; /^(\S+)/; print "$1 ", $. == 1 ? "ERROR" : "OK", "\n"']
    outcome = load(accounts, errs_once, "--requests", "5")
    figures = figures_of(outcome)
    assert figures["requests"] == figures["OK"] == ["5"]
    assert figures["wrong replies"] == ["0"]
    assert [line.split(" VRFY ")[0] for line in outcome.lines if "wrong reply:" in line] == [
        "wrong reply: expected OK to 000001"
    ]
    assert outcome.status == 1


@pytest.mark.parametrize(
    ("share", "reply", "right"), [("0", "ERROR temporary failure", "OK"), ("100", "FAILURE whatever", "ERROR")]
)
def test_temporary_failures_are_counted_separately(share: str, reply: str, right: str, accounts: Path) -> None:
    fails = ["perl", "-ne", rf'$| = 1; /^(\S+)/; print "$1 {reply}\n"']
    outcome = load(accounts, fails, "--wrong", share, "--requests", "20")
    figures = figures_of(outcome)
    assert figures["temporary failures"] == figures["requests"] == figures[reply] == ["20"]
    assert figures["wrong replies"] == ["0"]
    assert outcome.lines.count("... 20 temporary failures in all") == 1
    shown = [line for line in outcome.lines if line.startswith(f"temporary failure: expected {right} to 00")]
    assert len(shown) == 5
    assert all(line.endswith(f", got {reply}") for line in shown)
    assert outcome.status == 1


def test_violations_are_found_among_correct_replies(tmp_path: Path) -> None:
    accounts = tmp_path / "accounts"
    accounts.write_text("".join(f"a{number}@d:lion\n" for number in range(50)) + "a@d:tiger\n")
    outcome = load(accounts, program("sends_extra_lines.pl"), "--requests", "200", "--log-level", "Low Level")
    assert outcome.violations == [
        "repeated number: 000050 OK",
        "unknown number: 999999 OK",
        "not a valid reply or information line: ***",
    ]
    assert [line.split(" ", 1)[1] for line in outcome.log if " 4 " in line] == ["4 EXTAUTH O: * *** is the password"]
    assert figures_of(outcome)["OK"] == ["200"]
    assert "tiger" not in "".join(outcome.lines + outcome.log)


def test_the_time_of_a_late_request_includes_its_delay(tmp_path: Path) -> None:
    accounts = tmp_path / "accounts"
    accounts.write_text(f"a@d:{'x' * 30_000}\n")  # fills the pipe with the second request
    figures = figures_of(load(accounts, program("pauses_once.pl"), "--rate", "100", "--requests", "60"))
    assert figures["requests"] == ["60"]
    assert seconds_of(figures["p50"]) > 0.1, "half of the requests were due during the pause"


def test_requests_are_sent_again_after_a_restart(accounts: Path) -> None:
    outcome = load(accounts, program("dies_often.pl"), "--requests", "200", "--auto-restart", "0")
    figures = figures_of(outcome)
    assert figures["OK"] == figures["requests"] == ["200"]
    assert outcome.lines.count("violation: exit status 3") <= 20
    assert outcome.status == 1


def test_requests_are_rejected_without_auto_restart(accounts: Path) -> None:
    outcome = load(accounts, program("dies_often.pl"), "--requests", "200", "--window", "10")
    figures = figures_of(outcome)
    assert figures["OK"] == ["48"], "the first request is not counted"
    assert 0 < int(figures["rejected"][0]) <= 10
    assert {"ended or stopped reading before its standard input was closed", "exit status 3"} < set(outcome.violations)


def test_a_time_out_under_load_stops_the_program(accounts: Path) -> None:
    outcome = load(accounts, program("never_answers.sh"), "--time-out", "0.3", "--requests", "200")
    assert outcome.violations == ["no reply to 000001 within 0.3 seconds"]
    forgets = ["perl", "-ne", r'$| = 1; /^(\S+)/; print "$1 OK\n" if $. != 30']
    outcome = load(accounts, forgets, "--time-out", "0.3", "--requests", "200", "--window", "10")
    assert outcome.violations == ["no reply to 000030 within 0.3 seconds"]
    assert figures_of(outcome)["rejected"] == ["1"]
