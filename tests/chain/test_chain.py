"""Several backends for one account: who is asked, in which order, and what their answers amount to."""

from __future__ import annotations

import signal
from collections.abc import Iterator

import pytest

from tests.helper import Helper, Site
from tests.plugins import plugin

OK, NO, TEMPORARY = b"OK", b"ERROR incorrect password", b"ERROR temporary failure"

STOP = 'on_mismatch = "stop"'
EMERGENCY = "emergency = true"
TIMEOUT = "timeout = 0.2"

CASES: list[tuple[list[str | tuple[str, str]], bytes, str]] = [
    # what the backends of the domain say, in order; the reply; whose answer it is
    (["OK"], OK, "a"),
    (["OK", "USER_DISABLED"], OK, "a"),
    (["PASSWORD_MISMATCH", "OK"], OK, "b"),
    (["USER_UNKNOWN", "OK"], OK, "b"),
    (["SCHEME_NOT_AVAILABLE", "OK"], OK, "b"),
    (["USER_DISABLED", "OK"], NO, "a"),
    (["PASSWORD_EXPIRED", "OK"], NO, "a"),
    (["USER_UNKNOWN", "PASSWORD_MISMATCH", "SCHEME_NOT_AVAILABLE"], NO, "b"),
    (["USER_UNKNOWN", "SCHEME_NOT_AVAILABLE"], NO, "b"),
    (["USER_UNKNOWN", "USER_UNKNOWN"], NO, "a"),
    ([("PASSWORD_MISMATCH", STOP), "OK"], NO, "a"),
    ([("USER_UNKNOWN", STOP), "OK"], OK, "b"),
    (["an outage", "OK"], OK, "b"),
    (["a bug", "OK"], OK, "b"),
    (["an outage", "PASSWORD_MISMATCH"], TEMPORARY, "a"),
    (["PASSWORD_MISMATCH", "an outage"], TEMPORARY, "b"),
    (["an outage", "USER_DISABLED"], TEMPORARY, "a"),
    (["an outage", ("PASSWORD_MISMATCH", STOP), "OK"], TEMPORARY, "a"),
    ([("nothing", TIMEOUT), "OK"], OK, "b"),
    ([("nothing", TIMEOUT), "PASSWORD_MISMATCH"], TEMPORARY, "a"),
    # somebody for emergencies is asked when all others are out of reach, and may say yes only
    (["OK", ("OK", EMERGENCY)], OK, "a"),
    ([("OK", EMERGENCY), "an outage"], OK, "a"),
    (["an outage", "an outage", ("OK", EMERGENCY)], OK, "c"),
    ([("nothing", TIMEOUT), ("OK", EMERGENCY)], OK, "b"),
    (["an outage", ("an outage", EMERGENCY), ("OK", EMERGENCY)], OK, "c"),
    (["an outage", ("PASSWORD_MISMATCH", EMERGENCY)], TEMPORARY, "a"),
    (["an outage", ("USER_DISABLED", EMERGENCY), ("OK", EMERGENCY)], TEMPORARY, "a"),
    (["a bug", ("OK", EMERGENCY)], TEMPORARY, "a"),
    (["an outage", "a bug", ("OK", EMERGENCY)], TEMPORARY, "a"),
    (["an outage", "PASSWORD_MISMATCH", ("OK", EMERGENCY)], TEMPORARY, "a"),
    (["PASSWORD_MISMATCH", ("OK", EMERGENCY)], NO, "a"),
    (["USER_UNKNOWN", ("OK", EMERGENCY)], NO, "a"),
]

KNOWN, UNKNOWN, CANNOT_TELL = b"FAILURE account not created", b"ERROR unknown account", b"FAILURE temporary failure"

NEW_CASES: list[tuple[list[str | tuple[str, str]], bytes, str]] = [
    # the same for NEW
    (["OK"], KNOWN, "a"),
    (["USER_DISABLED"], KNOWN, "a"),
    (["PASSWORD_EXPIRED"], KNOWN, "a"),
    (["USER_UNKNOWN"], UNKNOWN, "a"),
    (["USER_UNKNOWN", "USER_UNKNOWN"], UNKNOWN, "a"),
    (["USER_UNKNOWN", "OK"], KNOWN, "b"),
    ([("USER_UNKNOWN", STOP), "USER_DISABLED"], KNOWN, "b"),
    (["USER_UNKNOWN", "cannot tell"], CANNOT_TELL, "b"),
    (["cannot tell", "USER_UNKNOWN"], CANNOT_TELL, "a"),
    (["cannot tell", "OK"], KNOWN, "b"),
    (["an outage", "USER_UNKNOWN"], CANNOT_TELL, "a"),
    (["an outage", "USER_DISABLED"], KNOWN, "b"),
    (["a bug", "USER_UNKNOWN"], CANNOT_TELL, "a"),
    (["PASSWORD_MISMATCH", "USER_UNKNOWN"], CANNOT_TELL, "a"),
    ([("nothing", TIMEOUT), "USER_UNKNOWN"], CANNOT_TELL, "a"),
    ([("nothing", TIMEOUT), "OK"], KNOWN, "b"),
    (["USER_UNKNOWN", ("OK", EMERGENCY)], UNKNOWN, "a"),
    (["cannot tell", ("OK", EMERGENCY)], CANNOT_TELL, "a"),
    (["an outage", ("OK", EMERGENCY)], KNOWN, "b"),
    (["an outage", ("USER_UNKNOWN", EMERGENCY)], CANNOT_TELL, "a"),
]


def domain(number: int) -> str:
    return f"case{number}.example"


@pytest.fixture(scope="module")
def chains(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Helper]:
    """A helper with a domain, and backends of its own, for each case."""
    site = Site(tmp_path_factory.mktemp("chains"))
    site.write("says.py", plugin("says.py"))
    text = '[helper]\nworkers = 2\ndeadline = 60\n[log]\nmail_server_level = "Low Level"\n'
    for number, (backends, _, _) in enumerate(CASES + NEW_CASES):
        for letter, backend in zip("abcd", backends, strict=False):
            says, more = backend if isinstance(backend, tuple) else (backend, "")
            text += (
                f'[[backend]]\ntype = "says.py:Says"\nname = "{number}{letter}"\n'
                f'domains = ["{domain(number)}"]\nsays = "{says}"\n{more}\n'
            )
    site.configure(text)
    helper = site.serve()
    assert helper.ask(b"intf INTF 3") == b"INTF 3"
    yield helper
    assert helper.end() == 0


@pytest.mark.parametrize("number", range(len(CASES)), ids=lambda number: str(CASES[number][0]))
def test_backends_that_say_this_amount_to_that(chains: Helper, number: int) -> None:
    _, reply, whose = CASES[number]
    assert chains.ask(f"{number} VRFY alice@{domain(number)} x".encode()) == reply
    record = chains.wait_for_information(f"account=alice@{domain(number)} ")
    assert f" backend={number}{whose} " in record


def test_a_login_in_an_emergency_is_logged_with_why_the_others_could_not_be_asked(chains: Helper) -> None:
    for backends, why in (
        (["an outage", "an outage", ("OK", EMERGENCY)], "{0}a: out of reach; {0}b: out of reach"),
        ([("nothing", TIMEOUT), ("OK", EMERGENCY)], "{0}a: no verdict within its timeout of 0.2 s"),
    ):
        number = next(n for n, (case, _, _) in enumerate(CASES) if case == backends)
        assert chains.ask(f"1 VRFY bob@{domain(number)} x".encode()) == OK
        chains.wait_for_information(f'account=bob@{domain(number)} .* verdict=OK .* reason="{why.format(number)}"')


@pytest.mark.parametrize("case", range(len(NEW_CASES)), ids=lambda case: str(NEW_CASES[case][0]))
def test_an_account_is_unknown_only_where_every_backend_says_so(chains: Helper, case: int) -> None:
    _, reply, whose = NEW_CASES[case]
    number = len(CASES) + case
    assert chains.ask(f"{number} NEW alice@{domain(number)}".encode()) == reply
    record = chains.wait_for_information(f"account=alice@{domain(number)} command=NEW ")
    assert f" backend={number}{whose} " in record


def test_a_domain_that_has_a_backend_for_emergencies_alone_is_served_by_nobody(site: Site) -> None:
    site.write("passwd", "alice@example.com:{PLAIN}x\nalice@example.org:{PLAIN}x\n")
    files = '[[backend]]\ntype = "files"\npath = "passwd"\n'
    site.configure(f'{files}domains = ["example.com"]\n{files}name = "for emergencies"\nemergency = true\n')
    assert site.session(
        b"1 VRFY alice@example.com x", b"2 VRFY alice@example.org x", b"3 VRFY alice@example.org wrong"
    ) == [b"1 " + OK, b"2 " + NO, b"3 " + NO]


def test_a_backend_that_hangs_for_ever_is_given_up_on_each_time_and_its_worker_replaced(chains: Helper) -> None:
    number = next(n for n, (backends, _, _) in enumerate(CASES) if backends == [("nothing", TIMEOUT), "OK"])
    ask = f"VRFY alice@{domain(number)} x".encode()
    for attempt in range(8):  # there are four threads in two workers, and the case above has taken one
        assert chains.ask(b"%d %s" % (attempt, ask)) == OK


def test_no_two_backends_of_a_domain_are_asked_beyond_the_deadline(site: Site) -> None:
    site.write("says.py", plugin("says.py"))
    backend = '[[backend]]\ntype = "says.py:Says"\nsays = "nothing"\ntimeout = 0.2\n'
    site.configure(f'[helper]\ndeadline = 0.5\n{backend * 2}name = "second"\n{backend}name = "third"\n')
    helper = site.serve()
    assert helper.ask(b"1 VRFY a@example.com x") == TEMPORARY
    assert helper.ask(b"2 INTF 1") == b"INTF 1"
    assert helper.replies == []


@pytest.mark.parametrize(
    ("settings", "error"),
    [
        ("timeout = 15", "timeout = 15: must be less than helper.deadline, which is 15"),
        ("timeout = 0", "timeout = 0: must be a number > 0"),
        ("emergency = true", "emergency = true: no other backend serves its domains"),
        ('on_mismatch = "end"', "on_mismatch = 'end': must be one of 'continue', 'stop'"),
    ],
)
def test_a_chain_that_makes_no_sense_is_refused(site: Site, settings: str, error: str) -> None:
    site.write("passwd", "")
    site.configure(Site.BASIC + settings + "\n")
    done = site.run("check", "-c", "extauth.toml")
    assert done.returncode == 1
    assert f"extauth.toml: [[backend]] number 1, {error}" in done.stderr.decode()


def test_a_refused_configuration_does_not_keep_a_changed_file_from_being_noticed(site: Site) -> None:
    site.write("passwd", "alice@example.com:{PLAIN}old\n")
    site.configure()
    helper = site.serve()
    helper.wait_for_information("serving")
    site.configure(Site.BASIC + '[[backend]]\ntype = "files"\npath = "nowhere"\n')
    helper.process.send_signal(signal.SIGHUP)
    helper.wait_for_information("reload failed, keeping the previous configuration: .*nowhere")
    site.write("passwd", "alice@example.com:!\n")
    helper.wait_for_information("changed: .*passwd")
    helper.wait_for(lambda: sum("serving with" in line for line in helper.information) == 2, "the new table")
    assert helper.ask(b"1 VRFY alice old") == NO
    assert helper.end() == 0
