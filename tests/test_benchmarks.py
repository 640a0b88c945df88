"""The benchmarks: which replies count, how the tables are made, and that a measurement runs."""

from __future__ import annotations

import socket
import subprocess
import sys
import threading
from pathlib import Path

import pytest

from benchmarks import growth
from benchmarks.against_peers import row
from benchmarks.driver import Checked, Connections, Dialect, Exchange, Reply, check
from benchmarks.options import Options
from benchmarks.peers.dovecot import DovecotDialect
from benchmarks.peers.own import MailServerDialect
from benchmarks.peers.peer import PipePeer
from benchmarks.peers.saslauthd import SaslauthdDialect
from benchmarks.peers.squid import SquidDialect
from benchmarks.programs import ProgramError
from benchmarks.runs import Run, Runner
from benchmarks.workloads import SCHEMES, login_of, one_login_each, random_logins, write_password_file
from extauth.passwords import libcrypt
from tests.paths import ROOT

FAULTY = """\
import sys
print("* ready", flush=True)
for line in sys.stdin:
    number = int(line.split()[0])
    if number == 3:
        print("3 ERROR incorrect password", flush=True)
    elif number == 4:
        print("* nothing for 4", flush=True)
    elif number == 5:
        print("5 ERROR temporary failure", flush=True)
    else:
        print(number, "OK", flush=True)
    if number == 6:
        break
"""


ONLY_IN_ORDER = """\
import itertools, sys
first = input()
print(first.split()[0], "OK", flush=True)
for number in itertools.cycle([1, 2, 3]):
    if int(input().split()[0]) != number:
        break
    print(number, "OK", flush=True)
"""
"""It replies to one request, then to the requests 1 to 3 again and again. It ends if one is out of order."""


def program(code: str) -> PipePeer:
    return PipePeer("a program", MailServerDialect(), [sys.executable, "-c", code])


def replies_of(peer: PipePeer, count: int, under_way: int) -> Checked:
    logins = one_login_each(count)
    with peer.started() as running:
        requests = [peer.dialect.request(number, login) for number, login in enumerate(logins, 1)]
        return check(peer.dialect, logins, running.channel.exchange(requests, under_way))


def test_right_wrong_missing_and_invalid_replies_are_counted() -> None:
    assert replies_of(program(FAULTY), 6, under_way=256) == Checked(right=3, wrong=1, missing=2, invalid=1)


def test_all_requests_get_replies_with_few_under_way() -> None:
    echo = "import sys\nfor line in sys.stdin: print(line.split()[0], 'OK', flush=True)"
    assert replies_of(program(echo), 5_000, under_way=3) == Checked(right=5_000)


def test_replies_without_numbers_are_taken_in_order() -> None:
    logins = random_logins(10, wrong=0.5)
    replies = [b"OK" if login.right else b"ERR wrong" for login in logins]
    assert check(SquidDialect(), logins, Exchange(10, replies, 1.0, 0.0)) == Checked(right=10)
    assert check(SquidDialect(), logins, Exchange(10, [b"BH broken", *replies[:-1]], 1.0, 0.0)).missing == 1


@pytest.mark.parametrize(
    ("dialect", "line", "reply"),
    [
        (MailServerDialect(), b"7 OK", Reply(7, accepted=True)),
        (MailServerDialect(), b"7 ERROR incorrect password", Reply(7, accepted=False)),
        (MailServerDialect(), b"7 ERROR temporary failure", None),
        (DovecotDialect(), b"OK\t7\tuser=user1", Reply(7, accepted=True)),
        (DovecotDialect(), b"FAIL\t7\tuser=user1", Reply(7, accepted=False)),
        (DovecotDialect(), b"FAIL\t7\tuser=user1\ttemp", None),
        (SaslauthdDialect(), b"7 OK success", Reply(7, accepted=True)),
        (SaslauthdDialect(), b"7 NO", Reply(7, accepted=False)),
        (SaslauthdDialect(), b"7 ", None),
        (SquidDialect(), b"OK", Reply(None, accepted=True)),
        (SquidDialect(), b"ERR Wrong password", Reply(None, accepted=False)),
        (SquidDialect(), b"BH", None),
    ],
)
def test_dialects_parse_verdicts_and_reject_other_lines(dialect: Dialect, line: bytes, reply: Reply | None) -> None:
    assert dialect.parse_reply(line) == reply


def test_a_reply_on_a_connection_may_come_in_pieces(tmp_path: Path) -> None:
    path = str(tmp_path / "socket")
    logins = random_logins(20, wrong=0.5)
    dialect = SaslauthdDialect()
    requests = {dialect.request(0, login): login.right for login in logins}

    def serve(listening: socket.socket) -> None:
        for _ in logins:
            connection, _ = listening.accept()
            with connection:
                reply = b"OK" if requests[connection.recv(1024)] else b"NO"
                connection.sendall(b"\0")
                connection.sendall(b"\2" + reply)

    with socket.socket(socket.AF_UNIX) as listening:
        listening.bind(path)
        listening.listen()
        server = threading.Thread(target=serve, args=[listening])
        server.start()
        exchange = Connections(path).exchange([dialect.request(0, login) for login in logins], 4)
        server.join()
    assert check(dialect, logins, exchange) == Checked(right=20)


def test_a_warm_program_gets_the_next_requests_each_time() -> None:
    with Runner(program(ONLY_IN_ORDER), one_login_each(3), []).warm() as warm:
        assert [warm.ask(1e-9, under_way=1).checked for _ in range(4)] == [Checked(right=1)] * 4
        assert warm.ask(20.0, under_way=1).checked == Checked(right=3)


def test_growth_compares_with_the_usual_size(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(growth, "SERIES", {"under_way": [growth.Size(under_way=1), growth.Size()]})
    growth.measure(Options("growth/files", pairs=1, seconds=0.2))
    _, one, usual = (line.split() for line in capsys.readouterr().out.splitlines())
    assert one[:4] == ["growth/files", "under", "way", "1"]
    assert usual[:4] == ["growth/files", "under", "way", "256"]
    assert usual[5] == "1.00"
    assert "faults" not in one + usual


def test_missing_programs_and_wrong_first_replies_are_errors() -> None:
    absent = PipePeer("absent", MailServerDialect(), ["/nonexistent"])
    with pytest.raises(ProgramError, match="/nonexistent: No such file"):
        Runner(absent, one_login_each(1), []).run(1.0)
    refuses = program("print('1 ERROR incorrect password')")
    with pytest.raises(ProgramError, match="first reply"):
        Runner(refuses, one_login_each(1), []).run(1.0)


def test_a_row_has_the_median_ratio_and_the_faults() -> None:
    pairs = [(Run(rate), Run(100.0, checked=Checked(right=9, missing=2))) for rate in (100.0, 400.0, 200.0)]
    cells = row("files/sha", "peer", pairs).split()
    assert cells[:7] == ["files/sha", "peer", "2.00", "1.00", "4.00", "200", "100"]
    assert cells[-3:] == ["theirs:", "6", "missing"]


def test_password_files_hold_the_right_passwords(tmp_path: Path) -> None:
    for scheme in SCHEMES:
        write_password_file(tmp_path / scheme, scheme, [7])
        name, _, stored = (tmp_path / scheme).read_text().rstrip("\n").partition(":")
        assert name == login_of(7).name
        if stored.startswith("$"):
            assert libcrypt.crypt(login_of(7).password.encode(), stored.encode()) == stored.encode()


def test_a_measurement_runs() -> None:
    command = [sys.executable, "-m", "benchmarks", "--only", "latency", "--pairs", "1", "--seconds", "0.05"]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    assert "latency  extauth " in done.stdout
    assert "median of ratios" in done.stdout


def test_an_unknown_workload_is_an_error() -> None:
    command = [sys.executable, "-m", "benchmarks", "--only", "latncy"]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)
    assert done.returncode == 1
    assert "choose from: " in done.stderr
    assert " latency, " in done.stderr
