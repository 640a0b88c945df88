"""PAM modules that delay, hang, crash and leak, and many requests together, through the real program."""

from __future__ import annotations

import os
import time
from pathlib import Path

import pytest

from tests.backends.pam.configuration import NEGATIVE, OK, TEMPORARY, UNIX, backend
from tests.backends.pam.services import Services
from tests.helper import Helper, Site, is_alive, wait_until

DELAY = "auth optional pam_faildelay.so delay=2000000"


def test_32_wrong_passwords_do_not_delay_a_right_one(
    site: Site, services: Services, capsys: pytest.CaptureFixture[str]
) -> None:
    services.pwdfile("extauth", {"alice": "pw9"}, DELAY)
    site.configure(backend())
    helper = site.serve()
    assert helper.ask(b"0 VRFY alice@example.com pw9") == OK
    started = time.monotonic()
    helper.send(*(b"w%d VRFY alice@example.com wrong" % n for n in range(32)), b"r VRFY alice@example.com pw9")
    assert helper.reply(b"r") == OK
    took = time.monotonic() - started
    assert sorted(helper.wait_for_replies(32)) == sorted(b"w%d " % n + NEGATIVE for n in range(32))
    with capsys.disabled():
        print(f"\nreply to the right password among 32 wrong ones after {took:.3f} s")
    assert took < 2  # one delay; 32 delays in 4 threads take 16 seconds


def test_wrong_passwords_do_not_delay_the_shutdown(site: Site, services: Services) -> None:
    services.pwdfile("extauth", {"alice": "pw9"}, DELAY)
    site.configure(backend())
    lines = [b"%02d VRFY alice@example.com wrong" % n for n in range(32)]
    assert site.session(*lines) == [b"%02d " % n + NEGATIVE for n in range(32)]  # and no request is given up


def test_a_worker_with_a_sleeping_module_is_replaced(site: Site, services: Services, scripted: Path) -> None:
    services.write("extauth", f"auth required {scripted}", f"account required {scripted}")
    site.configure("[helper]\nworkers = 1\ndeadline = 0.5\n" + backend(concurrency=1))
    helper = site.serve()
    assert helper.ask(b"1 VRFY sleeps@example.com right") == TEMPORARY
    helper.wait_for_information("worker [0-9]+ gets no more requests")
    assert helper.ask(b"2 VRFY anybody@example.com right") == OK


def test_a_sleeping_module_does_not_delay_the_shutdown(script: Helper) -> None:
    assert script.ask(b"0 VRFY anybody@example.com right") == OK
    script.send(*(b"%d VRFY sleeps@example.com right" % number for number in range(1, 9)))
    started = time.monotonic()
    assert script.end() == 0
    assert time.monotonic() - started < 5
    assert sorted(script.replies) == [b"%d " % number + TEMPORARY for number in range(1, 9)]


def test_a_worker_with_a_crashed_module_is_replaced(script: Helper) -> None:
    assert script.ask(b"1 VRFY crashes@example.com right") == TEMPORARY
    line = script.wait_for_information("worker [0-9]+ was killed by SIGSEGV")
    assert "right" not in line
    assert script.ask(b"2 VRFY anybody@example.com right") == OK
    assert all(is_alive(process) for process in script.descendants())


def test_a_worker_with_a_leaking_module_is_replaced(site: Site, services: Services, scripted: Path) -> None:
    services.write("extauth", f"auth required {scripted}", f"account required {scripted}")
    site.configure("[helper]\nworkers = 1\nworker_memory = 128\n" + backend())
    helper = site.serve()
    assert helper.ask(b"1 VRFY leaks@example.com right") in (
        OK,
        TEMPORARY,
    )  # it may be killed first
    helper.wait_for_information("worker [0-9]+ has grown by [0-9]+ MiB, more than helper.worker_memory = 128")
    helper.wait_for_information("worker [0-9]+ was killed by SIGKILL")
    assert helper.ask(b"2 VRFY anybody@example.com right") == OK


# --- many requests together ---------------------------------------------------------------------------


@pytest.mark.parametrize("concurrency", [2, 8])
def test_replies_to_many_requests_are_never_mixed_up(site: Site, services: Services, concurrency: int) -> None:
    users = {f"user{number}": f"password{number}" for number in range(50)}
    services.pwdfile("extauth", users)
    site.configure("[helper]\nworkers = 1\n" + backend(concurrency=concurrency))
    helper = site.serve()
    names = list(users)
    expected: dict[bytes, bytes] = {}
    lines = []
    for turn in range(8):
        for place, name in enumerate(names):
            right = (turn + place) % 2 == 0
            password = users[name if right else names[(place + turn + 1) % len(names)]]
            number = f"{turn}-{place}".encode()
            expected[number] = number + b" " + (OK if right else NEGATIVE)
            lines.append(f"{turn}-{place} VRFY {name}@example.com {password}".encode())
    helper.send(*lines)
    assert sorted(helper.wait_for_replies(len(lines))) == sorted(expected.values())


def test_replies_of_pam_unix_are_never_mixed_up(unix: Helper) -> None:
    lines, expected = [], []
    for turn in range(20):
        for user, verdict in UNIX.items():
            for password in ("pw9", "wrong"):
                number = f"{turn}-{user}-{password}"
                lines.append(f"{number} VRFY {user}@example.com {password}".encode())
                expected.append(number.encode() + b" " + (OK if (verdict, password) == ("OK", "pw9") else NEGATIVE))
    unix.send(*lines)
    assert sorted(unix.wait_for_replies(len(lines))) == sorted(expected)


def test_a_thousand_wrong_passwords_leave_no_open_descriptor(site: Site, services: Services) -> None:
    services.pwdfile_of("extauth", ["alice:" + "$1$saltsalt$qjXMvbEw8oaL.CzflDtaK/"])
    site.configure("[helper]\nworkers = 1\n" + backend())
    helper = site.serve()
    assert helper.ask(b"0 VRFY alice@example.com password") == OK
    wait_until(lambda: len(helper.processes("worker")) == 2, "a worker and a spare one")
    workers = helper.processes("worker")
    before = [len(os.listdir(f"/proc/{worker}/fd")) for worker in workers]  # noqa: PTH208
    helper.send(*(b"%d VRFY alice@example.com wrong" % number for number in range(1, 1001)))
    assert {line.partition(b" ")[2] for line in helper.wait_for_replies(1000)} == {NEGATIVE}
    assert [len(os.listdir(f"/proc/{worker}/fd")) for worker in workers] == before  # noqa: PTH208
