"""The throttle: delays after many different wrong passwords, without refusing anybody."""

from __future__ import annotations

import os
import signal
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from extauth.config.tables import ThrottleSettings
from extauth.frontend.throttle import Throttle
from extauth.model import Account, PasswordRequest, Secret
from tests.frontend.redis_server import Redis
from tests.helper import Helper, Site, stop_process, wait_for_serving, wait_until

OK = b"OK"
NEGATIVE = b"ERROR incorrect password"
SETTINGS = "failures = 3\nwindow = 60\ndelay = 0.5\nlongest_delay = 0.5"
LONG = "failures = 3\ndelay = 5\nlongest_delay = 5"


def serve(site: Site, throttle: str = SETTINGS, sections: str = "") -> Helper:
    site.write("passwd", "alice@example.com:{PLAIN}right\nbob@example.com:{PLAIN}right\n")
    site.configure(
        f"[helper]\nworkers = 1\ndeadline = 10\n[throttle]\n{throttle}\n{sections}\n"
        '[log]\nmail_server_level = "All Info"\n[[backend]]\ntype = "files"\npath = "passwd"\n'
    )
    helper = site.serve()
    wait_for_serving(helper, 1)
    return helper


def serve_with_storage(site: Site, redis: Redis, throttle: str = SETTINGS) -> Helper:
    helper = serve(site, redis.settings(throttle))
    wait_until(lambda: bool(helper.processes("failure counter")), "the failure counter")
    return helper


def ask(helper: Helper, account: str, password: str) -> tuple[bytes, float]:
    """Return the reply and the seconds that it took."""
    begun = time.monotonic()
    reply = helper.ask(f"1 VRFY {account}@example.com {password}".encode())
    return reply, time.monotonic() - begun


def guess(helper: Helper, account: str, count: int) -> None:
    for number in range(count):
        assert ask(helper, account, f"guess{number}")[0] == NEGATIVE


@pytest.mark.parametrize("sections", ["", "[cache]\n"])
def test_logins_wait_after_different_wrong_passwords(site: Site, sections: str) -> None:
    helper = serve(site, sections=sections)
    for _ in range(3):  # the cache knows the line from the third one on
        assert ask(helper, "alice", "right")[0] == OK
    guess(helper, "alice", 3)
    for password, expected in (("right", OK), ("wrong", NEGATIVE), ("guess1", NEGATIVE)):
        reply, seconds = ask(helper, "alice", password)
        assert reply == expected
        assert seconds >= 0.5
    assert ask(helper, "bob", "right")[0] == OK


def test_other_accounts_are_not_delayed(site: Site) -> None:
    helper = serve(site, LONG)
    guess(helper, "alice", 3)
    _, seconds = ask(helper, "bob", "right")
    assert seconds < 5


def test_one_repeated_wrong_password_delays_nothing(site: Site) -> None:
    helper = serve(site, LONG)
    for _ in range(20):
        assert ask(helper, "alice", "old password")[0] == NEGATIVE
    reply, seconds = ask(helper, "alice", "right")
    assert reply == OK
    assert seconds < 5


def test_unknown_accounts_are_delayed_alike(site: Site) -> None:
    helper = serve(site)
    guess(helper, "nobody", 3)
    reply, seconds = ask(helper, "nobody", "guess")
    assert reply == NEGATIVE
    assert seconds >= 0.5


def test_more_than_eight_waiting_logins_are_refused(site: Site) -> None:
    helper = serve(site, LONG)
    guess(helper, "alice", 3)
    helper.send(*(b"w%d VRFY alice@example.com right" % number for number in range(11)))
    assert sorted(helper.wait_for_replies(3)) == [b"w%s %s" % (number, NEGATIVE) for number in (b"10", b"8", b"9")]
    helper.wait_for_information("account=alice@example.com .*throttled: 8 logins of this account wait")
    assert ask(helper, "bob", "right")[0] == OK
    stop_process(helper.process.pid)  # so that it reads the last login after the end of input has come
    helper.send(b"last VRFY alice@example.com right")
    helper.close()
    helper.process.send_signal(signal.SIGCONT)
    assert helper.wait_for_end() == 0
    # at the end of input the delayed requests go on at once: otherwise they would get "temporary failure"
    assert sum(line.endswith(b" OK") for line in helper.replies) == 9


def test_the_delay_doubles_up_to_the_longest(site: Site) -> None:
    helper = serve(site, "failures = 1\ndelay = 0.05\nlongest_delay = 0.2")
    guess(helper, "alice", 10)  # without a longest delay the last one would wait beyond the deadline
    reply, seconds = ask(helper, "alice", "right")
    assert reply == OK  # each login that waited has left its place
    assert seconds >= 0.2


def test_wrong_responses_of_mechanisms_count(site: Site) -> None:
    helper = serve(site)
    for number in range(3):
        assert helper.ask(b"1 SASL(CRAM-MD5) alice@example.com %032x <x@example.com>" % number) == NEGATIVE
    assert ask(helper, "alice", "right")[1] >= 0.5


def test_a_reload_keeps_the_counts(site: Site) -> None:
    helper = serve(site)
    guess(helper, "alice", 3)
    helper.process.send_signal(signal.SIGHUP)
    wait_for_serving(helper, 2)
    assert ask(helper, "alice", "right")[1] >= 0.5


def test_without_a_section_nothing_is_delayed(site: Site) -> None:
    site.write("passwd", "alice@example.com:{PLAIN}right\n")
    site.configure('[[backend]]\ntype = "files"\npath = "passwd"\n')
    helper = site.serve()
    guess(helper, "alice", 30)
    reply, seconds = ask(helper, "alice", "right")
    assert reply == OK
    assert seconds < 5


@pytest.mark.parametrize(
    ("settings", "error"),
    [
        ("longest_delay = 10", "throttle.longest_delay = 10: must be less than helper.deadline, which is 10"),
        ("delay = 6", "throttle.delay = 6: must not be more than longest_delay, which is 5"),
        ('storage = "http://x"', "throttle.storage = 'http://x': must be redis://host:port/number"),
        ('storage = "redis://u:secret@x"', "throttle.storage: (not shown"),
        ('storage_password_file = "x"', "throttle.storage_password_file: is used only with storage"),
        ("failures = 0", "throttle.failures = 0"),
    ],
)
def test_wrong_settings_are_refused(site: Site, settings: str, error: str) -> None:
    site.configure(f"[helper]\ndeadline = 10\n[throttle]\n{settings}\n[[backend]]\ntype = 'files'\npath = 'p'\n")
    helper = site.serve()
    assert helper.wait_for_end() == 1
    errors = helper.errors()
    assert error in errors
    assert "secret" not in errors


# --- several helpers with one storage -----------------------------------------------------------------


@pytest.fixture
def redis(tmp_path: Path) -> Iterator[Redis]:
    (tmp_path / "redis").mkdir()
    redis = Redis(tmp_path / "redis")
    yield redis
    redis.kill()


def test_several_helpers_count_together(site: Site, redis: Redis) -> None:
    first, second = serve_with_storage(site, redis), serve_with_storage(site, redis)
    guess(first, "alice", 4)
    assert ask(first, "alice", "right")[1] >= 0.5
    guess(second, "alice", 1)
    wait_until(lambda: ask(second, "alice", "right")[1] >= 0.5, "the count of both helpers")
    assert len(first.processes("failure counter")) == 1
    assert first.end() == 0
    assert second.end() == 0


def test_a_wrong_password_counts_within_the_window_only(site: Site, redis: Redis) -> None:
    settings = "failures = 2\nwindow = 1\ndelay = 1.2\nlongest_delay = 1.2"
    helper = serve_with_storage(site, redis, settings)
    guess(helper, "alice", 2)
    wait_until(lambda: ask(helper, "alice", "right")[1] < 1.2, "a login without a delay")


def test_without_its_storage_the_helper_counts_alone(site: Site, redis: Redis) -> None:
    helper = serve_with_storage(site, redis)
    redis.kill()
    guess(helper, "alice", 3)
    helper.wait_for_information("throttle: .*redis://127.* cannot be used: .*this helper counts alone")
    assert ask(helper, "alice", "right")[1] >= 0.5
    redis.start()
    numbers = iter(range(1000))

    def works() -> bool:
        ask(helper, "nobody", f"other{next(numbers)}")
        return any("the storage works again" in line for line in helper.information)

    wait_until(works, "the storage")


def test_counter_that_dies_is_replaced(site: Site, redis: Redis) -> None:
    helper = serve_with_storage(site, redis)
    (counter,) = helper.processes("failure counter")
    os.kill(counter, signal.SIGKILL)
    helper.wait_for_information("throttle: the failure counter died; another one starts in 0.25 s")
    guess(helper, "alice", 3)
    assert ask(helper, "alice", "right")[1] >= 0.5
    wait_until(lambda: helper.processes("failure counter") not in ([], [counter]), "another failure counter")


def test_storage_has_no_names_and_no_passwords(site: Site, redis: Redis) -> None:
    helper = serve_with_storage(site, redis)
    guess(helper, "alice", 3)
    wait_until(lambda: len(redis.keys()) == 1, "a key")
    (key,) = redis.keys()
    assert b"extauth" in key
    assert b"alice" not in key
    assert b"guess" not in key


def test_one_repeated_wrong_password_counts_once_in_the_storage(site: Site, redis: Redis) -> None:
    helper = serve_with_storage(site, redis, LONG)
    for _ in range(6):
        assert ask(helper, "alice", "old password")[0] == NEGATIVE
    guess(helper, "bob", 1)
    wait_until(lambda: len(redis.keys()) == 2, "the counts of both accounts")  # that of bob comes last
    assert ask(helper, "alice", "right")[1] < 5


def test_old_wrong_passwords_are_forgotten() -> None:
    throttle = Throttle()
    throttle.configure(ThrottleSettings(window=60))
    throttle.add_failure(PasswordRequest(Account("ann", "example.com"), Secret(b"wrong")))
    throttle.forget_old(time.monotonic())
    assert throttle.is_delaying
    throttle.forget_old(time.monotonic() + 61)
    assert not throttle.is_delaying
