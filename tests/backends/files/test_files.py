"""Password files through the real program: their formats, who is found in them, which of them serve which domain."""

from __future__ import annotations

import json
import os
import re
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

import extauth
from extauth.backends.files.backend import Files, FilesSettings
from extauth.backends.files.entry import AgingPassword
from extauth.model import Verdict
from extauth.passwords import StoredHash, identify
from extauth.protocol.accounts import AccountParser
from tests.helper import Helper, Site, wait_for_serving
from tests.passwords.stored_passwords import ORACLES, SCHEMES, Store

NEGATIVE = b"ERROR incorrect password"
TEMPORARY = b"ERROR temporary failure"

TODAY = int(time.time() // 86_400)
APOP = b"65f5d217d17f4309ca6f83d347a31d62"
"""printf '<1>pw9' | openssl dgst -md5"""

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
    """One helper for the tables of cases: the three formats, each for a domain of its own."""
    site = Site(tmp_path_factory.mktemp("formats"))
    for name, lines in FILES.items():
        site.write(f"passwd.{name}", b"\n".join(lines))  # the last line has no end
    site.configure(CONFIG)
    helper = site.serve()
    yield helper
    assert helper.end() == 0


@pytest.fixture(scope="module")
def reports(tmp_path_factory: pytest.TempPathFactory) -> list[str]:
    """What `extauth check` says of the same files."""
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
        ("words@shadow.example", b"pw9", "USER_DISABLED", "is to be a number"),
    ],
)
def test_a_refusal_is_the_same_to_the_server_and_has_its_reason_in_the_log(
    formats: Helper, address: str, password: bytes, verdict: str, reason: str
) -> None:
    formats.information.clear()
    assert formats.ask(b"1 VRFY " + address.encode() + b" " + password) == NEGATIVE
    assert reason in formats.wait_for_information(f"verdict={verdict} ")


@pytest.mark.parametrize(
    "address", ["mustchange@shadow.example", "expired@shadow.example", "old@shadow.example", "nologin@dovecot.example"]
)
def test_a_secure_method_is_no_way_around_a_lock(formats: Helper, address: str) -> None:
    assert formats.ask(b"1 SASL(APOP) open@shadow.example " + APOP + b" <1>") == b"OK"
    assert formats.ask(b"1 SASL(APOP) " + address.encode() + b" " + APOP + b" <1>") == NEGATIVE


def test_a_one_way_hash_gives_a_secure_method_the_negative_reply_and_the_log_the_reason(formats: Helper) -> None:
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
    ("plain", b"bad@-plain.example:{PLAIN}pw9", "its domain is no host name"),
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
    ("shadow", b"words:{PLAIN}pw9:soon:0:99999:7:::", "a field that is to be a number is none"),
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


def test_no_report_shows_what_is_stored(site: Site) -> None:
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
def test_the_last_day_of_a_password_is_one_of_its_days_and_the_day_of_expiry_is_none_of_the_accounts(
    entry: AgingPassword, refused: Verdict | None
) -> None:
    found = entry.refusal(today=100)
    assert (found and found.verdict) is refused


def test_many_bad_lines_are_counted_and_not_all_reported(site: Site) -> None:
    site.write("passwd", b"bad\n" * 1000 + b"alice@example.com:{PLAIN}pw9\n")
    site.configure()
    helper = site.serve()
    assert helper.ask(b"1 VRFY alice@example.com pw9") == b"OK"
    assert "980 more lines" in helper.wait_for_information("more lines")
    assert sum("has no colon" in line for line in helper.information) == 20


def test_every_scheme_is_served(site: Site) -> None:
    stored = [store(b"open sesame") for _, store in SCHEMES + ORACLES]
    site.write("passwd", b"".join(b"%d:%s\n" % account for account in enumerate(stored)))
    site.configure()
    helper = site.serve()
    for number in range(len(stored)):
        helper.send(b"%d VRFY %d open sesame" % (number, number), b"%d VRFY %d Open sesame" % (number, number))
    replies = helper.wait_for_replies(2 * len(stored))
    assert sorted(replies) == sorted(b"%d %s" % (n, reply) for n in range(len(stored)) for reply in (b"OK", NEGATIVE))


# --- which file, which domain -------------------------------------------------------------------------


def backend(**keys: object) -> str:
    """A `[[backend]]` of these keys."""
    values = {"type": "files", "path": "passwd"} | keys
    return "[[backend]]\n" + "".join(f"{key} = {json.dumps(value)}\n" for key, value in values.items())


@pytest.mark.parametrize("keys", [{}, {"domains": ["a.example", "b.example"]}])
def test_bare_names_are_warned_of_where_the_backend_serves_several_domains(site: Site, keys: dict[str, object]) -> None:
    site.write("passwd", "one:{PLAIN}x\ntwo:{PLAIN}x\nthree@a.example:{PLAIN}x\n")
    site.configure(backend(**keys))
    helper = site.serve()
    helper.wait_for_information("passwd: 2 names without a domain count in every domain")
    for domain in (b"a.example", b"b.example"):
        assert helper.ask(b"1 VRFY one@" + domain + b" x") == b"OK"
    assert helper.ask(b"1 VRFY three@b.example x") == NEGATIVE


def test_bare_names_are_not_warned_of_where_the_backend_serves_one_domain(site: Site) -> None:
    site.write("passwd", "one:{PLAIN}x\n")
    site.configure(backend(domains=["a.example"]))
    helper = site.serve()
    assert helper.ask(b"1 VRFY one@a.example x") == b"OK"
    assert helper.ask(b"1 VRFY one@b.example x") == NEGATIVE
    assert not any("without a domain" in line for line in helper.information)


@pytest.mark.parametrize(
    "path", ["passwd/{domain}", "passwd/{domain}.users", "passwd/of-{domain}/users", "{domain}.users"]
)
@pytest.mark.parametrize("domains", [None, ["one.example", "xn--bcher-kva.example", "none.example"]])
def test_each_domain_has_its_own_file(site: Site, path: str, domains: list[str] | None) -> None:
    (site.folder / "passwd").mkdir()
    for domain in ("one.example", "xn--bcher-kva.example"):
        lines = f"alice:{{PLAIN}}{domain}\nbob@{domain}:{{PLAIN}}{domain}\ncarol@two.example:{{PLAIN}}x\n"
        site.write(path.format(domain=domain), lines)
    site.configure(backend(path=path) if domains is None else backend(path=path, domains=domains))
    helper = site.serve()
    for name in (b"alice", b"bob"):
        assert helper.ask(b"1 VRFY %s@one.example one.example" % name) == b"OK"
        assert helper.ask("1 VRFY %s@bücher.example xn--bcher-kva.example".encode() % name) == b"OK"
        assert helper.ask(b"1 VRFY %s@one.example xn--bcher-kva.example" % name) == NEGATIVE
    for stranger in (b"carol@two.example", b"alice@none.example", b"alice@..", b"alice@../one.example"):
        assert helper.ask(b"1 VRFY %s x" % stranger) == NEGATIVE
    assert "its domain is not one.example" in helper.wait_for_information("one.example.*, line 3")


def test_what_is_no_domain_in_the_folder_of_the_domains_is_left_alone(site: Site) -> None:
    site.write("passwd/one.example", "alice:{PLAIN}x\n")
    for stray in (b".one.example.swp", b"one.example~", b"\xff.example", b"-.example", b"a b", b"{domain}"):
        Path(os.fsdecode(os.fsencode(site.folder / "passwd") + b"/" + stray)).write_bytes(b"")
    site.configure(backend(path="passwd/{domain}"))
    assert site.session(b"1 VRFY alice@one.example x") == [b"1 OK"]


def test_a_site_lives_in_a_folder_of_any_name(site: Site) -> None:
    folder = Path(os.fsdecode(os.fsencode(site.folder) + b"/caf\xe9 \n{x}"))
    folder.mkdir()
    elsewhere = Site(folder)
    elsewhere.write("passwd", Site.ACCOUNTS)
    elsewhere.configure()
    assert elsewhere.session(b"1 VRFY bob password") == [b"1 OK"]


# --- several backends ---------------------------------------------------------------------------------

TWO = (
    '[log]\nmail_server_level = "Low Level"\n'
    + backend(path="first", name="first")
    + backend(path="second", name="second")
)


@pytest.mark.parametrize(
    ("first", "password", "reply", "verdict", "by"),
    [
        ("{PLAIN}one", b"one", b"OK", "OK", "first"),
        ("{PLAIN}one", b"two", b"OK", "OK", "second"),
        ("{PLAIN}one", b"three", NEGATIVE, "PASSWORD_MISMATCH", "first"),
        ("$unknown$", b"two", b"OK", "OK", "second"),
        ("$unknown$", b"three", NEGATIVE, "PASSWORD_MISMATCH", "second"),
        ("!{PLAIN}one", b"two", NEGATIVE, "USER_DISABLED", "first"),
        (None, b"two", b"OK", "OK", "second"),
        (None, b"three", NEGATIVE, "PASSWORD_MISMATCH", "second"),
    ],
)
def test_backends_are_asked_in_order_until_one_matches_or_one_forbids(
    site: Site, first: str | None, password: bytes, reply: bytes, verdict: str, by: str
) -> None:
    site.write("first", "" if first is None else f"alice@example.com:{first}\n")
    site.write("second", "alice@example.com:{PLAIN}two\n")
    site.configure(TWO)
    helper = site.serve()
    assert helper.ask(b"1 VRFY alice@example.com " + password) == reply
    helper.wait_for_information(f"^account=alice@example.com command=VRFY verdict={verdict} backend={by} ")


def test_a_backend_that_cannot_tell_makes_a_no_temporary_but_not_a_yes(site: Site) -> None:
    site.write("first", "")
    site.write("second", "alice@example.com:{PLAIN}two\nbob@example.com:!\n")
    site.configure(TWO)
    helper = site.serve()
    assert helper.ask(b"1 VRFY alice@example.com three") == NEGATIVE
    (site.folder / "first").unlink()
    helper.wait_for_information("first: No such file or directory")
    wait_for_serving(helper, 2)
    assert helper.ask(b"1 VRFY alice@example.com two") == b"OK"
    assert helper.ask(b"1 VRFY alice@example.com three") == TEMPORARY
    assert helper.ask(b"1 VRFY nobody@example.com three") == TEMPORARY
    assert helper.ask(b"1 VRFY bob@example.com three") == TEMPORARY
    helper.wait_for_information(
        "account=alice@example.com command=VRFY verdict=TEMPORARY_FAILURE backend=first .*No such file"
    )


@pytest.mark.parametrize("store", dict(SCHEMES).values(), ids=dict(SCHEMES))
def test_a_check_that_takes_long_is_left_to_a_thread(site: Site, store: Store) -> None:
    stored = store(b"open sesame")
    path = site.write("passwd", b"bob@example.com:" + stored + b"\n")
    around = extauth.BackendContext("files", None, AccountParser(), deadline=15)
    backend = Files(FilesSettings(path=path), around)
    backend.load()
    found = identify(stored)
    assert isinstance(found, StoredHash)
    account, password = extauth.Account("bob", "example.com"), extauth.Secret(b"open sesame")
    assert backend.verify_fast(account, password) is (Verdict.OK if found.quick else None)
    assert backend.verify_password(account, password) is Verdict.OK
