"""`extauth passwd` and the other lines of a file: many accounts at once, the schemes of the file, bare names."""

from __future__ import annotations

import subprocess

import pytest

from tests.helper import Site

BCRYPT = "$2y$05$c4WoMPo3SXsafkva.HHa6uXQZWr7oboPiC2bT/r7q1BB8I2s0BRqC"


def passwd(site: Site, *arguments: str, given: bytes = b"SESAM\n") -> subprocess.CompletedProcess[bytes]:
    """Run `extauth passwd` on the site's password file."""
    return site.run("passwd", str(site.folder / "passwd"), *arguments, input=given)


def test_bulk_sets_the_passwords_of_many_accounts(site: Site) -> None:
    site.write("passwd", "# kept\nuser1@example.com:{PLAIN}old\nbob@example.com:{PLAIN}kept\n")
    given = b"".join(b"user%d@Example.com:pass:word %d\n" % (number, number) for number in range(500))
    done = passwd(site, "--bulk", "--scheme", "SSHA", given=given + b"\nuser7@example.com:last")
    assert (done.returncode, done.stderr) == (0, b"")
    assert done.stdout == b"499 accounts are added, 1 are changed\n"
    text = (site.folder / "passwd").read_text()
    assert text.startswith("# kept\nuser1@example.com:{SSHA}")
    assert len(text.splitlines()) == 502
    site.configure()
    assert site.session(
        b"1 VRFY user1 pass:word 1", b"2 VRFY user7 last", b"3 VRFY user499 pass:word 499", b"4 VRFY bob kept"
    ) == [b"%d OK" % number for number in (1, 2, 3, 4)]


@pytest.mark.parametrize(
    ("arguments", "given", "error"),
    [
        (["--bulk"], b"a@d.example:x\nno colon\n", "line 2: must be name@domain:password; no account was changed"),
        (["--bulk"], b"a@d.example:\n", "line 1: must be name@domain:password"),
        (["--bulk"], b"a@d.example:SESAM\0\n", "line 1: the password contains a NUL"),
        (
            ["--bulk"],
            b"a@d.example:x\n@:SESAM\n",
            "'@' is not an account: use name@domain, or a name for every domain; no account was changed",
        ),
        (["--bulk", "--delete"], b"a@d.example:SESAM\n", "Use --bulk or --delete"),
        (["--bulk", "a@d.example"], b"a@d.example:SESAM\n", "Use ACCOUNT or --bulk"),
        ([], b"SESAM\n", "Name one ACCOUNT, or use --bulk"),
    ],
)
def test_a_wrong_line_of_bulk_changes_nothing(site: Site, arguments: list[str], given: bytes, error: str) -> None:
    path = site.write("passwd", Site.ACCOUNTS)
    done = passwd(site, *arguments, given=given)
    assert done.returncode in (1, 2)
    assert error in done.stderr.decode()
    assert b"SESAM" not in done.stderr
    assert path.read_text() == Site.ACCOUNTS


@pytest.mark.parametrize(
    ("accounts", "begins", "remark"),
    [
        (f"a@d.example:{BCRYPT}\nb@d.example:{BCRYPT}\nc@d.example:{{PLAIN}}x\n", "$2", ""),
        ("a@d.example:$apr1$abcdefgh$Y.Oi3rA3dnWNmwiiEPvZE.\n# b:{SHA}x\n", "$argon2id$", "as APR1 1; if another"),
        ("a@d.example:abJnggxhB/yWI\n", "$argon2id$", "the others in this file as DES-CRYPT 1; if another program"),
        ("a@d.example:!\n", "$argon2id$", ""),
    ],
)
def test_a_new_password_has_the_scheme_of_the_file(site: Site, accounts: str, begins: str, remark: str) -> None:
    path = site.write("passwd", accounts)
    done = passwd(site, "new@d.example")
    assert done.returncode == 0
    assert path.read_text().splitlines()[-1].startswith(f"new@d.example:{begins}")
    assert remark in done.stderr.decode()
    assert bool(done.stderr) is bool(remark)


def test_a_bare_name_that_still_counts_is_reported(site: Site) -> None:
    path = site.write("passwd", "rita@press.example:{PLAIN}x\nrita:{PLAIN}y\n")
    remedy = f"to delete it, run: extauth passwd --delete {path} rita\n"
    done = passwd(site, "rita@press.example", "--scheme", "SSHA")
    assert done.stdout == b"rita@press.example is changed\n"
    assert done.stderr.decode() == (
        f"remark: {path}, line 2: rita is an account, too, in every other domain, with a password of its own; {remedy}"
    )
    bare = "rita is an account in every domain, so rita@press.example can still log in with it"
    done = passwd(site, "rita@press.example", "--delete")
    assert (done.returncode, done.stdout) == (0, b"rita@press.example is deleted\n")
    assert done.stderr.decode() == f"remark: {path}, line 1: {bare}; {remedy}"
    done = passwd(site, "rita@press.example", "--delete")
    assert done.returncode == 1
    assert done.stderr.decode() == f"Error: {path}: has no rita@press.example; {path}, line 1: {bare}; {remedy}"
    done = passwd(site, "rita", "--delete")
    assert (done.returncode, done.stderr, path.read_text()) == (0, b"", "")
