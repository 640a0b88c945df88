"""Every scheme: stored passwords of other programs, names, costs."""

from __future__ import annotations

import pytest

from extauth.model import Secret, Verdict
from extauth.passwords import is_scheme_name, schemes
from tests.passwords.checks import PASSWORD, PASSWORDS, SALT22, TEXT43, TEXT86, identified, refused, verdict
from tests.passwords.stored_passwords import COSTLY, CUT, ORACLES, SCHEMES, Store, doveadm, htpasswd, mkpasswd, openssl


@pytest.mark.parametrize(
    ("id_", "store", "password"),
    [
        pytest.param(id_, store, password, id=f"{id_}-{name}")
        for id_, store in SCHEMES + ORACLES
        for name, password in PASSWORDS.items()
        if id_ not in COSTLY or password is PASSWORD
    ],
)
def test_a_hash_of_another_program_accepts_only_its_password(id_: str, store: Store, password: bytes) -> None:
    stored_hash = identified(store(password))
    counted = password[: CUT.get(id_)]
    assert stored_hash.verify(Secret(password)) is Verdict.OK
    assert stored_hash.verify(Secret(counted[:-1] + b"~")) is Verdict.PASSWORD_MISMATCH
    if counted == password:
        assert stored_hash.verify(Secret(password + b"~")) is Verdict.PASSWORD_MISMATCH
    assert stored_hash.verify(Secret(password + b"\0")) is Verdict.PASSWORD_MISMATCH
    assert stored_hash.verify(Secret(counted + b"\0~")) is Verdict.PASSWORD_MISMATCH


@pytest.mark.parametrize("id_", CUT)
def test_bcrypt_and_des_ignore_bytes_after_their_limit(id_: str) -> None:
    password = PASSWORDS["73-bytes"]
    stored_hash = identified(dict(SCHEMES)[id_](password))
    assert stored_hash.verify(Secret(password[: CUT[id_]])) is Verdict.OK
    assert stored_hash.verify(Secret(password[: CUT[id_]] + 1000 * b"~")) is (
        Verdict.OK if CUT[id_] == 72 else Verdict.PASSWORD_MISMATCH  # longer than crypt(3) accepts
    )


@pytest.mark.parametrize(
    "store",
    [dict(ORACLES)["argon2-cffi-argon2d"], doveadm("SSHA"), doveadm("PLAIN")],
    ids=["argon2d", "SSHA", "PLAIN"],
)
def test_schemes_without_limit_check_all_4097_bytes(store: Store) -> None:
    stored_hash = identified(store(b"a" * 4097))
    assert stored_hash.verify(Secret(b"a" * 4097)) is Verdict.OK
    assert stored_hash.verify(Secret(b"a" * 4096 + b"b")) is Verdict.PASSWORD_MISMATCH


def test_a_prefix_can_be_in_any_case() -> None:
    stored = doveadm("SSHA")(PASSWORD)
    assert verdict(stored.replace(b"{SSHA}", b"{sShA}"), PASSWORD) is Verdict.OK


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
def test_a_bare_value_belongs_to_the_default_scheme(default_scheme: str, store: Store) -> None:
    assert is_scheme_name(default_scheme)
    assert verdict(store(PASSWORD), PASSWORD, default_scheme) is Verdict.OK
    assert verdict(store(PASSWORD), b"wrong", default_scheme) is Verdict.PASSWORD_MISMATCH


@pytest.mark.parametrize("default_scheme", ["", *schemes()])
@pytest.mark.parametrize("store", [openssl("-1"), htpasswd("-B", "-C", "4"), doveadm("SSHA")], ids=["1", "2y", "SSHA"])
def test_a_prefix_or_dollar_form_wins_over_the_default_scheme(default_scheme: str, store: Store) -> None:
    stored = store(PASSWORD)
    assert verdict(stored, PASSWORD, default_scheme) is Verdict.OK
    assert verdict(stored, stored, default_scheme) is Verdict.PASSWORD_MISMATCH


def test_an_unknown_default_scheme_makes_bare_values_unusable() -> None:
    assert not is_scheme_name("NOPE")
    assert not is_scheme_name("")
    assert refused(b"word", "NOPE").verdict is Verdict.SCHEME_NOT_AVAILABLE


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
def test_scheme_and_cost_do_not_depend_on_the_spelling(
    stored: bytes, scheme: str, cost: str | int, quick: bool
) -> None:
    stored_hash = identified(stored)
    assert (stored_hash.scheme, stored_hash.cost, stored_hash.quick) == (scheme, cost, quick)
