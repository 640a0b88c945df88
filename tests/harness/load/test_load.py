"""Programs under load: what is asked, what is found, and what is told."""

from __future__ import annotations

import hashlib
import hmac
import os
import pty
import shlex
import subprocess
from collections import Counter
from pathlib import Path

import pytest

from extauth.harness.load.population import AccountsError, read_population
from extauth.harness.load.tables import three_figures
from tests.harness.programs import HARNESS, Outcome, program, run
from tests.helper import EXTAUTH, Site

_PASSWORDS = {f"user{number}@example.com": f"secret {number}" for number in range(20)}


@pytest.fixture(scope="module")
def accounts(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("accounts") / "accounts"
    lines = [f"{address}:{password}\n" for address, password in _PASSWORDS.items()]
    path.write_text("# address:password\n\n" + "".join(lines))
    return path


def _load(accounts: Path, command: list[str], *options: str) -> Outcome:
    return run(["load", "--accounts", str(accounts), *options, "--", *command])


def _figures(outcome: Outcome) -> dict[str, list[str]]:
    """The cells of the table by the names of their rows."""
    rows = (line.split("  ") for line in outcome.lines if "  " in line)
    return {name: [cell.strip() for cell in cells if cell.strip()] for name, *cells in rows}


def _seconds(figure: list[str]) -> float:
    return float(figure[0].removesuffix(" ms").replace(",", "")) / 1000


def test_extauth_serve_answers_a_mixed_load_as_it_must(accounts: Path, tmp_path: Path) -> None:
    site = Site(tmp_path)
    site.write("passwd", "".join(f"{address}:{{PLAIN}}{password}\n" for address, password in _PASSWORDS.items()))
    options = ["--methods", "vrfy=2,cram-md5,apop", "--wrong", "20", "--mode", "IMAP", "--interface", "7"]
    serve = [*EXTAUTH, "serve", "-c", str(site.configure())]
    outcome = _load(accounts, serve, *options, "--requests", "4000")
    assert outcome.status == 0, outcome.lines
    figures = _figures(outcome)
    assert figures["requests"] == ["4,000"]
    refused = int(figures["ERROR incorrect password"][0])
    assert figures["OK"] == [f"{4000 - refused:,}"]
    assert 600 < refused < 1000
    assert figures["wrong answers"] == figures["complaints"] == figures["rejected"] == ["0"]
    assert {"throughput", "p50", "p90", "p99", "p99.9", "longest", "memory", "processes"} < set(figures)
    assert outcome.log == []


@pytest.mark.parametrize(
    ("command", "share", "reply", "right"),
    [(program("answers_ok.sh"), "50", "OK", "ERROR"), (program("longest_line.pl"), "0", "ERROR xxx", "OK")],
)
def test_an_answer_that_is_wrong_is_found(
    command: list[str], share: str, reply: str, right: str, accounts: Path
) -> None:
    outcome = _load(accounts, command, "--wrong", share, "--requests", "100")
    assert outcome.status == 1
    wrong = [line for line in outcome.lines if line.startswith(f"wrong answer: not {right} to 00")]
    assert len(wrong) == 5
    assert all(f"@example.com ***: {reply}" in line for line in wrong)
    figures = _figures(outcome)
    count = int(figures["wrong answers"][0])
    assert f"... wrong answer: {count} in all" in outcome.lines
    assert count == 100 if share == "0" else 30 < count < 70
    assert figures["could not tell"] == ["0"]
    assert outcome.lines[-1] == "complaints: none"


def test_what_is_asked_is_drawn_as_the_options_say(accounts: Path, tmp_path: Path) -> None:
    options = ["--methods", "vrfy=2,cram-md5,apop", "--wrong", "25", "--mode", "POP", "--seed", "7", "--interface", "3"]
    records = []
    for _ in range(2):
        _load(accounts, program("keeps_a_record.pl"), *options, "--requests", "1999", "--base-directory", str(tmp_path))
        records.append((tmp_path / "record").read_text().splitlines())
    assert records[0] == records[1], "the same seed draws the same requests"
    assert records[0][0] == "000000 INTF 3"
    numbers, commands, right, asked = [], Counter[str](), Counter[bool](), Counter[str]()
    for line in records[0][1:]:
        number, command, mode, address, proof = line.split(" ", 4)
        assert mode == "(POP)"
        numbers.append(number)
        commands[command] += 1
        asked[address] += 1
        right[_is_right(command, _PASSWORDS[address], proof)] += 1
    assert numbers == [f"{number:06}" for number in range(1, 2001)]
    assert 800 < commands["VRFY"] < 1200
    assert 350 < commands["SASL(CRAM-MD5)"] < 650
    assert 350 < commands["SASL(APOP)"] < 650
    assert 400 < right[False] < 600
    assert asked["user0@example.com"] > 1.5 * asked["user1@example.com"] > 2 * asked["user9@example.com"]


def _is_right(command: str, password: str, proof: str) -> bool:
    if command == "VRFY":
        return proof == password
    response, challenge = proof.split(" ", 1)
    if command == "SASL(APOP)":
        return response == hashlib.md5((challenge + password).encode()).hexdigest()  # noqa: S324  # RFC 1939
    return response == hmac.new(password.encode(), challenge.encode(), "md5").hexdigest()


def test_a_uniform_distribution_asks_for_all_alike(accounts: Path, tmp_path: Path) -> None:
    options = ["--distribution", "uniform", "--requests", "2000", "--base-directory", str(tmp_path)]
    _load(accounts, program("keeps_a_record.pl"), *options)
    asked = Counter(line.split(" ")[2] for line in (tmp_path / "record").read_text().splitlines())
    assert set(asked) == set(_PASSWORDS)
    assert max(asked.values()) < 2 * min(asked.values())


def test_a_request_that_is_sent_late_counts_from_when_it_was_due(tmp_path: Path) -> None:
    accounts = tmp_path / "accounts"
    accounts.write_text(f"a@d:{'x' * 30_000}\n")  # so that the pipe is full at the second one
    figures = _figures(_load(accounts, program("stands_still.pl"), "--rate", "100", "--requests", "60"))
    assert figures["requests"] == ["60"]
    assert _seconds(figures["p50"]) > 0.1, "half of the requests were due while it paused"


def test_requests_of_a_program_that_dies_under_load_are_sent_again(accounts: Path) -> None:
    outcome = _load(accounts, program("dies_often.pl"), "--requests", "200", "--auto-restart", "0")
    figures = _figures(outcome)
    assert figures["OK"] == figures["requests"] == ["200"]
    assert outcome.lines.count("complaint: exit status 3") <= 20
    assert outcome.status == 1


def test_requests_of_a_program_that_dies_for_good_are_rejected(accounts: Path) -> None:
    outcome = _load(accounts, program("dies_often.pl"), "--requests", "200", "--window", "10")
    figures = _figures(outcome)
    assert figures["OK"] == ["48"], "one more was not counted: it came before the load"
    assert 0 < int(figures["rejected"][0]) <= 10
    assert {"ended or stopped reading before its standard input was closed", "exit status 3"} < set(outcome.complaints)


def test_a_program_that_does_not_answer_under_load_is_stopped(accounts: Path) -> None:
    outcome = _load(accounts, program("never_answers.sh"), "--time-out", "0.3", "--requests", "200")
    assert outcome.complaints == ["no reply to 000001 within 0.3 seconds"]
    forgets = ["perl", "-ne", r'$| = 1; /^(\S+)/; print "$1 OK\n" if $. != 30']
    outcome = _load(accounts, forgets, "--time-out", "0.3", "--requests", "200", "--window", "10")
    assert outcome.complaints == ["no reply to 000030 within 0.3 seconds"]
    assert _figures(outcome)["rejected"] == ["1"]


def test_what_the_server_would_trip_over_is_found_among_the_replies(tmp_path: Path) -> None:
    accounts = tmp_path / "accounts"
    accounts.write_text("".join(f"a{number}@d:lion\n" for number in range(50)) + "a@d:tiger\n")
    outcome = _load(accounts, program("talks_too_much.pl"), "--requests", "200", "--log-level", "Low Level")
    assert outcome.complaints == [
        "a repeated number: 000050 OK",
        "an unknown number: 999999 OK",
        "neither a known reply nor an information line: ***",
    ]
    assert [line.split(" ", 1)[1] for line in outcome.log if " 4 " in line] == ["4 EXTAUTH O: * ***"]
    assert _figures(outcome)["OK"] == ["200"]
    assert "tiger" not in "".join(outcome.lines + outcome.log)


def test_two_programs_are_measured_in_turn(accounts: Path, tmp_path: Path) -> None:
    other = "sh -c 'echo B >> order; exec \"$@\"' sh " + " ".join(program("answers_ok.sh"))
    first = ["sh", "-c", 'echo A >> order; exec "$@"', "sh", *program("answers_ok.sh")]
    options = ["--base-directory", str(tmp_path), "--requests", "50"]
    outcome = _load(accounts, first, *options, "--vs", other, "--rounds", "2")
    assert outcome.status == 0
    assert (tmp_path / "order").read_text().split() == ["A", "B", "A", "B"]
    assert outcome.lines[1] == f"B: {other}"
    figures = _figures(outcome)
    assert figures["requests"] == figures["OK"] == ["100", "100"]
    assert len(figures["throughput"]) == len(figures["p99"]) == len(figures["memory"]) == 3


def test_a_second_program_is_judged_too(accounts: Path) -> None:
    outcome = _load(accounts, program("answers_ok.sh"), "--vs", "false", "--rounds", "1", "--requests", "10")
    assert outcome.status == 1
    assert "# B, round 1" in outcome.lines
    assert "complaint: exit status 1" in outcome.lines


def test_nothing_is_started_where_one_of_two_programs_is_not_there(accounts: Path, tmp_path: Path) -> None:
    records = ["--base-directory", str(tmp_path), "--", *program("keeps_a_record.pl")]
    outcome = run(["load", "--accounts", str(accounts), "--requests", "1", "--vs", "./no-such-program", *records])
    assert outcome.log[-1] == "Error: cannot start ./no-such-program: not found, or not executable"
    assert outcome.status == 2
    assert not (tmp_path / "record").exists()


def test_where_no_reply_came_no_figure_of_one_is_shown(accounts: Path) -> None:
    garbage = ["perl", "-e", r'$| = 1; <STDIN>; print "garbage\n" x 1000']
    other = " ".join(program("answers_ok.sh"))
    outcome = _load(accounts, garbage, "--vs", other, "--rounds", "1", "--requests", "5")
    figures = _figures(outcome)
    for name in ("first reply after", "p50", "harness busy"):
        assert len(figures[name]) == 1, "there is no ratio, and none of A"
    assert outcome.status == 1


def test_a_wrong_answer_to_the_first_request_is_shown_and_not_counted(accounts: Path) -> None:
    errs_once = ["perl", "-ne", r'$| = 1; /^(\S+)/; print "$1 ", $. == 1 ? "ERROR" : "OK", "\n"']
    outcome = _load(accounts, errs_once, "--requests", "5")
    figures = _figures(outcome)
    assert figures["requests"] == figures["OK"] == ["5"]
    assert figures["wrong answers"] == ["0"]
    assert [line.split(" VRFY ")[0] for line in outcome.lines if "wrong answer:" in line] == [
        "wrong answer: not OK to 000001"
    ]
    assert outcome.status == 1


@pytest.mark.parametrize(
    ("share", "reply", "right"), [("0", "ERROR temporary failure", "OK"), ("100", "FAILURE whatever", "ERROR")]
)
def test_a_program_that_cannot_tell_is_neither_right_nor_wrong(
    share: str, reply: str, right: str, accounts: Path
) -> None:
    cannot_tell = ["perl", "-ne", rf'$| = 1; /^(\S+)/; print "$1 {reply}\n"']
    outcome = _load(accounts, cannot_tell, "--wrong", share, "--requests", "20")
    figures = _figures(outcome)
    assert figures["could not tell"] == figures["requests"] == figures[reply] == ["20"]
    assert figures["wrong answers"] == ["0"]
    assert outcome.lines.count("... could not tell: 20 in all") == 1
    named = [line for line in outcome.lines if line.startswith(f"could not tell: not {right} to 00")]
    assert len(named) == 5
    assert all(line.endswith(f": {reply}") for line in named)
    assert outcome.status == 1


@pytest.mark.parametrize(
    ("ratio", "shown"), [(0.0011909, "0.00119"), (0.9996, "1.00"), (1.5, "1.50"), (839.6, "840"), (83128, "83,128")]
)
def test_a_ratio_has_three_figures(ratio: float, shown: str) -> None:
    assert three_figures(ratio) == shown


@pytest.mark.parametrize(
    ("line", "sentence"),
    [
        (b"b@d", "must be name@domain:password"),
        (b"tiger:tiger", "must be name@domain:password"),
        (b"b c@d:tiger", "must be name@domain:password"),
        (b"\xff@d:tiger", "a name that is not UTF-8"),
        (b"b@d:", "the password is empty, or holds a NUL or CR"),
        (b"b@d:ti\0ger", "the password is empty, or holds a NUL or CR"),
        (b"a@d:tiger", "an account that is there already"),
    ],
)
def test_a_malformed_line_is_named_and_not_repeated(line: bytes, sentence: str, tmp_path: Path) -> None:
    path = tmp_path / "accounts"
    path.write_bytes(b"a@d:tiger\n" + line + b"\n")
    with pytest.raises(AccountsError) as error:
        read_population(path)
    assert str(error.value) == f"{path}, line 2: {sentence}"


def test_a_file_without_accounts_is_named(tmp_path: Path) -> None:
    path = tmp_path / "accounts"
    assert _load(path, ["true"]).log == [f"Error: {path}: No such file or directory"]
    path.write_text("# nobody\n")
    outcome = _load(path, ["true"])
    assert outcome.log == [f"Error: {path}: no account; a line is name@domain:password"]
    assert outcome.status == 2


@pytest.mark.parametrize(
    ("options", "sentence"),
    [
        (["--rate", "5", "--window", "5"], "--rate and --window exclude each other."),
        (["--methods", "vrfy,plain"], "'plain' is none of vrfy, cram-md5, apop, or is given twice"),
        (["--methods", "vrfy=1,VRFY=2"], "'VRFY' is none of vrfy, cram-md5, apop, or is given twice"),
        (["--methods", "vrfy=many"], "'many' is no share: a number such as 80"),
        (["--methods", "vrfy=0"], "'0' is no share: a number above 0"),
        (["--vs", "'"], "no closing quotation"),
        (["--vs", " "], "no program is named"),
        (["--mode", "a b"], "a mode that no dialect can carry"),
        (["--html", "/no/such/folder/page.html"], "No such file or directory"),
    ],
)
def test_an_option_that_cannot_be_is_one_sentence_and_status_2(
    options: list[str], sentence: str, accounts: Path
) -> None:
    outcome = _load(accounts, program("answers_ok.sh"), "--requests", "1", *options)
    assert outcome.log[-1].endswith(sentence)
    assert outcome.status == 2


def test_who_interrupts_it_gets_the_figures_so_far(accounts: Path) -> None:
    interrupts = ["perl", "-ne", r'$| = 1; /^(\S+)/; print "$1 OK\n"; kill "INT", getppid if $. == 1000']
    other = shlex.join(["perl", "-ne", r'$| = 1; /^(\S+)/; print "$1 OK\n"'])
    for options in ([], ["--vs", other]):
        outcome = _load(accounts, interrupts, "--seconds", "60", *options)
        replies = int(_figures(outcome)["OK"][0].replace(",", ""))
        assert replies > 800, "all but those of the last moments"
        assert outcome.complaints == []
        assert outcome.lines[-2:] == ["interrupted: the program was killed", "complaints: none"]
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
        assert b"complaints: none" in done.stdout
        assert b"program 1/1" in os.read(terminal.fileno(), 65_536)
