"""Bugs of a backend never let anybody in, and bounce no mail."""

from __future__ import annotations

import itertools
from collections.abc import Iterator

import pytest

from tests.chain.support import NEGATIVE, PLUGIN, TEMPORARY, configure, configure_one_worker
from tests.helper import Helper, Site, wait_until
from tests.plugins import plugin
from tests.plugins.misbehaving_backend import ACCOUNT_RESULTS, EMPTY_SECRETS, SECRET_RESULTS, VERIFY_RESULTS

# printf '<1@example.com>open sesame' | openssl dgst -md5
APOP = b"f8f7a1bb5f0c204cc1f7fead5fe1ee6b <1@example.com>"


# printf '<1@example.com>' | openssl dgst -md5 -hmac ''
CRAM_MD5_OF_NOTHING = b"dae31f2136f48abfc66a25907f64c9ae <1@example.com>"


@pytest.fixture(scope="module")
def misbehaving(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Helper]:
    """A helper with the misbehaving backend. Its deadline is longer than any test waits."""
    site = Site(tmp_path_factory.mktemp("misbehaving"))
    site.write("misbehaving_backend.py", plugin("misbehaving_backend.py"))
    site.configure(
        '[helper]\ndeadline = 60\n[[backend]]\ntype = "misbehaving_backend.py:MisbehavingBackend"\nreadplain = true\n'
    )
    helper = site.serve()
    assert helper.ask(b"intf INTF 3") == b"INTF 3"
    yield helper
    try:
        assert helper.end() == 0
        assert helper.errors() == ""
    finally:
        helper.kill()


_numbers = itertools.count()


def ask(helper: Helper, request: bytes) -> bytes:
    """Ask with a number that no other test uses, because a missing reply may still come later."""
    return helper.ask(b"%d %s" % (next(_numbers), request))


@pytest.mark.parametrize("password", VERIFY_RESULTS)
def test_invalid_verdict_is_a_temporary_failure(misbehaving: Helper, password: str) -> None:
    assert ask(misbehaving, b"VRFY alice@example.com " + password.encode()) == TEMPORARY
    assert ask(misbehaving, b"VRFY alice@example.com any") == b"OK"


@pytest.mark.parametrize("account", SECRET_RESULTS)
def test_invalid_secret_is_a_temporary_failure(misbehaving: Helper, account: str) -> None:
    assert ask(misbehaving, b"SASL(APOP) %s@example.com %s" % (account.encode(), APOP)) == TEMPORARY
    assert ask(misbehaving, b"SASL(APOP) alice@example.com " + APOP) == b"OK"
    assert ask(misbehaving, b"READPLAIN %s@example.com" % account.encode()) == b"FAILURE not available"
    assert ask(misbehaving, b"READPLAIN alice@example.com") == b'PLAIN "open sesame"'


@pytest.mark.parametrize("account", EMPTY_SECRETS)
def test_empty_stored_password_refuses_all_logins(misbehaving: Helper, account: str) -> None:
    response = b"SASL(CRAM-MD5) %s@example.com " % account.encode() + CRAM_MD5_OF_NOTHING
    assert ask(misbehaving, response) == NEGATIVE
    misbehaving.wait_for_information(f"account={account}@example.com .*verdict=USER_DISABLED .*password is empty")
    assert ask(misbehaving, b"READPLAIN %s@example.com" % account.encode()) == b"FAILURE not available"


@pytest.mark.parametrize("account", ACCOUNT_RESULTS)
def test_invalid_account_result_bounces_no_mail(misbehaving: Helper, account: str) -> None:
    assert ask(misbehaving, b"NEW %s@example.com" % account.encode()) == b"FAILURE temporary failure"
    assert ask(misbehaving, b"NEW alice@example.com") == b"ERROR unknown account"


def test_backend_error_is_logged_with_its_place(misbehaving: Helper) -> None:
    ask(misbehaving, b"VRFY alice@example.com True")
    misbehaving.wait_for_information("backend=MisbehavingBackend .*verify_password returned bool")
    ask(misbehaving, b"VRFY alice@example.com an exception without a message")
    misbehaving.wait_for_information(
        r"backend=MisbehavingBackend .*ErrorWithoutMessage at .*misbehaving_backend\.py, line \d+"
    )


@pytest.mark.parametrize("attributes", ["", "    def is_fast(self, account): return True\n"])
def test_failing_thread_ends_its_worker(site: Site, attributes: str) -> None:
    site.write("own.py", _ERROR_IN_MESSAGE + attributes)
    configure_one_worker(site)
    helper = site.serve()
    for number in range(2):
        assert helper.ask(b"%d VRFY alice@example.com raise" % number) == TEMPORARY
        assert helper.ask(b"%d VRFY alice@example.com x" % number) == b"OK"
    thread = "main" if "fast" in attributes else "Own-[0-3]"
    helper.wait_for_information(
        f"thread {thread} failed: ValueError at .*own.py, line 5, in __bool__; ending this worker"
    )
    helper.wait_for_information("account=alice@.*worker [0-9]+, which had the request, ended with status 1")


_ERROR_IN_MESSAGE = """\
from extauth import Backend, BackendUnavailable, Settings, Verdict

class Text(str):
    def __bool__(self):
        raise ValueError

class ErrorInMessage(BackendUnavailable):
    def __str__(self):
        return Text("x")

class Own(Backend[Settings]):
    def verify_password(self, account, password):
        if password.matches("raise"):
            raise ErrorInMessage
        return Verdict.OK

"""


def test_failed_open_is_tried_again(site: Site) -> None:
    site.write(
        "own.py",
        PLUGIN
        + """
    def open(self) -> None:
        from extauth import BackendUnavailable
        from pathlib import Path
        if not (Path(__file__).parent / "up").exists():
            raise BackendUnavailable("connection refused")
""",
    )
    configure(site)
    helper = site.serve()
    assert helper.ask(b"1 VRFY alice@example.com x") == TEMPORARY
    (site.folder / "up").touch()
    wait_until(lambda: helper.ask(b"2 VRFY alice@example.com x") == b"OK", "an attempt that succeeds")
    assert helper.end() == 0


@pytest.mark.parametrize(
    ("answer", "reply"),
    [
        ("True", b"OK"),
        ("False", b"OK"),
        ("None", b"OK"),
        ("1", b"OK"),
        ("1 / 0", TEMPORARY),
        ("sys.exit()", TEMPORARY),
        ("exec('raise BackendUnavailable')", TEMPORARY),
    ],
)
def test_answer_of_is_fast_decides_nothing_else(site: Site, answer: str, reply: bytes) -> None:
    site.write(
        "own.py",
        f"import sys\nfrom extauth import BackendUnavailable\n{PLUGIN}\n"
        f"    def is_fast(self, account):\n        return {answer}\n",
    )
    configure_one_worker(site)
    helper = site.serve()
    helper.ask(b"0 VRFY alice@example.com x")  # may come before the backend is open, and then a thread checks it
    for number in range(1, 4):
        assert helper.ask(b"%d VRFY alice@example.com x" % number) == reply
    assert helper.end() == 0


def test_fast_and_slow_checks_can_mix(site: Site) -> None:
    site.write(
        "own.py",
        PLUGIN + "\n    def is_fast(self, account):\n        return account.name != 'd'\n"
        "    def verify_password(self, account, password):\n"
        "        return {'a': Verdict.OK, 'b': Verdict.PASSWORD_MISMATCH, 'd': Verdict.OK}[account.name]\n",
    )
    configure_one_worker(site)
    helper = site.serve()
    expected = {"a": b"OK", "b": NEGATIVE, "c": TEMPORARY, "d": b"OK"}  # `c` raises KeyError
    assert helper.ask(b"0 VRFY d@example.com x") == b"OK"
    names = "abcddcba" * 25
    helper.send(*(b"%d VRFY %s@example.com x" % (n, name.encode()) for n, name in enumerate(names, 1)))
    replies = dict(line.split(b" ", 1) for line in helper.wait_for_replies(len(names)))
    assert [replies[b"%d" % n] for n in range(1, len(names) + 1)] == [expected[name] for name in names]
    assert helper.end() == 0
