"""Lines of password files that administrators really have, through the real program."""

from __future__ import annotations

import pytest

from tests.helper import Site

NEGATIVE = b"ERROR incorrect password"
PBKDF2 = (
    b"{PBKDF2-SHA512}10000$hbMHmUXNh3UoHNlDu+NJBOW+hVAhP3C0$"
    b"ax9vNLL1rr85ppODFTykPC46igHh92vULWpZaR/CQqyD4IGG/IyPYbbC2v7BxSPIDUXc0e9AGX9IuwinIj5a/w=="
)
SHA512 = b"$6$saltsalt$qFmFH.bQmmtXzyBY0s9v7Oicd2z4XSIecDzlB5KiA2/jctKu9YterLp8wwnSq.qc.eoxqOmSuNp2xS0ktL3nh/"
APR1 = b"$apr1$saltsalt$yAAkm4libquA.ZWLHbSBq/"
DES = b"abJnggxhB/yWI"


def _site(site: Site, content: bytes, keys: str = "") -> Site:
    site.write("u", content)
    backend = '[[backend]]\ntype = "files"\npath = "u"\ndomains = ["example.com"]\n'
    site.configure('[log]\nmail_server_level = "Low Level"\n' + backend + keys)
    return site


def _login(site: Site, password: bytes) -> bytes:
    (reply,) = site.session(b"1 VRFY u@example.com " + password)
    return reply[2:]


@pytest.mark.parametrize(
    "extra",
    [b"", b":", b"::", b"::::::", b": ", b" : :: ", b":userdb_mail=mbox:~/mail", b":: userdb_mail=x:y ::"],
)
def test_empty_extra_fields_of_dovecot_restrict_nothing(site: Site, extra: bytes) -> None:
    _site(site, b"u:{PLAIN}pw:1000:1000::/home/u:/bin/false:" + extra + b"\n", 'format = "dovecot"\n')
    assert _login(site, b"pw") == b"OK"


@pytest.mark.parametrize("extra", [b":nologin", b"::nologin=y", b": allow_nets=192.0.2.1", b"::unknown=1"])
def test_extra_colons_hide_no_restriction_of_dovecot(site: Site, extra: bytes) -> None:
    _site(site, b"u:{PLAIN}pw:1000:1000::/home/u:/bin/false:" + extra + b"\n", 'format = "dovecot"\n')
    assert _login(site, b"pw") == NEGATIVE


@pytest.mark.parametrize(
    ("stored", "password"),
    [
        (PBKDF2, b"12345678_kolab"),
        (APR1 + b" ", b"password"),
        (APR1 + b" \t", b"password"),
        (SHA512 + b"\t", b"password"),
        (b"{SHA256-CRYPT}" + SHA512, b"password"),
        (b"{BLF-CRYPT}" + SHA512 + b" ", b"password"),
        (DES, b"password"),
        (DES + b" ", b"password"),
        (b"{SHA384}qLZLq9CsKRpZvbt3YZhIQk2OCIgNsOF5OBQ2AMDgGO3rw0CG4nyejkt3xj1eOIoN", None),
        (b"{PLAIN}pw ", b"pw "),
    ],
)
def test_usual_forms_let_the_user_in(site: Site, stored: bytes, password: bytes | None) -> None:
    _site(site, b"u:" + stored + b"\n")
    if password is not None:
        assert _login(site, password) == b"OK"
    assert _login(site, b"another") == NEGATIVE


def test_clear_text_keeps_its_blanks(site: Site) -> None:
    _site(site, b"u:{PLAIN}pw \n")
    assert _login(site, b"pw") == NEGATIVE


def test_des_gets_a_warning_and_is_counted(site: Site) -> None:
    _site(site, b"u:" + DES + b"\nv:" + DES + b"\nw:" + APR1 + b"\nx:{SHA}W6ph5Mm5Pz8GgiULbPgzG37mj9g=\ny:{PLAIN}pw\n")
    warning = "passwords stored with DES, of which only the first 8 characters count: 2"
    helper = site.serve()
    helper.wait_for_information(f"u: {warning}")
    assert helper.end() == 0
    checked = site.run("check", "-c", str(site.config)).stdout.decode()
    assert warning in checked
    assert "stored passwords that are quickly guessed: DES-CRYPT 2, SHA 1" in checked


def test_default_scheme_wins_over_the_guess_of_des(site: Site) -> None:
    _site(site, b"u:" + DES + b"\n", 'default_scheme = "PLAIN"\n')
    assert _login(site, b"password") == NEGATIVE
    assert _login(site, DES) == b"OK"


@pytest.mark.parametrize(
    ("line", "problem"),
    [
        (b"u: " + APR1, "unknown scheme: .*; it begins with a blank"),
        (b"u:\xc2\xa0" + APR1, "unknown scheme: .*; it begins with a no-break space"),
        (b"u:" + APR1[:20] + b"\t" + APR1[20:], "stored APR1 password: malformed; it contains a TAB"),
        (b"u :" + APR1, "its name begins or ends with a blank"),
        (b"\tu:" + APR1, "its name begins or ends with a TAB"),
        (b"u@example.com :" + APR1, "its name begins or ends with a blank"),
        (b"u@example.com\xe2\x80\x8b:" + APR1, "its name begins or ends with a zero-width space"),
    ],
)
@pytest.mark.parametrize("before", [b"", b"v:" + APR1 + b"\n"], ids=["alone", "in a batch"])
def test_messages_name_invisible_characters(site: Site, line: bytes, problem: str, before: bytes) -> None:
    _site(site, before + line + b"\n")
    helper = site.serve()
    helper.wait_for_information(f"u, line {1 + before.count(b':')}: .*{problem}")
    assert helper.ask(b"1 VRFY u@example.com password") == NEGATIVE
    assert helper.end() == 0
