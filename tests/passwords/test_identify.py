"""`identify`: the stored values that it accepts, and its reasons for refusing others."""

from __future__ import annotations

import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from extauth.model import Secret, Verdict, VerdictResult
from extauth.passwords import StoredHash, identify, schemes
from tests.passwords.checks import SALT22, TEXT43, TEXT86, identified, refused


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
    b"{SHA384}" + b"A" * 63 + b"=",
    b"$P$A" + b"a" * 28 + b".",
    b"$P$4" + b"a" * 29 + b".",
    b"$P$9" + b"a" * 30,
    b"pbkdf2_sha256$1000$salt$AAAA",
    b"pbkdf2_sha256$0$salt$" + TEXT43 + b"=",
    b"bcrypt$$2b$03$" + SALT22 + b"." * 31,
    b"argon2$argon2id$v=18$m=64,t=1,p=1$" + b"A" * 22 + b"$" + TEXT43,
    b"{PBKDF2-SHA512}1000$AAAA$" + TEXT43 + b"=",
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
def test_a_malformed_hash_is_a_scheme_not_available(stored: bytes, default_scheme: str) -> None:
    result = refused(stored, default_scheme)
    assert result.verdict is Verdict.SCHEME_NOT_AVAILABLE
    assert re.fullmatch(r"stored [A-Z0-9-]+ password: (malformed|unknown crypt).*", result.reason)


@pytest.mark.parametrize("stored", UNKNOWN)
def test_an_unknown_form_is_a_scheme_not_available(stored: bytes) -> None:
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
        (b"$pbkdf2-sha256$i=5000000$AAAA$" + TEXT43, b"$pbkdf2-sha256$i=5000001$AAAA$" + TEXT43),
        (b"pbkdf2_sha256$5000000$x$" + TEXT43 + b"=", b"pbkdf2_sha256$5000001$x$" + TEXT43 + b"="),
        (b"bcrypt_sha256$$2b$15$" + SALT22 + b"." * 31, b"bcrypt_sha256$$2b$31$" + SALT22 + b"." * 31),
        (b"$P$J" + b"a" * 29 + b".", b"$P$S" + b"a" * 29 + b"."),
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
def test_a_hash_over_the_cost_limit_is_refused(at_the_limit: bytes, over_it: bytes) -> None:
    assert isinstance(identify(at_the_limit), StoredHash)
    result = refused(over_it)
    assert result.verdict is Verdict.SCHEME_NOT_AVAILABLE
    assert "over the cost limit of" in result.reason


@pytest.mark.parametrize(
    "stored",
    b"{hunter2}hunter2 $hunter2$hunter2 hunter2 !hunter2 {SHA}hunter2 {CRYPT}hunter2 $6$hunter2 {PBKDF2}hunter2"
    b" {CRYPT}$hunter2$hunter2 {SHA.HUNTER2}hunter2 {CRYPT}!hunter2 {PLAIN.HEX}hunter2".split(b" "),
)
def test_no_reason_shows_part_of_the_stored_value(stored: bytes) -> None:
    assert "hunter2" not in repr(refused(stored)).lower()


def test_the_reason_names_a_real_but_unsupported_scheme() -> None:
    assert "{DIGEST-MD5}" in refused(b"{DIGEST-MD5}word").reason
    assert refused(b"$md5,rounds=5000$abcdefgh$$x").reason.endswith(" unsupported scheme $md5,rounds=5000$")
    for scheme in ("{NT}", "$sha1$", "$S$", "{x-isSHA, 1024}", "{PBKDF2-HMAC-SHA256}", "{PBKDF2_SHA256}"):
        assert scheme in refused(scheme.encode() + b"word").reason


@pytest.mark.parametrize("name", ["CRYPT", "DES-CRYPT", "MD5", "SHA256-CRYPT", "BLF-CRYPT", "ARGON2I", "SHA512-CRYPT"])
@pytest.mark.parametrize(
    ("value", "scheme"),
    [
        (b"$6$abcd$" + TEXT86, "SHA512-CRYPT"),
        (b"$5$abcd$" + TEXT43, "SHA256-CRYPT"),
        (b"$2b$05$" + SALT22 + b"." * 31, "BLF-CRYPT"),
        (b"$argon2id$v=19$m=64,t=1,p=1$" + b"A" * 22 + b"$" + TEXT43, "ARGON2ID"),
    ],
)
def test_the_form_decides_whatever_the_prefix_says(name: str, value: bytes, scheme: str) -> None:
    assert identified(b"{%s}%s" % (name.encode(), value)).scheme == scheme


def test_the_form_does_not_decide_for_clear_text_and_digests() -> None:
    assert identified(b"{PLAIN}$6$abcd$" + TEXT86).scheme == "PLAIN"
    assert refused(b"{SHA}$6$abcd$" + TEXT86).verdict is Verdict.SCHEME_NOT_AVAILABLE
    assert identified(b"{PBKDF2}$1$salt$1000$" + b"a" * 40).scheme == "PBKDF2-SHA1"


@pytest.mark.parametrize("blanks", [b" ", b"\t", b" \t  "])
def test_blanks_at_the_end_are_no_part_of_a_hash(blanks: bytes) -> None:
    for stored in (b"$6$abcd$" + TEXT86, b"{SHA}" + b"A" * 27 + b"=", b"{CRAM-MD5}" + b"a" * 64, b"abJnggxhB/yWI"):
        assert identified(stored + blanks).scheme == identified(stored).scheme
    for locked in (b"", b"*", b"x", b"{SHA}"):
        assert refused(locked + blanks).verdict is Verdict.USER_DISABLED
    assert identified(b"{PLAIN}word" + blanks).verify(Secret(b"word" + blanks)) is Verdict.OK
    assert identified(b"word" + blanks, "PLAIN").verify(Secret(b"word" + blanks)) is Verdict.OK


@pytest.mark.parametrize(
    ("character", "name"),
    [
        (b" ", "a blank"),
        (b"\t", "a TAB"),
        (b"\r", "a CR"),
        (b"\xc2\xa0", "a no-break space"),
        (b"\xe2\x80\x8b", "a zero-width space"),
        (b"\xef\xbb\xbf", "a byte order mark"),
        (b"\x1b", "a control character"),
    ],
)
def test_reasons_name_invisible_characters(character: bytes, name: str) -> None:
    assert refused(b"$6$ab" + character + b"cd$" + TEXT86).reason.endswith(f"malformed; it contains {name}")
    assert refused(b"{SHA}" + character + b"A" * 27 + b"=").reason.endswith(f"; it contains {name}")
    assert refused(character + b"{SHA}" + b"A" * 27 + b"=").reason.endswith(f"; it begins with {name}")


def test_bare_des_is_known_unless_default_scheme_says_otherwise() -> None:
    assert identified(b"abJnggxhB/yWI").verify(Secret(b"password")) is Verdict.OK
    assert identified(b"abJnggxhB/yWI", "PLAIN").verify(Secret(b"abJnggxhB/yWI")) is Verdict.OK
    assert identified(b"abJnggxhB/yWI", "PLAIN").verify(Secret(b"password")) is Verdict.PASSWORD_MISMATCH


@pytest.mark.parametrize("salt", [b"hbMHmUXNh3UoHNlDu+NJBOW+hVAhP3C0", b"hbMHmUXNh3UoHNlDu.NJBOW.hVAhP3C0"])
@pytest.mark.parametrize("padding", [b"==", b""])
def test_pbkdf2_takes_both_dialects_of_base64(salt: bytes, padding: bytes) -> None:
    key = b"ax9vNLL1rr85ppODFTykPC46igHh92vULWpZaR/CQqyD4IGG/IyPYbbC2v7BxSPIDUXc0e9AGX9IuwinIj5a/w"
    stored = identified(b"{PBKDF2-SHA512}10000$" + salt + b"$" + key + padding)
    assert stored.verify(Secret(b"12345678_kolab")) is Verdict.OK


@pytest.mark.parametrize("stored", [b"{NOPE}word", b"$z$word", b"$argon2x$v=19$m=64", b"$$"])
def test_an_unknown_hash_is_never_a_clear_text_password(stored: bytes) -> None:
    assert refused(stored, "PLAIN").verdict is Verdict.SCHEME_NOT_AVAILABLE


IDENTS = ["1", "5", "6", "2b", "y", "7", "apr1", "argon2id", "scrypt", "pbkdf2", "pbkdf2-sha512", "bcrypt-sha256"]
STARTS = [b"{%s}" % name.encode() for name in schemes()] + [b"$%s$" % ident.encode() for ident in IDENTS]
RESTS = st.binary() | st.text("./0Az+=$,!*{}", max_size=100).map(str.encode)


@given(
    stored=RESTS | st.builds(bytes.__add__, st.sampled_from(STARTS), RESTS), default=st.sampled_from(["", *schemes()])
)
def test_identify_accepts_any_bytes(stored: bytes, default: str) -> None:
    assert isinstance(identify(stored, default), StoredHash | VerdictResult)


@given(stored=RESTS.filter(lambda tail: not re.match(rb"\{[^}]*\}|\$[^$]*\$|[./0-9A-Za-z]{13}\s*$", tail)))
def test_text_in_no_known_form_is_never_a_hash(stored: bytes) -> None:
    assert isinstance(identify(stored), VerdictResult)
