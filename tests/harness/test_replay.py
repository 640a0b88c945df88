"""Session files, played to correct programs."""

from __future__ import annotations

import os
import re
import signal
import subprocess
from pathlib import Path

import pytest

from extauth.harness.processes import group_runs
from tests.harness.programs import HARNESS, program, replay, run

_GUIDE = """\
# the sample session of the guide
I: 00010 VRFY user1@domain1.com dsyui134
O: 00010 OK
I: 00011 VRFY user2@domain2.com jskj23#45
O: 00011 ERROR incorrect password
I: 00012 SASL(CRAM-MD5) user1@domain1.com hdkj547812329394055 <pop-23456@mydomain.com>
O: 00012 ERROR unsupported SASL method
"""
_PERL = r"""
    $| = 1;
    while (<STDIN>) {
        my ($number, $command, $account) = split / /;
        print "$number ", $command ne "VRFY" ? "ERROR unsupported SASL method"
            : $account =~ /^user1/ ? "OK" : "ERROR incorrect password", "\n";
    }
"""
_SHELL = """
    while read -r number command account rest; do
        case "$command $account" in
            VRFY\\ user1@*) echo "$number OK" ;;
            VRFY*) echo "$number ERROR incorrect password" ;;
            *) echo "$number ERROR unsupported SASL method" ;;
        esac
    done
"""


@pytest.mark.parametrize("command", [["perl", "-e", _PERL], ["sh", "-c", _SHELL]], ids=["perl", "shell"])
def test_helper_programs_in_other_languages_work(command: list[str], tmp_path: Path) -> None:
    outcome = replay(tmp_path, _GUIDE, command)
    assert outcome.status == 0
    assert sorted(line for line in outcome.lines if line[:2] in ("I:", "O:")) == [
        "I: 00010 VRFY user1@domain1.com ***",
        "I: 00011 VRFY user2@domain2.com ***",
        "I: 00012 SASL(CRAM-MD5) user1@domain1.com *** <pop-23456@mydomain.com>",
        "O: 00010 OK",
        "O: 00011 ERROR incorrect password",
        "O: 00012 ERROR unsupported SASL method",
    ]
    assert outcome.lines[-5:-3] == ["# standard input closed", "replies: 3 of 3 as expected"]
    assert re.fullmatch(r"times: p50 \S+ ms, p90 .*, longest \S+ ms", outcome.lines[-3])
    assert re.fullmatch(r"ended \d\.\d{3} s after end of file, exit status 0", outcome.lines[-2])
    assert outcome.lines[-1] == "violations: none"


def test_differences_are_shown_line_by_line(tmp_path: Path) -> None:
    session = "I: 1 VRFY a@d x\nO: 1 ERROR incorrect password\nO: * ready\nI: 2 VRFY a@d x\nO: 2 OK\n"
    outcome = replay(tmp_path, session, program("answers_ok.sh"))
    start = outcome.lines.index("# standard input closed") + 1
    assert outcome.lines[start : start + 5] == [
        "- O: 1 ERROR incorrect password    (line 2)",
        "+ O: 1 OK",
        "- O: * ready    (line 3)",
        "+ nothing",
        "replies: 1 of 3 as expected",
    ]
    assert outcome.status == 1


def test_replies_may_come_in_any_order_after_end_of_file(tmp_path: Path) -> None:
    session = "O: 3 OK\nI: 1 VRFY a@d bad\nI: 2 VRFY a@d good\nI: 3 VRFY a@d good\nclose\nO: 2 OK\nO: 1 ERROR\n"
    outcome = replay(tmp_path, session, program("answers_backwards.pl"))
    assert outcome.replies == ["3 OK", "2 OK", "1 ERROR incorrect password"]
    assert outcome.status == 0


def test_a_number_that_is_sent_twice_is_answered_twice(tmp_path: Path) -> None:
    session = "I: 1 VRFY a@d good\nI: 1 VRFY a@d bad\nclose\nO: 1 ERROR\nO: 1 OK\n"
    assert replay(tmp_path, session, program("answers_backwards.pl")).status == 0


def test_ten_thousand_requests_are_sent_before_the_first_reply(tmp_path: Path) -> None:
    session = "".join(f"I: {number} VRFY a@d good\nO: {number} OK\n" for number in range(10_000))
    outcome = replay(tmp_path, session + "close\n", program("answers_backwards.pl"))
    assert "replies: 10,000 of 10,000 as expected" in outcome.lines
    assert outcome.status == 0


def test_full_pipes_in_both_directions_cause_no_deadlock(tmp_path: Path) -> None:
    session = "".join(f"I: {number} VRFY a@d {'x' * 500}\nO: {number} ERROR\n" for number in range(10_000))
    outcome = replay(tmp_path, session, ["perl", "-pe", r"BEGIN { $| = 1 } s/ .*/ ERROR @{['y' x 500]}/"])
    assert outcome.status == 0


def test_bytes_are_sent_unchanged(tmp_path: Path) -> None:
    hexadecimal = ["perl", "-ne", r'$| = 1; /^(\S+) (.*)/s; print "$1 ERROR ", unpack("H*", $2), "\n"']
    outcome = replay(tmp_path, b"I: 1 VRFY a@d \xff\xfe \nI: 2 VRFY\t\r\nI:\n", hexadecimal)
    assert outcome.replies[:2] == ["1 ERROR 565246592061406420fffe200a", "2 ERROR 565246590" + "90d0a"]


def test_the_program_runs_in_its_base_directory(tmp_path: Path) -> None:
    command = program("prints_its_folder.pl")
    temporary = replay(tmp_path, "I: 1 VRFY a@d secret\n", command).replies[0].split()[2]
    assert "extauth-harness-" in temporary
    assert not Path(temporary).exists()
    named = replay(tmp_path, "I: 1 VRFY a@d secret\n", command, "--base-directory", str(tmp_path))
    assert named.replies[0].split()[2] == os.path.realpath(tmp_path)


def test_paths_in_the_command_become_absolute(tmp_path: Path) -> None:
    (tmp_path / "conf").mkdir()
    (tmp_path / "conf" / "a.toml").touch()
    (tmp_path / "session.txt").write_text("I: 1 VRFY a@d secret\n")
    command = [
        *HARNESS,
        "replay",
        "session.txt",
        "--",
        *program("prints_its_folder.pl"),
        "conf/a.toml",
        "conf",
        "no/x",
        "session.txt",
    ]
    done = subprocess.run(command, cwd=tmp_path, capture_output=True, timeout=60, check=True)
    session = tmp_path / "session.txt"
    assert f" {tmp_path / 'conf' / 'a.toml'} conf no/x {session}\n".encode() in done.stdout
    assert done.stderr == f"# session.txt is passed as {session}\n".encode()


def test_standard_error_is_shown_after_the_end(tmp_path: Path) -> None:
    outcome = replay(tmp_path, "I: 1 VRFY a@d x\n", program("dies_at_once.sh"))
    assert "standard error: no configuration" in outcome.lines


def test_a_program_may_end_after_quit(tmp_path: Path) -> None:
    outcome = replay(tmp_path, "I: 1 QUIT\nO: 1 OK\nwait\nwait 1\nI: 2 VRFY a@d x\n", program("quits.sh"))
    assert "ended by itself, exit status 0" in outcome.lines
    assert outcome.status == 0


def test_lines_without_a_number_need_no_reply(tmp_path: Path) -> None:
    silent = ["perl", "-ne", r'$| = 1; print /^(\w+) / ? "$1 OK\n" : "* no number\n"']
    outcome = replay(tmp_path, "I: \nI:\nI: !!! ???\nI: 1 VRFY a@d x\nO: * no number\nO: *\nO: 1 OK\n", silent)
    assert outcome.status == 0
    assert "replies: 3 of 3 as expected" in outcome.lines


@pytest.mark.parametrize(
    ("arguments", "sentence"),
    [
        (["--", "no-such-program"], "cannot start no-such-program: not found, or not executable"),
        (["--", "./no-such-program"], "cannot start ./no-such-program: not found, or not executable"),
        (["--base-directory", "/no/such/folder", "--", "true"], "does not exist"),
        ([], "Missing argument"),
        (["cat", "-c", "x"], "No such option: -c. If it is for the helper, write -- before its command."),
        (["--colour", "--", "cat"], "No such option"),
    ],
)
def test_a_program_that_cannot_start_gives_status_2(arguments: list[str], sentence: str, tmp_path: Path) -> None:
    session = tmp_path / "session.txt"
    session.write_text("I: 1 VRFY a@d x\n")
    outcome = run(["replay", str(session), *arguments])
    assert sentence in outcome.log[-1]
    assert outcome.status == 2


def test_a_broken_executable_gives_status_2(tmp_path: Path) -> None:
    broken = tmp_path / "broken"
    broken.write_text("#!/no/such/interpreter\n")
    broken.chmod(0o755)
    outcome = replay(tmp_path, "", [str(broken)])
    assert outcome.log[-1].startswith(f"Error: cannot start {broken} in ")
    assert outcome.status == 2


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM, signal.SIGHUP])
def test_a_signal_ends_the_harness_and_the_program(tmp_path: Path, number: signal.Signals) -> None:
    session = tmp_path / "session.txt"
    session.write_text("wait 1000\n")
    never_ends = ["perl", "-e", r'$| = 1; $SIG{INT} = "IGNORE"; print "* $$\n"; sleep 1000']
    harness = subprocess.Popen(
        [*HARNESS, "replay", str(session), "--", *never_ends],
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        preexec_fn=lambda: signal.signal(number, signal.SIG_IGN),  # as a shell does for background jobs
    )
    with harness:
        assert harness.stdout is not None
        group = int(harness.stdout.readline().removeprefix(b"O: * "))
        harness.send_signal(number)
        harness.wait(20)
    assert harness.returncode == 1
    assert not group_runs(group)
