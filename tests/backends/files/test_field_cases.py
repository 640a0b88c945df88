"""Lines of password files that administrators really have, through the real program."""

from __future__ import annotations

import pytest

from tests.helper import Helper, Site

NEGATIVE = b"ERROR incorrect password"
PBKDF2 = (
    b"{PBKDF2-SHA512}10000$hbMHmUXNh3UoHNlDu+NJBOW+hVAhP3C0$"
    b"ax9vNLL1rr85ppODFTykPC46igHh92vULWpZaR/CQqyD4IGG/IyPYbbC2v7BxSPIDUXc0e9AGX9IuwinIj5a/w=="
)
SHA512 = b"$6$saltsalt$qFmFH.bQmmtXzyBY0s9v7Oicd2z4XSIecDzlB5KiA2/jctKu9YterLp8wwnSq.qc.eoxqOmSuNp2xS0ktL3nh/"
APR1 = b"$apr1$saltsalt$yAAkm4libquA.ZWLHbSBq/"
DES = b"abJnggxhB/yWI"


def _serve(site: Site, files: list[bytes], keys: str = "") -> Helper:
    """Start a helper with a backend for each file: file0 for the domain c0.example, file1 for c1.example, ..."""
    sections = ['[log]\nmail_server_level = "Low Level"\n']
    for number, content in enumerate(files):
        site.write(f"file{number}", content)
        sections.append(f'[[backend]]\ntype = "files"\npath = "file{number}"\ndomains = ["c{number}.example"]\n{keys}')
    site.configure("".join(sections))
    return site.serve()


NO_RESTRICTIONS = [b"", b":", b"::", b"::::::", b": ", b" : :: ", b":userdb_mail=mbox:~/mail", b":: userdb_mail=x:y ::"]
RESTRICTIONS = [b":nologin", b"::nologin=y", b": allow_nets=192.0.2.1", b"::unknown=1"]


def test_extra_colons_of_dovecot_neither_restrict_nor_hide_restrictions(site: Site) -> None:
    extras = NO_RESTRICTIONS + RESTRICTIONS
    lines = [b"u:{PLAIN}pw:1000:1000::/home/u:/bin/false:" + extra + b"\n" for extra in extras]
    helper = _serve(site, lines, 'format = "dovecot"\n')
    replies = {extra: helper.ask(b"1 VRFY u@c%d.example pw" % number) for number, extra in enumerate(extras)}
    assert replies == dict.fromkeys(NO_RESTRICTIONS, b"OK") | dict.fromkeys(RESTRICTIONS, NEGATIVE)


def test_usual_forms_let_the_user_in(site: Site) -> None:
    forms = [
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
    ]
    helper = _serve(site, [b"u:" + stored + b"\n" for stored, _ in forms])
    for number, (stored, password) in enumerate(forms):
        account = b"1 VRFY u@c%d.example " % number
        assert password is None or helper.ask(account + password) == b"OK", stored
        assert helper.ask(account + b"another") == NEGATIVE, stored
        assert helper.ask(account + b"pw") == NEGATIVE, stored  # the blank of `{PLAIN}pw ` counts


def test_des_gets_a_warning_and_is_counted(site: Site) -> None:
    content = b"u:" + DES + b"\nv:" + DES + b"\nw:" + APR1 + b"\nx:{SHA}W6ph5Mm5Pz8GgiULbPgzG37mj9g=\ny:{PLAIN}pw\n"
    warning = "passwords stored with DES, of which only the first 8 characters count: 2"
    helper = _serve(site, [content])
    helper.wait_for_information(f"file0: {warning}")
    assert helper.end() == 0
    checked = site.run("check", "-c", str(site.config)).stdout.decode()
    assert warning in checked
    assert "stored passwords that are quickly guessed: DES-CRYPT 2, SHA 1" in checked


def test_default_scheme_wins_over_the_guess_of_des(site: Site) -> None:
    helper = _serve(site, [b"u:" + DES + b"\n"], 'default_scheme = "PLAIN"\n')
    assert helper.ask(b"1 VRFY u@c0.example password") == NEGATIVE
    assert helper.ask(b"1 VRFY u@c0.example " + DES) == b"OK"


INVISIBLE = [
    (b"u: " + APR1, "unknown scheme: .*; it begins with a blank"),
    (b"u:\xc2\xa0" + APR1, "unknown scheme: .*; it begins with a no-break space"),
    (b"u:" + APR1[:20] + b"\t" + APR1[20:], "stored APR1 password: malformed; it contains a TAB"),
    (b"u :" + APR1, "its name begins or ends with a blank"),
    (b"\tu:" + APR1, "its name begins or ends with a TAB"),
    (b"u@%s :" + APR1, "its name begins or ends with a blank"),
    (b"u@%s\xe2\x80\x8b:" + APR1, "its name begins or ends with a zero-width space"),
]
"""A line, and a part of its problem."""


@pytest.mark.parametrize("before", [b"", b"v:" + APR1 + b"\n"], ids=["alone", "in a batch"])
def test_messages_name_invisible_characters(site: Site, before: bytes) -> None:
    domains = [b"c%d.example" % number for number in range(len(INVISIBLE))]
    lines = [line.replace(b"%s", domain) for (line, _), domain in zip(INVISIBLE, domains, strict=True)]
    helper = _serve(site, [before + line + b"\n" for line in lines])
    for number, (_, problem) in enumerate(INVISIBLE):
        helper.wait_for_information(f"file{number}, line {1 + before.count(b':')}: .*{problem}")
        assert helper.ask(b"1 VRFY u@c%d.example password" % number) == NEGATIVE
    assert helper.end() == 0
