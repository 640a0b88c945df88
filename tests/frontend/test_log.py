"""The log of the running helper: levels, destinations, and the line of a verdict."""

from __future__ import annotations

import os
import re
from collections.abc import Iterator

import pytest

from tests.helper import Helper, Site, clean_exit, wait_until
from tests.plugins import ScriptedSite, bobs_request, scripted_request

FILES = '[[backend]]\ntype = "files"\npath = "passwd"\n'


ACCOUNTS = Site.ACCOUNTS + "disabled@example.com:!\nexpired@example.com:{UNKNOWN}\nbad\n"


REQUESTS = [
    b"1 VRFY bob@example.com password",
    b"2 VRFY (IMAP) bob@example.com no",
    b"3 SASL(APOP) (POP) bob@example.com 00 <1>",
    b"4 VRFY nobody@example.com no",
    b"5 VRFY bob",
    b"",
]


def serve(site: Site, log: str, accounts: str = ACCOUNTS) -> Helper:
    """Start a helper with these lines in `[log]`."""
    site.write("passwd", accounts)
    site.configure(f"[log]\n{log}\n{FILES}")
    return site.serve()


RECORDS = {
    "Failures": [],
    "Major & Failures": ["^extauth .* starts", "^serving with"],
    "Problems": ["passwd, line 5: has no colon", "request 5 refused: malformed request", "verdict=PASSWORD_MISMATCH"],
    "Low Level": ["passwd: 4 accounts", "verdict=OK"],
}
"""Patterns of the records of each level. Higher levels do not write them."""


@pytest.mark.parametrize("level", ["Crashes Only", *RECORDS, "All Info"])
def test_record_is_written_at_its_level_and_below(site: Site, level: str) -> None:
    helper = serve(site, f'mail_server_level = "{level}"\nlevel = "{level}"\nfile = "log"')
    helper.send(*REQUESTS)
    assert helper.end() == 0
    written = (site.folder / "log").read_text().splitlines() if (site.folder / "log").exists() else []
    levels = list(RECORDS)
    expected = levels[: levels.index(level) + 1] if level in levels else levels if level == "All Info" else []
    for name, patterns in RECORDS.items():
        for pattern in patterns:
            sent = [line for line in helper.information if re.search(pattern, line)]
            in_file = [line for line in written if re.search(pattern.removeprefix("^"), line)]
            assert bool(sent) is bool(in_file) is (name in expected), pattern
    assert "a line without a sequence number was ignored" in helper.information  # at every level


def test_mail_server_log_and_file_have_separate_levels(site: Site) -> None:
    helper = serve(site, 'mail_server_level = "Failures"\nlevel = "All Info"\nfile = "log"')
    helper.send(*REQUESTS[:-1])
    assert helper.end() == 0
    assert helper.information == []
    lines = (site.folder / "log").read_text().splitlines()
    stamp = rf"^\d{{4}}-\d\d-\d\dT\d\d:\d\d:\d\d[+-]\d{{4}} \[{helper.process.pid}\] "
    assert all(re.match(stamp, line) for line in lines)
    assert (
        sum(bool(re.match(stamp + "Low Level: account=bob@example.com command=VRFY verdict=OK", x)) for x in lines) == 1
    )
    assert sum("verdict=" in line for line in lines) == 4


def test_log_file_is_appended_and_not_world_readable(site: Site) -> None:
    log = site.write("log", "before\n", 0o600)
    helper = serve(site, 'file = "log"')
    assert helper.end() == 0
    assert log.read_text().startswith("before\n")
    log.unlink()
    assert serve(site, 'file = "log"').end() == 0
    assert log.stat().st_mode & 0o137 == 0


@pytest.mark.parametrize("name", ["none/log", "passwd/log", ".", "fifo"])
def test_unwritable_log_is_reported_once_and_by_check(site: Site, name: str) -> None:
    os.mkfifo(site.folder / "fifo")
    helper = serve(site, f'file = "{name}"')
    for _ in range(3):
        assert helper.ask(b"1 VRFY bob@example.com password") == b"OK"
    helper.wait_for_information("cannot write the log")
    assert sum(f"cannot write the log: log.file = {site.folder}" in line for line in helper.information) == 1
    with clean_exit(helper):
        helper.close()
    warnings = site.run("check", "-c", str(site.config)).stdout.decode()
    assert f"{site.config}: log.file = {site.folder}/{name}".removesuffix("/.") in warnings


def test_unwritable_log_does_not_stop_replies(scripted: ScriptedSite) -> None:
    helper = scripted.serve(sections='[log]\nfile = "/dev/full"')
    for number in range(20):
        assert helper.ask(bobs_request(number)) == b"OK"
        assert helper.ask(scripted_request(number, "no")) == b"ERROR incorrect password"
    helper.wait_for_information("cannot write the log")
    with clean_exit(helper):
        helper.close()
    assert sum("cannot write the log" in line for line in helper.information) == 1


@pytest.mark.parametrize(
    ("request_", "line"),
    [
        (b"VRFY bob@example.com password", "account=bob@example.com command=VRFY verdict=OK backend=files time=T"),
        (
            b"VRFY (IMAP) Bob@EXAMPLE.com no",
            "account=bob@example.com mode=IMAP command=VRFY verdict=PASSWORD_MISMATCH backend=files time=T",
        ),
        (
            b"VRFY (SMTP) bob@example.com ",
            "account=bob@example.com mode=SMTP command=VRFY verdict=PASSWORD_MISMATCH time=T "
            'reason="the password is empty"',
        ),
        (b"VRFY x@example.com wrong", "account=x@example.com command=VRFY verdict=USER_UNKNOWN backend=files time=T"),
        (
            b"VRFY bob@other.example wrong",
            'account=bob@other.example command=VRFY verdict=USER_UNKNOWN time=T reason="no backend serves this domain"',
        ),
        (
            b"VRFY bob@-other.example wrong",
            "account=bob@-other.example command=VRFY verdict=USER_UNKNOWN time=T "
            'reason="the domain is not a host name"',
        ),
        (
            b"VRFY disabled@example.com wrong",
            "account=disabled@example.com command=VRFY verdict=USER_DISABLED backend=files time=T "
            'reason="stored password: locked or empty"',
        ),
        (
            b"VRFY expired@example.com wrong",
            "account=expired@example.com command=VRFY verdict=SCHEME_NOT_AVAILABLE backend=files time=T "
            'reason="stored password: unknown scheme"',
        ),
        (
            b"SASL(APOP) (POP) bob@example.com 00 <1>",
            "account=bob@example.com mode=POP command=SASL mechanism=APOP verdict=SCHEME_NOT_AVAILABLE "
            'backend=files time=T reason="SHA is stored one-way"',
        ),
        (
            'VRFY (M"=\x1b[2J) é\u2028mode=X@example.com wrong'.encode(),
            'account="é mode=x@example.com" mode="M\\"=\\u001b[2J" command=VRFY verdict=USER_UNKNOWN '
            "backend=files time=T",
        ),
        (
            b"VRFY " + b"x" * 5000 + b"@example.com wrong",
            f"account={'x' * 256}... command=VRFY verdict=USER_UNKNOWN backend=files time=T",
        ),
    ],
)
def test_verdict_is_logged_as_one_line(every_verdict_logged: Helper, request_: bytes, line: str) -> None:
    every_verdict_logged.information.clear()
    every_verdict_logged.ask(b"1 " + request_)
    assert every_verdict_logged.ask(b"2 VRFY fence@example.com wrong")
    every_verdict_logged.wait_for_information("^account=fence@")
    written = [re.sub(r"time=\d+\.\d{6} seq=1\b", "time=T", text) for text in every_verdict_logged.information[:-1]]
    assert written == [line]


@pytest.mark.parametrize(
    ("request_", "why"),
    [
        (b"VRFY bob@example.com", "it has no password"),
        (b"VRFY bob SESAM", "the account has no domain, and default_domain is not set"),
        (b"VRFY @example.com SESAM", "the account has an empty name or domain"),
        (b"VRFY b\xffb@example.com SESAM", "it has an account or a mode that is not UTF-8"),
        (b"VRFY b\x01b@example.com SESAM", "the account has a control character"),
        (b"VRFY  SESAM", "it has no account"),
        (b"VRFY bob@example.com SES\0AM", "it has a NUL, CR or LF"),
        (b"SASL bob@example.com SESAM <1>", "it has no mechanism"),
        (b"SASL(APOP) bob@example.com SESAM", "it has no response or no challenge"),
        (b"INTF SESAM", "it has a version that is not a decimal number"),
        (b"QUIT SESAM", "it has a field after QUIT"),
        (b"VRFY bob@example.com " + b"SESAM" * 100_000, "the line is too long"),
    ],
)
def test_record_says_why_a_request_is_malformed(every_verdict_logged: Helper, request_: bytes, why: str) -> None:
    assert every_verdict_logged.ask(b"why VRFY fence@example.com wrong")
    every_verdict_logged.information.clear()
    assert every_verdict_logged.ask(b"1 " + request_) == b"ERROR malformed request"
    every_verdict_logged.wait_for_information("refused")
    assert every_verdict_logged.information == [f"request 1 refused: malformed request: {why}"]


@pytest.fixture(scope="module")
def every_verdict_logged(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Helper]:
    """A helper that logs every verdict."""
    site = Site(tmp_path_factory.mktemp("every_verdict_logged"))
    site.write("passwd", ACCOUNTS)
    site.configure(f'[log]\nmail_server_level = "All Info"\n{FILES}domains = ["example.com"]\n')
    helper = site.serve()
    helper.wait_for_information("serving")
    yield helper
    assert helper.end() == 0


def test_temporary_failure_is_logged_with_its_reason(site: Site) -> None:
    helper = serve(site, 'mail_server_level = "Failures"')
    assert helper.ask(b"1 VRFY bob@example.com password") == b"OK"
    (site.folder / "passwd").unlink()
    helper.wait_for_information("^files: .*passwd: No such file")
    wait_until(lambda: helper.ask(b"1 VRFY bob@example.com password") != b"OK", "the reload")
    line = helper.wait_for_information("verdict=TEMPORARY_FAILURE")
    assert re.fullmatch(
        r"account=bob@example.com command=VRFY verdict=TEMPORARY_FAILURE backend=files time=\d+\.\d{6} seq=1 "
        'reason="[^"]*passwd: No such file or directory"',
        line,
    )
