"""Stored passwords: what other programs write is understood, and nothing else is."""

from __future__ import annotations

import base64
import ctypes
import random
import re
import subprocess
import sys
import threading
from concurrent.futures import ThreadPoolExecutor

import pytest
from hypothesis import given
from hypothesis import strategies as st

from extauth.mechanisms.credentials import CramMd5Context
from extauth.model import Secret, Verdict, VerdictResult
from extauth.passwords import (
    MAKEABLE,
    StoredHash,
    identify,
    known_scheme,
    libcrypt,
    make_hash,
    recognize,
    schemes,
)
from extauth.passwords.recognize import _pattern
from tests.passwords.stored_passwords import (
    CUT,
    ORACLES,
    SCHEMES,
    Store,
    doveadm,
    htpasswd,
    mkpasswd,
    openssl,
    slappasswd,
)

PASSWORDS = {
    "ascii": b"correct horse",
    "utf-8": "pässwörd für 10 €".encode(),
    "73-bytes": b"0123456789abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ+-*/.,;:!?=",
}
PASSWORD = PASSWORDS["ascii"]
SALT22 = b"abcdefghijklmnopqrstu."
TEXT43 = b"A" * 43
TEXT86 = b"A" * 86


def identified(stored: bytes, default_scheme: str = "") -> StoredHash:
    known = identify(stored, default_scheme)
    assert isinstance(known, StoredHash), known
    return known


def refused(stored: bytes, default_scheme: str = "") -> VerdictResult:
    known = identify(stored, default_scheme)
    assert isinstance(known, VerdictResult), known
    return known


def verdict(stored: bytes, password: bytes, default_scheme: str = "") -> Verdict:
    return identified(stored, default_scheme).verify(Secret(password))


# --- what other programs write ------------------------------------------------------------------------


@pytest.mark.parametrize("password", PASSWORDS.values(), ids=PASSWORDS.keys())
@pytest.mark.parametrize(("id_", "store"), SCHEMES + ORACLES, ids=[id_ for id_, _ in SCHEMES + ORACLES])
def test_what_another_program_stored_takes_its_password_and_no_other(id_: str, store: Store, password: bytes) -> None:
    known = identified(store(password))
    counted = password[: CUT.get(id_)]
    assert known.verify(Secret(password)) is Verdict.OK
    assert known.verify(Secret(counted[:-1] + b"~")) is Verdict.PASSWORD_MISMATCH
    if counted == password:
        assert known.verify(Secret(password + b"~")) is Verdict.PASSWORD_MISMATCH
    assert known.verify(Secret(password + b"\0")) is Verdict.PASSWORD_MISMATCH
    assert known.verify(Secret(counted + b"\0~")) is Verdict.PASSWORD_MISMATCH


@pytest.mark.parametrize("id_", CUT)
def test_bcrypt_and_des_ignore_what_follows_the_bytes_that_count(id_: str) -> None:
    password = PASSWORDS["73-bytes"]
    known = identified(dict(SCHEMES)[id_](password))
    assert known.verify(Secret(password[: CUT[id_]])) is Verdict.OK
    assert known.verify(Secret(password[: CUT[id_]] + 1000 * b"~")) is (
        Verdict.OK if CUT[id_] == 72 else Verdict.PASSWORD_MISMATCH  # over what crypt(3) takes at all
    )


@pytest.mark.parametrize(
    "store",
    [mkpasswd("sha512crypt", "-R", "1000"), mkpasswd("yescrypt", "-R", "1"), openssl("-1"), htpasswd("-m")],
    ids=["sha512crypt", "yescrypt", "md5crypt", "apr1"],
)
def test_a_password_longer_than_crypt_takes_is_a_mismatch(store: Store) -> None:
    assert verdict(store(b"a" * 200), b"a" * 4097) is Verdict.PASSWORD_MISMATCH


@pytest.mark.parametrize(
    "store",
    [dict(ORACLES)["argon2-cffi-argon2d"], doveadm("SSHA"), doveadm("PLAIN")],
    ids=["argon2d", "SSHA", "PLAIN"],
)
def test_a_password_of_4097_bytes_is_checked_whole_where_the_scheme_has_no_limit(store: Store) -> None:
    known = identified(store(b"a" * 4097))
    assert known.verify(Secret(b"a" * 4097)) is Verdict.OK
    assert known.verify(Secret(b"a" * 4096 + b"b")) is Verdict.PASSWORD_MISMATCH


def test_the_prefix_may_be_in_any_case() -> None:
    stored = doveadm("SSHA")(PASSWORD)
    assert verdict(stored.replace(b"{SSHA}", b"{sShA}"), PASSWORD) is Verdict.OK


WITHOUT_LIBCRYPT = {
    "bcrypt": mkpasswd("bcrypt", "-R", "4"),
    "bcrypt-y": htpasswd("-B", "-C", "4"),
    "sha512": mkpasswd("sha512crypt", "-R", "1000"),
    "sha256": openssl("-5"),
    "md5": openssl("-1"),
    "des": doveadm("DES-CRYPT"),
    "bigcrypt": slappasswd("{CRYPT}"),
}


def take_libcrypt_away(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(libcrypt, "_crypt_r", lambda: None)
    monkeypatch.setattr(libcrypt, "_own", threading.local())


@pytest.mark.parametrize("store", WITHOUT_LIBCRYPT.values(), ids=WITHOUT_LIBCRYPT.keys())
@pytest.mark.parametrize("password", PASSWORDS.values(), ids=PASSWORDS.keys())
def test_without_libcrypt_passlib_checks(monkeypatch: pytest.MonkeyPatch, store: Store, password: bytes) -> None:
    stored = store(password)
    take_libcrypt_away(monkeypatch)
    assert verdict(stored, password) is Verdict.OK
    assert verdict(stored, b"~" + password) is Verdict.PASSWORD_MISMATCH
    assert verdict(stored, password[:7] + b"\0" + password[7:]) is Verdict.PASSWORD_MISMATCH


def test_without_libcrypt_yescrypt_is_not_available(monkeypatch: pytest.MonkeyPatch) -> None:
    stored = mkpasswd("yescrypt", "-R", "1")(PASSWORD)
    take_libcrypt_away(monkeypatch)
    assert verdict(stored, PASSWORD) is Verdict.SCHEME_NOT_AVAILABLE
    with pytest.raises(ValueError, match="libcrypt"):
        make_hash(Secret(PASSWORD), "YESCRYPT")


def test_crypt_works_in_memory_that_begins_where_a_page_does(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(libcrypt, "_own", threading.local())
    libcrypt.crypt(b"pw", b"$1$a$")
    assert ctypes.addressof(libcrypt._own.way[1]) % 4096 == 0


@pytest.mark.parametrize(("password", "setting"), [("pw", b"$1$a$"), (b"pw", "$1$a$"), (5, b"$1$a$"), (b"pw", None)])
def test_crypt_takes_nothing_but_bytes(password: bytes, setting: bytes) -> None:
    with pytest.raises(TypeError):
        libcrypt.crypt(password, setting)


def test_many_threads_check_different_crypt_passwords_at_once() -> None:
    entries = [(password, openssl("-1")(password)) for password in (b"p%d" % number for number in range(8))]

    def check(number: int) -> bool:
        password, stored = entries[number % 8]
        return verdict(stored, password) is Verdict.OK and verdict(stored, b"~") is Verdict.PASSWORD_MISMATCH

    with ThreadPoolExecutor(8) as threads:
        assert all(threads.map(check, range(400)))


NO_MEMORY = """
import resource, sys
from extauth.errors import BackendUnavailable
from extauth.passwords import identify
from extauth.model import Secret
resource.setrlimit(resource.RLIMIT_AS, (400 << 20, 400 << 20))
try:
    identify(sys.stdin.buffer.read()).verify(Secret(b"any"))
except BackendUnavailable as error:
    print(error)
"""


@pytest.mark.parametrize(
    "stored",
    [
        b"$argon2id$v=19$m=1048576,t=1,p=1$" + b"A" * 22 + b"$" + TEXT43,
        b"$scrypt$ln=20,r=8,p=1$" + b"A" * 22 + b"$" + TEXT43,
        b"$y$jFT$abcd$" + TEXT43,
        b"$7$GU..../....abcd$" + TEXT43,
    ],
    ids=["argon2", "scrypt", "yescrypt", "crypt-scrypt"],
)
def test_a_lack_of_memory_is_no_wrong_password(stored: bytes) -> None:
    run = subprocess.run([sys.executable, "-c", NO_MEMORY], input=stored, capture_output=True, check=True, timeout=30)
    assert b"no memory" in run.stdout


# --- what cannot serve --------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "stored",
    b" * ! !! !$6$abc !any x {CRYPT} {CRYPT}! {CRYPT}* {CRYPT}x {crypt}!$6$abc {SSHA}! {SHA256.HEX}* {SHA}"
    b" {PLAIN} {CLEAR} {CLEARTEXT} {PLAIN.B64} {plain.hex}".split(b" "),
)
@pytest.mark.parametrize("default_scheme", ["", "PLAIN", "DES-CRYPT"])
def test_a_locked_or_empty_entry_is_a_disabled_user(stored: bytes, default_scheme: str) -> None:
    assert refused(stored, default_scheme).verdict is Verdict.USER_DISABLED


MALFORMED = [
    b"{CRAM-MD5}word",
    b"{CRAM-MD5}" + b"a" * 62,
    b"{CRAM-MD5}" + b"a" * 66,
    b"{CRAM-MD5.HEX}" + b"a" * 63,
    b"{SHA}" + b"A" * 27,
    b"{SHA}" + b"A" * 28,
    b"{SHA}" + b"A" * 26 + b"=\n",
    b"{SHA}" + b"g" * 40,
    b"{SHA} " + b"A" * 27 + b"=",
    b"{SHA256}" + b"A" * 27 + b"=",
    b"{SSHA}" + b"A" * 27 + b"=",
    b"{SSHA}" + b"a" * 39,
    b"{SSHA}" + b"A" * 32 + b"\n",
    b"{MD5}$1$salt$short",
    b"{MD5}" + b"A" * 32 + b"A",
    b"{MD5.HEX}" + b"A" * 31,
    b"{CRYPT}word",
    b"{CRYPT}" + b"a" * 12,
    b"{CRYPT}" + b"a" * 14,
    b"{CRYPT}" + b"." * 25,
    b"{DES-CRYPT}" + b"." * 24,
    b"{CRYPT}:" + b"a" * 12,
    b"{CRYPT}" + b"a" * 12 + b"b",
    b"{CRYPT}_J9..YJUu5X2VJWPQYZo",
    b"{CRYPT}$md5$abcd$$" + b"A" * 22,
    b"{CRYPT}{SHA}" + b"A" * 27 + b"=",
    b"{BLF-CRYPT}$6$abcd$" + TEXT86,
    b"{SHA512-CRYPT}$5$abcd$" + TEXT43,
    b"{ARGON2I}$argon2id$v=19$m=64,t=1,p=1$" + b"A" * 22 + b"$" + TEXT43,
    b"{ARGON2ID}$argon2i$v=19$m=64,t=1,p=1$" + b"A" * 22 + b"$" + TEXT43,
    b"{PBKDF2}1000$salt",
    b"{PBKDF2}$1$salt$1000$abcd",
    b"{PBKDF2}$1$salt$0$" + b"a" * 40,
    b"$1$saltsalt9$" + b"A" * 22,
    b"$1$salt$" + b"A" * 22 + b"\n",
    b"$1$salt$" + b"A" * 22 + b"\0",
    b"$apr1$salt$" + b"A" * 23,
    b"$5$abcd$" + b"A" * 42,
    b"$6$" + TEXT86,
    b"$6$\xff",
    b"$6$rounds=999$abcd$" + TEXT86,
    b"$6$rounds=999999999$" + TEXT86,
    b"$5$rounds=999999999$" + TEXT43,
    b"$6$rounds=1000$rounds=9$" + TEXT86,
    b"$6$rounds=01000$abcd$" + TEXT86,
    b"$6$ro:nds$" + TEXT86,
    b"$2b$4$" + SALT22 + b"." * 31,
    b"$2b$03$" + SALT22 + b"." * 31,
    b"$2b$32$" + SALT22 + b"." * 31,
    b"$2b$05$" + SALT22[:-1] + b"A" + b"." * 31,
    b"$2b$05$" + SALT22 + b"." * 30 + b"A",
    b"$y$j9T$abcd$" + b"A" * 42,
    b"$y$kzzz9T$abcd$" + TEXT43,
    b"$7$CU....abcd$" + TEXT43,
    b"$argon2id$v=18$m=64,t=1,p=1$" + b"A" * 22 + b"$" + TEXT43,
    b"$argon2id$v=19$m=7,t=1,p=1$" + b"A" * 22 + b"$" + TEXT43,
    b"$argon2id$v=19$m=64,t=0,p=1$" + b"A" * 22 + b"$" + TEXT43,
    b"$argon2id$v=19$m=64,t=1,p=1$AAAA$" + TEXT43,
    b"$scrypt$ln=4,r=0,p=1$AAAA$" + TEXT43,
    b"$scrypt$ln=4,r=8,p=1$AAAAA$" + TEXT43,
    b"$pbkdf2-sha256$100$AAAA$" + b"A" * 27,
    b"$pbkdf2$100$AAAA$A",
    b"$bcrypt-sha256$v=2,t=2b,r=3$" + SALT22 + b"$" + b"." * 31,
    b"$bcrypt-sha256$2b,12$" + SALT22 + b"$" + b"." * 31,
]
UNKNOWN = [
    b"word",
    b"a" * 13,
    b"d41d8cd98f00b204e9800998ecf8427e",
    b"{",
    b"{}",
    b"{}word",
    b"{SHA",
    b"{SHA.}word",
    b"{.HEX}word",
    b"{SHA.HEX.HEX}word",
    b"{NOPE}word",
    b"{DIGEST-MD5}word",
    b"$",
    b"$$",
    b"$6",
    b"$z$word",
    b"$2x$05$" + SALT22 + b"." * 31,
    b"\xff\xfe",
]


@pytest.mark.parametrize("stored", MALFORMED)
@pytest.mark.parametrize("default_scheme", ["", "PLAIN"])
def test_a_malformed_stored_password_is_a_scheme_not_available(stored: bytes, default_scheme: str) -> None:
    known = refused(stored, default_scheme)
    assert known.verdict is Verdict.SCHEME_NOT_AVAILABLE
    assert re.fullmatch(r"stored [A-Z0-9-]+ password: (malformed|unknown crypt).*", known.reason)


@pytest.mark.parametrize("stored", UNKNOWN)
def test_what_has_no_known_form_is_a_scheme_not_available(stored: bytes) -> None:
    assert refused(stored).verdict is Verdict.SCHEME_NOT_AVAILABLE


@pytest.mark.parametrize(
    ("at_the_limit", "over_it"),
    [
        (b"$6$rounds=1000000$abcd$" + TEXT86, b"$6$rounds=1000001$abcd$" + TEXT86),
        (b"$6$rounds=1000000$abcd$" + TEXT86, b"$6$rounds=999999999$abcd$" + TEXT86),
        (b"$5$rounds=1000000$abcd$" + TEXT43, b"$5$rounds=1000001$abcd$" + TEXT43),
        (b"$2b$15$" + SALT22 + b"." * 31, b"$2b$16$" + SALT22 + b"." * 31),
        (b"$2y$15$" + SALT22 + b"." * 31, b"$2y$31$" + SALT22 + b"." * 31),
        (
            b"$bcrypt-sha256$v=2,t=2b,r=15$" + SALT22 + b"$" + b"." * 31,
            b"$bcrypt-sha256$v=2,t=2b,r=31$" + SALT22 + b"$" + b"." * 31,
        ),
        (b"$pbkdf2-sha256$5000000$AAAA$" + TEXT43, b"$pbkdf2-sha256$5000001$AAAA$" + TEXT43),
        (b"$pbkdf2-sha512$5000000$AAAA$" + TEXT86, b"$pbkdf2-sha512$4294967296$AAAA$" + TEXT86),
        (b"{PBKDF2}$1$salt$5000000$" + b"a" * 40, b"{PBKDF2}$1$salt$4294967296$" + b"a" * 40),
        (b"$scrypt$ln=20,r=8,p=1$AAAA$" + TEXT43, b"$scrypt$ln=21,r=8,p=1$AAAA$" + TEXT43),
        (b"$scrypt$ln=19,r=8,p=2$AAAA$" + TEXT43, b"$scrypt$ln=20,r=8,p=2$AAAA$" + TEXT43),
        (b"$y$jFT$abcd$" + TEXT43, b"$y$jGT$abcd$" + TEXT43),
        (b"$gy$jFT$abcd$" + TEXT43, b"$gy$jjj$abcd$" + TEXT43),
        (b"$7$GU..../....abcd$" + TEXT43, b"$7$HU..../....abcd$" + TEXT43),
        (b"$7$GU..../....abcd$" + TEXT43, b"$7$GU....0....abcd$" + TEXT43),
        (
            b"$argon2id$v=19$m=1048576,t=4,p=4$" + b"A" * 22 + b"$" + TEXT43,
            b"$argon2id$v=19$m=1048577,t=1,p=4$" + b"A" * 22 + b"$" + TEXT43,
        ),
        (
            b"$argon2id$v=19$m=65536,t=64,p=4$" + b"A" * 22 + b"$" + TEXT43,
            b"$argon2id$v=19$m=65536,t=65,p=4$" + b"A" * 22 + b"$" + TEXT43,
        ),
        (
            b"$argon2i$m=4096,t=3,p=64$" + b"A" * 22 + b"$" + TEXT43,
            b"$argon2i$m=4096,t=3,p=65$" + b"A" * 22 + b"$" + TEXT43,
        ),
    ],
)
def test_what_costs_more_than_the_limit_is_refused_before_it_is_computed(at_the_limit: bytes, over_it: bytes) -> None:
    assert isinstance(identify(at_the_limit), StoredHash)
    known = refused(over_it)
    assert known.verdict is Verdict.SCHEME_NOT_AVAILABLE
    assert "over the cost limit of" in known.reason


@pytest.mark.parametrize(
    "stored",
    b"{hunter2}hunter2 $hunter2$hunter2 hunter2 !hunter2 {SHA}hunter2 {CRYPT}hunter2 $6$hunter2 {PBKDF2}hunter2"
    b" {CRYPT}$hunter2$hunter2 {SHA.HUNTER2}hunter2 {CRYPT}!hunter2 {PLAIN.HEX}hunter2".split(b" "),
)
def test_no_reason_shows_a_part_of_what_is_stored(stored: bytes) -> None:
    assert "hunter2" not in repr(refused(stored)).lower()


def test_a_reason_names_a_scheme_that_exists_but_is_not_supported() -> None:
    assert "{DIGEST-MD5}" in refused(b"{DIGEST-MD5}word").reason
    assert refused(b"$md5,rounds=5000$abcdefgh$$x").reason.endswith(" unsupported scheme $md5,rounds=5000$")
    assert "$sha1$" in refused(b"$sha1$word").reason


# --- bare values --------------------------------------------------------------------------------------

BARE = {
    "des": ("DES-CRYPT", mkpasswd("descrypt")),
    "crypt-des": ("CRYPT", mkpasswd("descrypt")),
    "crypt-md5": ("CRYPT", openssl("-1")),
    "sha": ("SHA", lambda password: doveadm("SHA")(password).removeprefix(b"{SHA}")),
    "sha256-hex": ("sha256.hex", lambda password: doveadm("SHA256.HEX")(password).removeprefix(b"{SHA256.HEX}")),
    "plain-md5": ("PLAIN-MD5", lambda password: doveadm("PLAIN-MD5")(password).removeprefix(b"{PLAIN-MD5}")),
    "plain": ("PLAIN", lambda password: password),
    "clear": ("cleartext", lambda password: password),
}


@pytest.mark.parametrize(("default_scheme", "store"), BARE.values(), ids=BARE.keys())
def test_a_bare_value_is_what_the_default_scheme_says(default_scheme: str, store: Store) -> None:
    assert known_scheme(default_scheme)
    assert verdict(store(PASSWORD), PASSWORD, default_scheme) is Verdict.OK
    assert verdict(store(PASSWORD), b"wrong", default_scheme) is Verdict.PASSWORD_MISMATCH


@pytest.mark.parametrize("default_scheme", ["", *schemes()])
@pytest.mark.parametrize("store", [openssl("-1"), htpasswd("-B", "-C", "4"), doveadm("SSHA")], ids=["1", "2y", "SSHA"])
def test_a_prefix_or_a_modular_form_wins_over_every_default_scheme(default_scheme: str, store: Store) -> None:
    stored = store(PASSWORD)
    assert verdict(stored, PASSWORD, default_scheme) is Verdict.OK
    assert verdict(stored, stored, default_scheme) is Verdict.PASSWORD_MISMATCH


@pytest.mark.parametrize("stored", [b"{NOPE}word", b"$z$word", b"$argon2x$v=19$m=64", b"$$"])
def test_an_unknown_hash_is_not_taken_for_a_password_in_the_clear(stored: bytes) -> None:
    assert refused(stored, "PLAIN").verdict is Verdict.SCHEME_NOT_AVAILABLE


@pytest.mark.parametrize("password", [b"{", b"{SHA", b"$6", b"$", b"*word", b"xx", b"0", b" ", b"a b ", b"\xff"])
def test_every_other_bare_value_is_the_password_under_a_default_of_plain(password: bytes) -> None:
    assert verdict(password, password, "PLAIN") is Verdict.OK


@pytest.mark.parametrize("password", [b"!word", b"*", b"x", b"{SHA}word", b"$6$word", b" ", b"0"])
def test_behind_an_explicit_prefix_every_text_is_a_password_in_the_clear(password: bytes) -> None:
    assert verdict(b"{PLAIN}" + password, password) is Verdict.OK


def test_a_context_of_an_empty_password_serves_nobody() -> None:
    known = refused(b"{CRAM-MD5}" + CramMd5Context.of(Secret(b"")).reveal().hex().encode())
    assert known.verdict is Verdict.SCHEME_NOT_AVAILABLE
    assert "of an empty password" in known.reason


def test_an_unknown_default_scheme_makes_no_bare_value_usable() -> None:
    assert not known_scheme("NOPE")
    assert not known_scheme("")
    assert refused(b"word", "NOPE").verdict is Verdict.SCHEME_NOT_AVAILABLE


# --- what is known of an entry without computing it ---------------------------------------------------


@pytest.mark.parametrize(
    ("stored", "scheme", "cost", "quick"),
    [
        (b"{sha1}" + b"A" * 27 + b"=", "SHA", "", True),
        (b"{LDAP-MD5}" + b"A" * 22 + b"==", "MD5", "", True),
        (b"{MD5}$1$abcd$" + b"A" * 22, "MD5-CRYPT", "", True),
        (b"{CLEAR}word", "PLAIN", "", True),
        (b"{hmac-md5}" + b"a" * 64, "CRAM-MD5", "", True),
        (b"$apr1$abcd$" + b"A" * 22, "APR1", "", False),
        (b"$6$abcd$" + TEXT86, "SHA512-CRYPT", 5000, False),
        (b"$6$rounds=5000$abcd$" + TEXT86, "SHA512-CRYPT", 5000, False),
        (b"{CRYPT}$2y$12$" + SALT22 + b"." * 31, "BLF-CRYPT", 12, False),
        (b"$y$j9T$abcd$" + TEXT43, "YESCRYPT", "N=2^12,r=32,p=1", False),
        (b"$7$CU..../....abcd$" + TEXT43, "SCRYPT", "N=2^14,r=32,p=1", False),
        (b"$scrypt$ln=14,r=32,p=1$AAAA$" + TEXT43, "SCRYPT", "N=2^14,r=32,p=1", False),
        (b"{PBKDF2}$1$salt$1000$" + b"a" * 40, "PBKDF2-SHA1", 1000, False),
        (b"$argon2i$m=64,t=3,p=2$" + b"A" * 22 + b"$" + TEXT43, "ARGON2I", "m=64,t=3,p=2", False),
    ],
)
def test_scheme_and_cost_are_told_alike_however_they_were_written(
    stored: bytes, scheme: str, cost: str | int, quick: bool
) -> None:
    known = identified(stored)
    assert (known.scheme, known.cost, known.quick) == (scheme, cost, quick)


def test_the_clear_text_or_a_context_is_had_where_it_is_stored_and_nowhere_else() -> None:
    secret = identified(b"{PLAIN}word").credentials()
    assert isinstance(secret, Secret)
    assert secret.matches(b"word")
    context = identified(doveadm("CRAM-MD5")(PASSWORD)).credentials()
    assert isinstance(context, CramMd5Context)
    assert context.matches(CramMd5Context.of(Secret(PASSWORD)))
    assert identified(doveadm("SHA")(PASSWORD)).credentials() is None


@pytest.mark.parametrize(
    "stored",
    [
        b"{PLAIN}hunter2",
        b"{PLAIN.HEX}68756e74657232",
        b"{CRAM-MD5}" + b"AAAA" * 16,
        b"{SSHA}hunter2/" + b"A" * 28,
        b"{PBKDF2}$1$hunter2$1000$" + b"a" * 40,
        b"$6$hunter2$" + TEXT86,
        b"$7$CU..../....hunter2$" + TEXT43,
    ],
)
def test_no_representation_shows_what_is_stored(stored: bytes) -> None:
    known = identified(stored)
    shown = f"{known} {known!r} {known.__rich_repr__()}"
    assert "hunter2" not in shown
    assert "AAAA" not in shown
    assert known.scheme in shown


def test_importing_and_identifying_loads_no_large_library() -> None:
    program = (
        "import sys; from extauth.passwords import identify; values = sys.stdin.buffer.read().split(b'\\n')\n"
        "for value in values: identify(value)\n"
        "print(sorted({'passlib', 'argon2', 'bcrypt'} & set(sys.modules)))"
    )
    stored = b"\n".join(store(PASSWORD) for _, store in ORACLES)
    run = subprocess.run([sys.executable, "-c", program], input=stored, capture_output=True, check=True, timeout=30)
    assert run.stdout == b"[]\n"


# --- any bytes ----------------------------------------------------------------------------------------

IDENTS = ["1", "5", "6", "2b", "y", "7", "apr1", "argon2id", "scrypt", "pbkdf2", "pbkdf2-sha512", "bcrypt-sha256"]
HEADS = [b"{%s}" % name.encode() for name in schemes()] + [b"$%s$" % ident.encode() for ident in IDENTS]
TAILS = st.binary() | st.text("./0Az+=$,!*{}", max_size=100).map(str.encode)


@given(
    stored=TAILS | st.builds(bytes.__add__, st.sampled_from(HEADS), TAILS), default=st.sampled_from(["", *schemes()])
)
def test_identify_takes_any_bytes(stored: bytes, default: str) -> None:
    assert isinstance(identify(stored, default), StoredHash | VerdictResult)


@given(stored=TAILS.filter(lambda tail: not re.match(rb"\{[^}]*\}|\$[^$]*\$", tail)))
def test_a_text_without_a_known_form_is_never_a_stored_password_by_itself(stored: bytes) -> None:
    assert isinstance(identify(stored), VerdictResult)


# --- new ones -----------------------------------------------------------------------------------------


@pytest.mark.parametrize("scheme", MAKEABLE)
def test_what_is_made_takes_its_password_and_is_known_without_a_default(scheme: str) -> None:
    password = PASSWORDS["utf-8"]
    stored = make_hash(Secret(password), scheme.lower())
    assert verdict(stored, password) is Verdict.OK
    assert verdict(stored, password + b"~") is Verdict.PASSWORD_MISMATCH


@pytest.mark.parametrize("scheme", ["SSHA", "SSHA512", "ARGON2ID", "YESCRYPT"])
def test_one_password_is_never_stored_alike_twice(scheme: str) -> None:
    assert make_hash(Secret(PASSWORD), scheme) != make_hash(Secret(PASSWORD), scheme)


@pytest.mark.parametrize(
    ("password", "scheme", "complaint"),
    [
        (b"hunter2" * 11, "BLF-CRYPT", "72 bytes"),
        (b"hunter2" * 80, "SHA512-CRYPT", "511 bytes"),
        (b"hunter2" * 80, "YESCRYPT", "511 bytes"),
        (b"hunter2\0", "SSHA", "NUL"),
        (b"hunter2\n", "PLAIN", "LF"),
        (b"hunter2\r", "PLAIN", "CR"),
        (b"", "PLAIN", "empty"),
        (b"hunter2", "DIGEST-MD5", "choose one of ARGON2ID, "),
    ],
)
def test_what_cannot_be_stored_is_refused_by_name(password: bytes, scheme: str, complaint: str) -> None:
    with pytest.raises(ValueError, match=complaint) as refusal:
        make_hash(Secret(password), scheme)
    assert "hunter2" not in str(refusal.value)


def test_bcrypt_takes_a_password_of_exactly_72_bytes() -> None:
    assert verdict(make_hash(Secret(b"a" * 72), "BLF-CRYPT"), b"a" * 72) is Verdict.OK


def test_what_is_recognized_by_its_form_is_what_is_read_in_it() -> None:
    alike: dict[bytes, tuple[str, str | int] | None] = {}
    chance = random.Random(1)
    letters = b"./0123456789ABCXYZabcxyz$={}+-:"
    recognized = 0
    for _, store in SCHEMES:
        stored = store(b"open sesame")
        variants = [stored] * 2
        for _ in range(300):
            changed = bytearray(stored)
            place, length = chance.randrange(len(changed)), chance.choice((0, 1, 1, 1, 2))
            changed[place : place + length] = bytes(chance.choices(letters, k=chance.choice((0, 1, 1, 1, 2))))
            variants.append(bytes(changed))
        for variant in variants:
            (form,) = recognize([variant])
            if form is None:
                continue
            recognized += 1
            found = identify(variant)
            kind = (found.scheme, found.cost) if isinstance(found, StoredHash) else None
            assert alike.setdefault(form, kind) == kind, variant
    assert recognized > 1_000
    assert {b"{SHA}", b"{SSHA}", b"$6$", b"$1$", b"$apr1$"} <= set(alike)


def test_nothing_is_kept_of_what_is_not_recognized() -> None:
    recognize([b"{SHA}5en6G6MezRroT3XKqkdPOmY/BfQ="])
    kept = _pattern.cache_info().currsize
    assert recognize([b"pass%dword$" % number for number in range(100)]) == [None] * 100
    assert _pattern.cache_info().currsize == kept > 0


@pytest.mark.parametrize("size", range(1, 100))
@pytest.mark.parametrize("scheme", ["SHA", "SSHA", "SHA256", "SSHA256", "SHA512", "SSHA512"])
def test_a_digest_of_another_length_is_not_recognized(scheme: str, size: int) -> None:
    stored = b"{%s}%s" % (scheme.encode(), base64.b64encode(b"x" * size))
    assert recognize([stored]) == [None] or isinstance(identify(stored), StoredHash)
