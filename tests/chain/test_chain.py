"""Several backends for one account: their order, and the reply to their results."""

from __future__ import annotations

import re
from collections.abc import Iterator

import pytest

from tests.helper import Helper, Site
from tests.plugins import plugin

OK, NO, TEMPORARY = b"OK", b"ERROR incorrect password", b"ERROR temporary failure"


STOP = 'on_mismatch = "stop"'


EMERGENCY = "emergency = true"


TIMEOUT = "timeout = 0.2"


CASES: list[tuple[list[str | tuple[str, str]], bytes, str]] = [
    # the results of the backends, in order; the reply; the backend that decided
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
    (["unavailable", "OK"], OK, "b"),
    (["bug", "OK"], OK, "b"),
    (["unavailable", "PASSWORD_MISMATCH"], TEMPORARY, "a"),
    (["PASSWORD_MISMATCH", "unavailable"], TEMPORARY, "b"),
    (["unavailable", "USER_DISABLED"], TEMPORARY, "a"),
    (["unavailable", ("PASSWORD_MISMATCH", STOP), "OK"], TEMPORARY, "a"),
    ([("hang", TIMEOUT), "OK"], OK, "b"),
    ([("hang", TIMEOUT), "PASSWORD_MISMATCH"], TEMPORARY, "a"),
    # an emergency backend is asked if all others are unavailable; only its OK counts
    (["OK", ("OK", EMERGENCY)], OK, "a"),
    ([("OK", EMERGENCY), "unavailable"], OK, "a"),
    (["unavailable", "unavailable", ("OK", EMERGENCY)], OK, "c"),
    ([("hang", TIMEOUT), ("OK", EMERGENCY)], OK, "b"),
    (["unavailable", ("unavailable", EMERGENCY), ("OK", EMERGENCY)], OK, "c"),
    (["unavailable", ("PASSWORD_MISMATCH", EMERGENCY)], TEMPORARY, "a"),
    (["unavailable", ("USER_DISABLED", EMERGENCY), ("OK", EMERGENCY)], TEMPORARY, "a"),
    (["bug", ("OK", EMERGENCY)], TEMPORARY, "a"),
    (["unavailable", "bug", ("OK", EMERGENCY)], TEMPORARY, "a"),
    (["unavailable", "PASSWORD_MISMATCH", ("OK", EMERGENCY)], TEMPORARY, "a"),
    (["PASSWORD_MISMATCH", ("OK", EMERGENCY)], NO, "a"),
    (["USER_UNKNOWN", ("OK", EMERGENCY)], NO, "a"),
]


EXISTS, UNKNOWN, NEW_TEMPORARY = b"FAILURE account not created", b"ERROR unknown account", b"FAILURE temporary failure"


NEW_CASES: list[tuple[list[str | tuple[str, str]], bytes, str]] = [
    # the same for NEW requests
    (["OK"], EXISTS, "a"),
    (["USER_DISABLED"], EXISTS, "a"),
    (["PASSWORD_EXPIRED"], EXISTS, "a"),
    (["USER_UNKNOWN"], UNKNOWN, "a"),
    (["USER_UNKNOWN", "USER_UNKNOWN"], UNKNOWN, "a"),
    (["USER_UNKNOWN", "OK"], EXISTS, "b"),
    ([("USER_UNKNOWN", STOP), "USER_DISABLED"], EXISTS, "b"),
    (["USER_UNKNOWN", "temporary failure"], NEW_TEMPORARY, "b"),
    (["temporary failure", "USER_UNKNOWN"], NEW_TEMPORARY, "a"),
    (["temporary failure", "OK"], EXISTS, "b"),
    (["unavailable", "USER_UNKNOWN"], NEW_TEMPORARY, "a"),
    (["unavailable", "USER_DISABLED"], EXISTS, "b"),
    (["bug", "USER_UNKNOWN"], NEW_TEMPORARY, "a"),
    (["PASSWORD_MISMATCH", "USER_UNKNOWN"], NEW_TEMPORARY, "a"),
    ([("hang", TIMEOUT), "USER_UNKNOWN"], NEW_TEMPORARY, "a"),
    ([("hang", TIMEOUT), "OK"], EXISTS, "b"),
    (["USER_UNKNOWN", ("OK", EMERGENCY)], UNKNOWN, "a"),
    (["temporary failure", ("OK", EMERGENCY)], NEW_TEMPORARY, "a"),
    (["unavailable", ("OK", EMERGENCY)], EXISTS, "b"),
    (["unavailable", ("USER_UNKNOWN", EMERGENCY)], NEW_TEMPORARY, "a"),
]


def domain(number: int) -> str:
    return f"case{number}.example"


@pytest.fixture(scope="module")
def chains(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Helper]:
    """A helper with one domain for each case, each with its own backends."""
    site = Site(tmp_path_factory.mktemp("chains"))
    site.write("fixed_result.py", plugin("fixed_result.py"))
    text = '[helper]\nworkers = 2\ndeadline = 60\n[log]\nmail_server_level = "Low Level"\n'
    for number, (backends, _, _) in enumerate(CASES + NEW_CASES):
        for letter, backend in zip("abcd", backends, strict=False):
            result, settings = backend if isinstance(backend, tuple) else (backend, "")
            text += (
                f'[[backend]]\ntype = "fixed_result.py:FixedResult"\nname = "{number}{letter}"\n'
                f'domains = ["{domain(number)}"]\nresult = "{result}"\n{settings}\n'
            )
    site.configure(text)
    helper = site.serve()
    assert helper.ask(b"intf INTF 3") == b"INTF 3"
    yield helper
    assert helper.end() == 0


@pytest.mark.parametrize("number", range(len(CASES)), ids=lambda number: str(CASES[number][0]))
def test_chain_combines_results_into_one_reply(chains: Helper, number: int) -> None:
    _, reply, decider = CASES[number]
    assert chains.ask(f"{number} VRFY alice@{domain(number)} x".encode()) == reply
    record = chains.wait_for_information(f"account=alice@{domain(number)} ")
    assert f" backend={number}{decider} " in record


def seconds_of(pattern: str, record: str) -> list[float]:
    """Return the times in a record that has these fields at its end."""
    found = re.search(f" {pattern}$", record)
    assert found is not None, record
    return [float(text) for text in found.groups()]


@pytest.mark.parametrize(
    ("backends", "asked"),
    [
        (["OK"], "seq=7"),
        (["PASSWORD_MISMATCH", "OK"], "seq=7 asked={0}a,PASSWORD_MISMATCH,T;{0}b,OK,T"),
        (
            ["USER_UNKNOWN", "PASSWORD_MISMATCH", "SCHEME_NOT_AVAILABLE"],
            "seq=7 asked={0}a,USER_UNKNOWN,T;{0}b,PASSWORD_MISMATCH,T;{0}c,SCHEME_NOT_AVAILABLE,T",
        ),
        (["unavailable", "OK"], 'asked={0}a,TEMPORARY_FAILURE,T,"connection refused";{0}b,OK,T'),
        (
            ["PASSWORD_MISMATCH", "unavailable"],
            'asked={0}a,PASSWORD_MISMATCH,T;{0}b,TEMPORARY_FAILURE,T,"connection refused"',
        ),
        (
            ["unavailable", ("USER_DISABLED", EMERGENCY), ("OK", EMERGENCY)],
            'asked={0}a,TEMPORARY_FAILURE,T,"connection refused";{0}b,USER_DISABLED,T',
        ),
    ],
)
def test_record_names_every_backend_that_was_asked(chains: Helper, backends: list[object], asked: str) -> None:
    number = next(n for n, (case, _, _) in enumerate(CASES) if case == backends)
    chains.ask(f"7 VRFY carol@{domain(number)} x".encode())
    record = chains.wait_for_information(f"account=carol@{domain(number)} ")
    times = seconds_of(re.sub(r"\bT\b", "([0-9.]+)", asked.format(number)), record)
    assert all(0 <= seconds < 5 for seconds in times)


def test_time_of_each_backend_is_its_own(chains: Helper) -> None:
    number = next(n for n, (case, _, _) in enumerate(CASES) if case == [("hang", TIMEOUT), "OK"])
    assert chains.ask(f"7 VRFY carol@{domain(number)} x".encode()) == OK
    record = chains.wait_for_information(f"account=carol@{domain(number)} ")
    hung, quick = seconds_of(rf"asked={number}a,TEMPORARY_FAILURE,([0-9.]+),.*;{number}b,OK,([0-9.]+)", record)
    assert quick < 0.2 <= hung


def test_emergency_login_is_logged_with_the_failures_before_it(chains: Helper) -> None:
    for backends, reason in (
        (["unavailable", "unavailable", ("OK", EMERGENCY)], "{0}a: connection refused; {0}b: connection refused"),
        ([("hang", TIMEOUT), ("OK", EMERGENCY)], "{0}a: no verdict within its timeout of 0.2 s"),
    ):
        number = next(n for n, (case, _, _) in enumerate(CASES) if case == backends)
        assert chains.ask(f"1 VRFY bob@{domain(number)} x".encode()) == OK
        chains.wait_for_information(f'account=bob@{domain(number)} .* verdict=OK .* reason="{reason.format(number)}"')


@pytest.mark.parametrize("case", range(len(NEW_CASES)), ids=lambda case: str(NEW_CASES[case][0]))
def test_account_is_unknown_only_if_every_backend_agrees(chains: Helper, case: int) -> None:
    _, reply, decider = NEW_CASES[case]
    number = len(CASES) + case
    assert chains.ask(f"{number} NEW alice@{domain(number)}".encode()) == reply
    record = chains.wait_for_information(f"account=alice@{domain(number)} command=NEW ")
    assert f" backend={number}{decider} " in record


def test_emergency_backend_alone_serves_no_domain(site: Site) -> None:
    site.write("passwd", "alice@example.com:{PLAIN}x\nalice@example.org:{PLAIN}x\n")
    files = '[[backend]]\ntype = "files"\npath = "passwd"\n'
    site.configure(f'{files}domains = ["example.com"]\n{files}name = "for emergencies"\nemergency = true\n')
    assert site.session(
        b"1 VRFY alice@example.com x", b"2 VRFY alice@example.org x", b"3 VRFY alice@example.org wrong"
    ) == [b"1 " + OK, b"2 " + NO, b"3 " + NO]


def test_forever_hanging_backend_times_out_each_time(chains: Helper) -> None:
    number = next(n for n, (backends, _, _) in enumerate(CASES) if backends == [("hang", TIMEOUT), "OK"])
    ask = f"VRFY alice@{domain(number)} x".encode()
    for attempt in range(8):  # more than the two workers have threads
        assert chains.ask(b"%d %s" % (attempt, ask)) == OK


def test_chain_stops_at_the_deadline(site: Site) -> None:
    site.write("fixed_result.py", plugin("fixed_result.py"))
    backend = '[[backend]]\ntype = "fixed_result.py:FixedResult"\nresult = "hang"\ntimeout = 0.2\n'
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
def test_invalid_chain_settings_are_refused(site: Site, settings: str, error: str) -> None:
    site.write("passwd", "")
    site.configure(Site.BASIC + settings + "\n")
    done = site.run("check", "-c", "extauth.toml")
    assert done.returncode == 1
    assert f"extauth.toml: [[backend]] number 1, {error}" in done.stderr.decode()
