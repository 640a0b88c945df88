"""Password files that are suddenly empty, short or cut off."""

from __future__ import annotations

import os
import signal
import sys

import pytest

from tests.helper import Helper, Site, send_sighup, wait_for_serving, wait_until

KEEPS = "reload failed, keeping the previous configuration: .*passwd: "
ALICE = b"1 VRFY alice@example.com open sesame"
TEMPORARY = b"ERROR temporary failure"
NEGATIVE = b"ERROR incorrect password"
OFTEN = [  # a helper that repeats its reminders soon
    sys.executable,
    "-c",
    "from extauth.frontend import timeouts; timeouts.REMIND = 0.2; from extauth.cli import main; main()",
]


def _accounts(count: int) -> str:
    others = "".join(f"user{number}@example.com:{{PLAIN}}pass{number}\n" for number in range(1, count))
    return "alice@example.com:{PLAIN}open sesame\n" + others


def _serve(site: Site, content: str, configuration: str = Site.BASIC) -> Helper:
    site.write("passwd", content)
    site.configure(configuration)
    helper = site.serve()
    wait_for_serving(helper, 1)
    return helper


@pytest.mark.parametrize(
    ("damaged", "problem"),
    [
        ("", "has no accounts, and had 20 before"),
        ("# only a comment\n", "has no accounts, and had 20 before"),
        ("<html>\n<p>502 Bad Gateway</p>\n</html>\n", "has no accounts, and had 20 before"),
        ("alice@example.com:{PLAIN}new\nbob@example.com:{PLAIN}new\n", "has 2 accounts, and had 20 before"),
        (_accounts(19) + "user19@example.com:{PLAIN}p", "its last line has no line end any more"),
    ],
    ids=["empty", "comment", "garbage", "nine tenths", "cut off"],
)
def test_a_damaged_file_is_not_used_until_it_is_whole(site: Site, damaged: str, problem: str) -> None:
    helper = _serve(site, _accounts(20))
    site.write("passwd", damaged)
    helper.wait_for_information(KEEPS + problem)
    assert helper.ask(ALICE) == b"OK"
    assert helper.ask(b"2 VRFY user19@example.com p") == NEGATIVE
    assert helper.ask(b"3 VRFY user19@example.com pass19") == b"OK"
    site.write("passwd", _accounts(30))
    wait_for_serving(helper, 2)
    assert helper.ask(b"4 VRFY user29@example.com pass29") == b"OK"
    assert helper.end() == 0


def test_a_cut_off_restriction_refuses_all_logins(site: Site) -> None:
    start = "alice:{PLAIN}open sesame:::::\nmallory:{PLAIN}secret:::::"
    dovecot = '[[backend]]\ntype = "files"\npath = "passwd"\nformat = "dovecot"\ndomains = ["example.com"]\n'
    helper = _serve(site, f"{start}:nologin\n", dovecot)
    mallory = b"1 VRFY mallory@example.com secret"
    assert helper.ask(mallory) == NEGATIVE
    site.write("passwd", start)
    helper.wait_for_information(KEEPS + "its last line")
    assert helper.ask(mallory) == NEGATIVE
    assert helper.end() == 0


def test_a_few_lost_accounts_are_no_damage(site: Site) -> None:
    helper = _serve(site, _accounts(20))
    site.write("passwd", _accounts(3))
    wait_for_serving(helper, 2)
    assert helper.ask(b"1 VRFY user5@example.com pass5") == NEGATIVE
    site.write("passwd", "carol@example.com:{PLAIN}new\n")
    wait_for_serving(helper, 3)
    assert helper.ask(b"2 VRFY carol@example.com new") == b"OK"
    assert helper.end() == 0


def test_the_first_line_of_an_empty_file_must_be_whole(site: Site) -> None:
    helper = _serve(site, "")
    site.write("passwd", "alice@example.com:{PLAIN}open sesame")
    helper.wait_for_information(KEEPS + "its last line has no line end")
    site.write("passwd", "alice@example.com:{PLAIN}open sesame\n")
    wait_for_serving(helper, 2)
    assert helper.ask(ALICE) == b"OK"
    assert helper.end() == 0


def test_the_log_repeats_that_a_file_is_damaged(site: Site) -> None:
    site.write("passwd", _accounts(20))
    site.configure()
    helper = site.serve(OFTEN)
    wait_for_serving(helper, 1)
    site.write("passwd", "")
    again = "a changed file is not in force: .*passwd: has no accounts"
    for _ in range(2):
        helper.wait_for_information(again)
        helper.information.clear()
    site.write("passwd", _accounts(21))
    wait_for_serving(helper, 1)
    assert not helper.read_for(0.5), "a reminder although the file is whole"
    assert helper.end() == 0


def test_sighup_uses_a_damaged_file_as_it_is(site: Site) -> None:
    helper = _serve(site, _accounts(20))
    site.write("passwd", "alice@example.com:{PLAIN}new")
    helper.wait_for_information(KEEPS)
    send_sighup(helper)
    helper.wait_for_information("passwd: has 1 account, and had 20 before; it is used as it is")
    wait_for_serving(helper, 1)
    assert helper.ask(b"1 VRFY alice@example.com new") == b"OK"
    site.write("passwd", "alice@example.com:{PLAIN}newer")  # no worse than what is in force
    wait_for_serving(helper, 2)
    assert helper.ask(b"2 VRFY alice@example.com newer") == b"OK"
    assert helper.end() == 0


@pytest.mark.parametrize(
    ("content", "problem"),
    [("", "has no accounts"), ("alice@example.com:{PLAIN}x", "its last line has no line end")],
)
def test_the_first_load_uses_a_damaged_file_with_a_warning(site: Site, content: str, problem: str) -> None:
    site.write("passwd", content)
    site.configure()
    assert problem in site.run("check", "-c", str(site.config)).stdout.decode()
    helper = site.serve()
    helper.wait_for_information(f"passwd: {problem}.*; it is used as it is")
    assert helper.ask(b"1 VRFY alice@example.com x") == (b"OK" if content else NEGATIVE)
    assert helper.end() == 0


def test_after_a_dead_supervisor_a_damaged_file_is_suspended(site: Site) -> None:
    files = '[[backend]]\ntype = "files"\npath = "{domain}.accounts"\n'
    for domain in ("one.example", "two.example"):
        site.write(f"{domain}.accounts", "alice:{PLAIN}right\n")
    site.configure(files)
    helper = site.serve(OFTEN)
    wait_for_serving(helper, 1)
    site.write("one.example.accounts", "alice:{PLAIN}r")
    helper.wait_for_information("reload failed, keeping the previous configuration: .*one.example.accounts")
    (supervisor,) = helper.processes("supervisor")
    os.kill(supervisor, signal.SIGKILL)
    wait_for_serving(helper, 2)
    assert helper.ask(b"1 VRFY alice@one.example r") == TEMPORARY
    assert helper.ask(b"2 VRFY alice@two.example right") == b"OK"
    helper.wait_for_information("no login with .*one.example.accounts: its last line")
    site.write("one.example.accounts", "alice:{PLAIN}right\n")
    wait_for_serving(helper, 3)
    assert helper.ask(b"3 VRFY alice@one.example right") == b"OK"
    assert helper.end() == 0


def test_a_dead_supervisor_makes_no_damaged_file_serve(site: Site) -> None:
    helper = _serve(site, _accounts(20))
    site.write("passwd", "")
    helper.wait_for_information(KEEPS)
    (supervisor,) = helper.processes("supervisor")
    os.kill(supervisor, signal.SIGKILL)
    wait_for_serving(helper, 2)
    assert helper.ask(ALICE) == TEMPORARY
    site.write("passwd", _accounts(20))
    wait_for_serving(helper, 3)
    assert helper.ask(ALICE) == b"OK"
    assert helper.end() == 0


def test_a_dead_worker_makes_no_damaged_file_serve(site: Site) -> None:
    helper = _serve(site, _accounts(20))
    site.write("passwd", "")
    helper.wait_for_information(KEEPS)
    old = helper.processes("worker")
    for worker in old:
        os.kill(worker, signal.SIGKILL)
    wait_until(lambda: len(set(helper.processes("worker")) - set(old)) >= 1, "a new worker")
    assert helper.ask(ALICE) == b"OK"
    assert helper.end() == 0
