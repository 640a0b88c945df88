"""Time-out and Auto-Restart: requests of a program that dies or hangs."""

from __future__ import annotations

import shutil
from pathlib import Path

from tests.harness.programs import program, replay, run

_FIVE = "I: 1 VRFY a@d x\nI: 2 VRFY b@d y\nI: 3 VRFY c@d z\nwait\nI: 4 VRFY d@d z\nI: 5 VRFY e@d z\n"
_EARLY = "ended or stopped reading before its standard input was closed"


def _with_restart(folder: Path, session: str, command: list[str], *options: str) -> list[str]:
    outcome = replay(folder, session, command, "--base-directory", str(folder), "--auto-restart", "0.01", *options)
    assert outcome.status == 1
    return outcome.lines


def test_pending_requests_are_sent_again_after_a_restart(tmp_path: Path) -> None:
    session = "I: 0 INTF 7\nI: 1 VRFY a@d x\nwait\nI: 2 VRFY (IMAP) b@d y\nI: 3 VRFY c@d z\nwait\nI: 4 VRFY d@d z\n"
    lines = _with_restart(tmp_path, session, [*program("dies_once.sh"), "2"])
    restart = lines.index("# restarting in 0.01 s, pending requests: 2")
    assert lines[restart - 1] == "# ended by itself, exit status 1"
    assert [line for line in lines[restart:] if line.startswith("I: ")] == [
        "I: 0 INTF 7",
        "I: 2 VRFY (IMAP) b@d ***",
        "I: 3 VRFY c@d ***",
        "I: 4 VRFY d@d ***",
    ]
    assert [line for line in lines[restart:] if line.startswith("O: ")] == [
        "O: 0 ERROR INTF 7",
        "O: 2 ERROR VRFY (IMAP)",
        "O: 3 ERROR VRFY c@d",
        "O: 4 ERROR VRFY d@d",
    ]
    assert lines[-2].endswith("after end of file, exit status 0")
    assert [line for line in lines if line.startswith("violation: ")] == [
        "violation: no reply to 2",
        "violation: no reply to 3",
        f"violation: {_EARLY}",
        "violation: exit status 1",
    ]


def test_without_auto_restart_a_dead_program_rejects_requests(tmp_path: Path) -> None:
    session = "I: 0 INTF 7\nI: 1 VRFY a@d x\nI: 2 VRFY b@d y\nwait\nI: 3 VRFY c@d z\n"
    outcome = replay(tmp_path, session, program("dies_once.sh"), "--base-directory", str(tmp_path))
    assert [line for line in outcome.lines if line.startswith("# ")] == ["# rejected: 2", "# rejected: 3"]
    assert outcome.replies == ["0 INTF 7", "1 OK"]


def test_a_program_that_hangs_is_restarted(tmp_path: Path) -> None:
    lines = _with_restart(tmp_path, _FIVE, program("hangs_once.pl"), "--time-out", "0.3")
    restart = lines.index("# restarting in 0.01 s, pending requests: 1")
    assert [line for line in lines[restart:] if line[:3] in ("I: ", "O: ")][:2] == ["I: 1 VRFY a@d ***", "O: 1 OK"]
    assert [line for line in lines if line.startswith("violation: ")] == [
        "violation: reply only after standard input was closed, not flushed or too late: 1 ERROR too late"
    ]
    assert "# rejected: 1" not in lines
    assert {"O: 4 OK", "O: 5 OK"} < set(lines)


def test_without_auto_restart_a_time_out_rejects_requests(tmp_path: Path) -> None:
    options = ["--base-directory", str(tmp_path), "--time-out", "0.3", "--log-level", "Problems"]
    outcome = replay(tmp_path, _FIVE, program("hangs_once.pl"), *options)
    assert [line for line in outcome.lines if line.startswith("# ")] == [
        "# standard input closed",
        "# rejected: 1",
        "# rejected: 4",
        "# rejected: 5",
    ]
    assert [line.partition(" ")[2] for line in outcome.log][:3] == [
        "2 EXTAUTH program started",
        "1 EXTAUTH no reply within 0.3 seconds; stopping the program",
        "2 EXTAUTH standard input closed",
    ]
    assert outcome.log[3].endswith("3 EXTAUTH request 1 rejected")


def test_a_request_is_rejected_after_five_runs(tmp_path: Path) -> None:
    lines = _with_restart(tmp_path, "I: 1 VRFY a@d x\n", program("dies_at_once.sh"), "--time-out", "20")
    assert lines.count("I: 1 VRFY a@d ***") == 5
    assert lines.count("# standard error: no configuration") == 5
    assert lines.count("# rejected: 1") == 1


def test_a_failed_restart_is_a_violation(tmp_path: Path) -> None:
    copy = tmp_path / "starts_once"
    shutil.copy(program("starts_once.sh")[1], copy)
    copy.chmod(0o755)
    lines = _with_restart(tmp_path, "I: 1 VRFY a@d x\n", [str(copy)])
    assert lines.count(f"violation: cannot start {copy}: not found, or not executable") == 4
    assert "# rejected: 1" in lines


def test_there_is_no_restart_after_quit() -> None:
    outcome = run(["shell", "--auto-restart", "0", "--", *program("quits.sh")], b"1 QUIT\n")
    assert not any("restarting" in line for line in outcome.lines)
    assert outcome.status == 0


def test_the_shell_continues_with_the_restarted_program(tmp_path: Path) -> None:
    options = ["--base-directory", str(tmp_path), "--auto-restart", "0"]
    typed = b"0 INTF 7\n1 VRFY a@d x\n2 VRFY b@d y\n3 VRFY c@d z\n"
    outcome = run(["shell", *options, "--", *program("dies_once.sh")], typed)
    assert [reply.partition("    (")[0] for reply in outcome.replies] == [
        "0 INTF 7",
        "1 OK",
        "0 ERROR INTF 7",
        "2 ERROR VRFY b@d",
        "3 ERROR VRFY c@d",
    ]
