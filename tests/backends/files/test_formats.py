"""The formats of password files, through the real program: logins, refusals, reports."""

from __future__ import annotations

import re
import time
from collections.abc import Iterator

import pytest

from extauth.backends.files.formats import AgingPassword
from extauth.model import Verdict
from tests.helper import Helper, Site

NEGATIVE = b"ERROR incorrect password"
TODAY = int(time.time() // 86_400)
APOP = b"65f5d217d17f4309ca6f83d347a31d62"
"""The response for the password pw9: printf '<1>pw9' | openssl dgst -md5"""
CONFIG = '[log]\nmail_server_level = "Low Level"\n' + "".join(
    f'[[backend]]\ntype = "files"\nname = "{name}"\nformat = "{name}"\npath = "passwd.{name}"\ndomains = [{domains}]\n'
    for name, domains in (
        ("plain", '"plain.example", "other.example", "bücher.example"'),
        ("dovecot", '"dovecot.example"'),
        ("shadow", '"shadow.example"'),
    )
)
PLAIN = [
    b"\xef\xbb\xbfbom@plain.example:{PLAIN}first",
    b"#comment@plain.example:{PLAIN}pw9",
    b"",
    b"colons@plain.example:{PLAIN}a:b:{SHA}c",
    b"blanks@plain.example:{PLAIN} \tx ",
    b"crlf@plain.example:{PLAIN}pw9\r",
    b"htpasswd:$apr1$saltsalt$yAAkm4libquA.ZWLHbSBq/",
    b"wins:{PLAIN}bare",
    b"wins@plain.example:{PLAIN}full",
    b"Upper@PLAIN.Example.:{PLAIN}pw9",
    "jürgen@bücher.example:{PLAIN}pw9".encode(),
    "\u00c9va@plain.example:{PLAIN}pw9".encode(),
    b"a@b@plain.example:{PLAIN}pw9",
    b"User@plain.example:{PLAIN}pw9",
    b"user@plain.example:{PLAIN}pw9",
    b"USER@plain.example:{PLAIN}pw9",
    "same@bücher.example:{PLAIN}pw9".encode(),
    b"same@xn--bcher-kva.example:{PLAIN}pw9",
    b"Bare:{PLAIN}pw9",
    b"bare:{PLAIN}pw9",
    b"nocolon@plain.example",
    b":{PLAIN}pw9",
    b"@plain.example:{PLAIN}pw9",
    b"nodomain@:{PLAIN}pw9",
    b"bad@-plain.example:{PLAIN}pw9",
    b"con\x01trol@plain.example:{PLAIN}pw9",
    b"con\x01trol:{PLAIN}pw9",
    b"\xe9va@plain.example:{PLAIN}pw9",
    b"nothing@plain.example:",
    b"star@plain.example:*",
    b"locked@plain.example:!{PLAIN}pw9",
    b"elsewhere@plain.example:x",
    b"bareword@plain.example:secret",
    b"unknown@plain.example:$z$abc$def",
    b"named@plain.example:{NAMED}pw9",
    b"malformed@plain.example:{SHA}abc",
    b"rounds@plain.example:$6$rounds=999999999$saltsalt$" + b"a" * 86,
    b"bcrypt31@plain.example:$2b$31$abcdefghijklmnopqrstuuhKF09ZYWwH2zP/0fwE1X8e/Q1YNx/hO",
    b"pbkdf2@plain.example:$pbkdf2-sha256$4294967296$c2FsdHNhbHQ$" + b"a" * 43,
    b"bcrypt@plain.example:$2b$04$abcdefghijklmnopqrstuu",
    b"last@plain.example:{PLAIN}pw9",
]
DOVECOT = [
    b"whole@dovecot.example:{PLAIN}pw9:1000:1000::/home/whole:/bin/sh:userdb_mail=mbox:~/mail userdb_x=*:1G",
    b"short@dovecot.example:{PLAIN}pw9",
    b"empty@dovecot.example:{PLAIN}pw9::::::",
    b"crypt@dovecot.example:abJnggxhB/yWI",
    b"nets@dovecot.example:{PLAIN}pw9::::::allow_nets=192.0.2.0/24",
    b"nologin@dovecot.example:{PLAIN}pw9::::::userdb_mail=x nologin",
    b"anything@dovecot.example:{PLAIN}pw9::::::nopassword=y",
    b"Upper@dovecot.example:{PLAIN}pw9::::::ALLOW_NETS=192.0.2.0/24",
    b"locked@dovecot.example:!:1000:1000::/home/locked:/bin/sh:",
    b"nocolon@dovecot.example",
    b"nets@dovecot.example:{PLAIN}pw9",
]
SHADOW = [
    b"open:{PLAIN}pw9:19000:0:99999:7:::",
    b"crypt:$6$saltsalt$qFmFH.bQmmtXzyBY0s9v7Oicd2z4XSIecDzlB5KiA2/jctKu9YterLp8wwnSq.qc.eoxqOmSuNp2xS0ktL3nh/:19000::::::",
    b"sparse:{PLAIN}pw9:::::::",
    b"future:{PLAIN}pw9:19000:0:99999:7::%d:" % (TODAY + 2),
    b"young:{PLAIN}pw9:%d:0:30:7:::" % (TODAY - 28),
    b"old:{PLAIN}pw9:%d:0:30:7:::" % (TODAY - 32),
    b"mustchange:{PLAIN}pw9:0:0:99999:7:::",
    b"expired:{PLAIN}pw9:19000:0:99999:7::%d:" % (TODAY - 2),
    b"expired1970:{PLAIN}pw9:19000:0:99999:7::0:",
    b"locked:!{PLAIN}pw9:19000:0:99999:7:::",
    b"star:*:19000:0:99999:7:::",
    b"nopassword::19000:0:99999:7:::",
    b"few:{PLAIN}pw9:19000:0:99999:7:",
    b"words:{PLAIN}pw9:soon:0:99999:7:::",
]
FILES = {"plain": PLAIN, "dovecot": DOVECOT, "shadow": SHADOW}


@pytest.fixture(scope="module")
def formats(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Helper]:
    """One helper for all cases. Each of the three formats has its own domain."""
    site = Site(tmp_path_factory.mktemp("formats"))
    for name, lines in FILES.items():
        site.write(f"passwd.{name}", b"\n".join(lines))  # the last line has no line end
    site.configure(CONFIG)
    helper = site.serve()
    yield helper
    assert helper.end() == 0


@pytest.fixture(scope="module")
def reports(tmp_path_factory: pytest.TempPathFactory) -> list[str]:
    """The output of `extauth check` for the same files."""
    site = Site(tmp_path_factory.mktemp("reports"))
    for name, lines in FILES.items():
        site.write(f"passwd.{name}", b"\n".join(lines))
    site.configure(CONFIG)
    checked = site.run("check", "-c", str(site.config))
    assert checked.returncode == 0
    return checked.stdout.decode().splitlines()


@pytest.mark.parametrize(
    ("address", "password"),
    [
        ("bom@plain.example", b"first"),
        ("colons@plain.example", b"a:b:{SHA}c"),
        ("blanks@plain.example", b" \tx "),
        ("crlf@plain.example", b"pw9"),
        ("htpasswd@plain.example", b"password"),
        ("htpasswd@other.example", b"password"),
        ("wins@plain.example", b"full"),
        ("wins@other.example", b"bare"),
        ("upper@plain.example", b"pw9"),
        ("UPPER@PLAIN.EXAMPLE", b"pw9"),
        ("jürgen@bücher.example", b"pw9"),
        ("jürgen@XN--BCHER-KVA.example", b"pw9"),
        ("\u00c9va@plain.example", b"pw9"),
        ("a@b@plain.example", b"pw9"),
        ("last@plain.example", b"pw9"),
        ("whole@dovecot.example", b"pw9"),
        ("short@dovecot.example", b"pw9"),
        ("empty@dovecot.example", b"pw9"),
        ("crypt@dovecot.example", b"password"),
        ("open@shadow.example", b"pw9"),
        ("crypt@shadow.example", b"password"),
        ("sparse@shadow.example", b"pw9"),
        ("future@shadow.example", b"pw9"),
        ("young@shadow.example", b"pw9"),
    ],
)
def test_an_account_logs_in_by_its_own_password_only(formats: Helper, address: str, password: bytes) -> None:
    request = b"1 VRFY " + address.encode() + b" "
    assert formats.ask(request + password) == b"OK"
    assert formats.ask(request + b"y" + password) == NEGATIVE


@pytest.mark.parametrize(
    ("address", "password", "verdict", "reason"),
    [
        ("wins@plain.example", b"bare", "PASSWORD_MISMATCH", ""),
        ("open@plain.example", b"pw9", "USER_UNKNOWN", ""),
        ("wins@dovecot.example", b"bare", "USER_UNKNOWN", ""),
        ("\u00e9va@plain.example", b"pw9", "USER_UNKNOWN", ""),
        ("#comment@plain.example", b"pw9", "USER_UNKNOWN", ""),
        ("nocolon@plain.example", b"pw9", "USER_UNKNOWN", ""),
        ("user@plain.example", b"pw9", "USER_DISABLED", "several lines"),
        ("same@bücher.example", b"pw9", "USER_DISABLED", "several lines"),
        ("bare@other.example", b"pw9", "USER_DISABLED", "several lines"),
        ("nothing@plain.example", b"pw9", "USER_DISABLED", "locked or empty"),
        ("star@plain.example", b"*", "USER_DISABLED", "locked or empty"),
        ("locked@plain.example", b"pw9", "USER_DISABLED", "locked or empty"),
        ("elsewhere@plain.example", b"pw9", "USER_DISABLED", "locked or empty"),
        ("bareword@plain.example", b"secret", "SCHEME_NOT_AVAILABLE", "unknown scheme"),
        ("unknown@plain.example", b"pw9", "SCHEME_NOT_AVAILABLE", "unknown scheme"),
        ("named@plain.example", b"pw9", "SCHEME_NOT_AVAILABLE", "unknown scheme"),
        ("malformed@plain.example", b"pw9", "SCHEME_NOT_AVAILABLE", "stored SHA"),
        ("rounds@plain.example", b"pw9", "SCHEME_NOT_AVAILABLE", "cost limit"),
        ("bcrypt31@plain.example", b"pw9", "SCHEME_NOT_AVAILABLE", "cost limit"),
        ("pbkdf2@plain.example", b"pw9", "SCHEME_NOT_AVAILABLE", "cost limit"),
        ("bcrypt@plain.example", b"pw9", "SCHEME_NOT_AVAILABLE", "stored BLF-CRYPT"),
        ("nets@dovecot.example", b"pw9", "USER_DISABLED", "several lines"),
        ("nologin@dovecot.example", b"pw9", "USER_DISABLED", "extra field nologin"),
        ("anything@dovecot.example", b"pw9", "USER_DISABLED", "extra field nopassword"),
        ("upper@dovecot.example", b"pw9", "USER_DISABLED", "extra field allow_nets"),
        ("locked@dovecot.example", b"pw9", "USER_DISABLED", "locked or empty"),
        ("old@shadow.example", b"pw9", "PASSWORD_EXPIRED", "the password has expired"),
        ("mustchange@shadow.example", b"pw9", "PASSWORD_EXPIRED", "must be changed"),
        ("expired@shadow.example", b"pw9", "USER_DISABLED", "the account has expired"),
        ("expired1970@shadow.example", b"pw9", "USER_DISABLED", "the account has expired"),
        ("locked@shadow.example", b"pw9", "USER_DISABLED", "locked or empty"),
        ("star@shadow.example", b"*", "USER_DISABLED", "locked or empty"),
        ("nopassword@shadow.example", b"pw9", "USER_DISABLED", "locked or empty"),
        ("few@shadow.example", b"pw9", "USER_DISABLED", "has 7 fields, not 9"),
        ("words@shadow.example", b"pw9", "USER_DISABLED", "must be a number"),
    ],
)
def test_a_refusal_has_its_reason_in_the_log_only(
    formats: Helper, address: str, password: bytes, verdict: str, reason: str
) -> None:
    formats.information.clear()
    assert formats.ask(b"1 VRFY " + address.encode() + b" " + password) == NEGATIVE
    assert reason in formats.wait_for_information(f"verdict={verdict} ")


@pytest.mark.parametrize(
    "address", ["mustchange@shadow.example", "expired@shadow.example", "old@shadow.example", "nologin@dovecot.example"]
)
def test_a_locked_account_is_refused_by_mechanisms_too(formats: Helper, address: str) -> None:
    assert formats.ask(b"1 SASL(APOP) open@shadow.example " + APOP + b" <1>") == b"OK"
    assert formats.ask(b"1 SASL(APOP) " + address.encode() + b" " + APOP + b" <1>") == NEGATIVE


def test_a_one_way_hash_is_refused_for_mechanisms(formats: Helper) -> None:
    formats.information.clear()
    assert formats.ask(b"1 SASL(APOP) htpasswd@plain.example " + APOP + b" <1>") == NEGATIVE
    assert "stored one-way" in formats.wait_for_information("verdict=SCHEME_NOT_AVAILABLE")


BAD = [
    (
        "plain",
        b"user@plain.example:{PLAIN}pw9",
        "user@plain.example has another line before this one: both are disabled",
    ),
    (
        "plain",
        b"USER@plain.example:{PLAIN}pw9",
        "user@plain.example has another line before this one: both are disabled",
    ),
    ("plain", b"same@xn--bcher-kva.example:{PLAIN}pw9", "same@xn--bcher-kva.example has another line before this one"),
    ("plain", b"bare:{PLAIN}pw9", "bare has another line before this one"),
    ("plain", b"nocolon@plain.example", "has no colon"),
    ("plain", b":{PLAIN}pw9", "has no name"),
    ("plain", b"@plain.example:{PLAIN}pw9", "an empty name or domain"),
    ("plain", b"nodomain@:{PLAIN}pw9", "an empty name or domain"),
    ("plain", b"bad@-plain.example:{PLAIN}pw9", "its domain is not a host name"),
    ("plain", b"con\x01trol@plain.example:{PLAIN}pw9", "a control character"),
    ("plain", b"con\x01trol:{PLAIN}pw9", "a control character"),
    ("plain", b"\xe9va@plain.example:{PLAIN}pw9", "the name is not UTF-8"),
    ("plain", b"bareword@plain.example:secret", "unknown scheme"),
    ("plain", b"unknown@plain.example:$z$abc$def", "unknown scheme"),
    ("plain", b"named@plain.example:{NAMED}pw9", "unknown scheme"),
    ("plain", b"malformed@plain.example:{SHA}abc", "stored SHA password"),
    ("plain", PLAIN[-5], "cost limit"),
    ("plain", PLAIN[-4], "cost limit"),
    ("plain", PLAIN[-3], "cost limit"),
    ("plain", PLAIN[-2], "stored BLF-CRYPT password: malformed"),
    ("dovecot", b"nets@dovecot.example:{PLAIN}pw9::::::allow_nets=192.0.2.0/24", "extra field allow_nets"),
    ("dovecot", b"nologin@dovecot.example:{PLAIN}pw9::::::userdb_mail=x nologin", "extra field nologin"),
    ("dovecot", b"anything@dovecot.example:{PLAIN}pw9::::::nopassword=y", "extra field nopassword"),
    ("dovecot", b"Upper@dovecot.example:{PLAIN}pw9::::::ALLOW_NETS=192.0.2.0/24", "extra field allow_nets"),
    ("dovecot", b"nets@dovecot.example:{PLAIN}pw9", "has another line before this one"),
    ("dovecot", b"nocolon@dovecot.example", "has no colon"),
    ("shadow", b"few:{PLAIN}pw9:19000:0:99999:7:", "has 7 fields, not 9"),
    ("shadow", b"words:{PLAIN}pw9:soon:0:99999:7:::", "a field that must be a number is not a number"),
]


@pytest.mark.parametrize(("name", "line", "problem"), BAD)
def test_a_bad_line_is_reported_by_its_number_and_reason(
    reports: list[str], name: str, line: bytes, problem: str
) -> None:
    number = FILES[name].index(line) + 1
    reported = [report for report in reports if f"passwd.{name}, line {number}: " in report]
    assert len(reported) == 1
    assert problem in reported[0]


def test_good_lines_and_locked_accounts_are_not_reported(reports: list[str]) -> None:
    reported = {match[1] for report in reports if (match := re.search(r"passwd\.(\w+, line \d+): ", report))}
    assert reported == {f"{name}, line {FILES[name].index(line) + 1}" for name, line, _ in BAD}


def test_reports_never_show_a_stored_password(site: Site) -> None:
    site.write(
        "plain", b"SESAM\n:SESAM\na@-b:SESAM\na@b.c:SESAM\na@b.c:{SESAM}\nb@b.c:$SESAM$a\n\xff:SESAM\nx@:SESAM\n"
    )
    site.write("dovecot", b"SESAM\na@b.c:SESAM\nb@b.c:{PLAIN}a:b:c:d:e:f:g:SESAM\nc@b.c:{PLAIN}a b:c:d:e:f:g:i SESAM\n")
    site.write("shadow", b"SESAM\na:SESAM\nb:SESAM:SESAM:SESAM:::::\nc:{PLAIN}a:SESAM:::::::\n")
    site.configure(
        "".join(f'[[backend]]\ntype = "files"\npath = "{name}"\nformat = "{name}"\n' for name in FILES)
        + '[log]\nmail_server_level = "All Info"\n'
    )
    helper = site.serve()
    helper.wait_for_information("serving")
    for name in (b"a", b"b", b"c", b"x"):
        assert helper.ask(b"1 VRFY " + name + b"@b.c other") == NEGATIVE
    assert helper.end() == 0
    assert "sesam" not in "\n".join(helper.information).lower()


@pytest.mark.parametrize(
    ("entry", "refused"),
    [
        (AgingPassword(b"", last_day=100), None),
        (AgingPassword(b"", last_day=99), Verdict.PASSWORD_EXPIRED),
        (AgingPassword(b"", expires=101), None),
        (AgingPassword(b"", expires=100), Verdict.USER_DISABLED),
        (AgingPassword(b"", last_day=99, expires=100), Verdict.USER_DISABLED),
    ],
)
def test_the_last_day_counts_and_the_expiry_day_does_not(entry: AgingPassword, refused: Verdict | None) -> None:
    found = entry.refusal(today=100)
    assert (found and found.verdict) is refused
