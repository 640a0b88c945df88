"""Verdicts of the PAM backend, through the real program: real libpam, real modules, and a scripted module."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from tests.backends.pam.configuration import LOG, NEGATIVE, OK, TEMPORARY, backend
from tests.backends.pam.services import Services
from tests.helper import Helper, Site

PAM_CODES = [code for code in range(1, 32) if code != 25]  # libpam turns 25, PAM_IGNORE, into PAM_PERM_DENIED
IN_EITHER_STAGE = {
    6: "USER_DISABLED",
    10: "USER_UNKNOWN",
    11: "USER_DISABLED",
    12: "PASSWORD_EXPIRED",
    13: "USER_DISABLED",
    19: "SCHEME_NOT_AVAILABLE",
    27: "PASSWORD_EXPIRED",
}
CODES = {
    "auth": IN_EITHER_STAGE | {6: "PASSWORD_MISMATCH", 7: "PASSWORD_MISMATCH"},
    "account": IN_EITHER_STAGE | {7: "USER_DISABLED"},
}


def test_pam_pwdfile_accepts_the_right_password_only(site: Site, services: Services) -> None:
    services.pwdfile("extauth", {"alice": "open sesame"})
    site.configure(backend())
    assert site.session(
        b"1 VRFY alice@example.com open sesame",
        b"2 VRFY alice@example.com open",
        b"3 VRFY alice@example.com open sesame ",
        b"4 VRFY bob@example.com open sesame",
        b"5 VRFY ALICE@example.com open sesame",
    ) == [b"1 OK", b"2 " + NEGATIVE, b"3 " + NEGATIVE, b"4 " + NEGATIVE, b"5 OK"]


def test_pam_matrix_refuses_in_the_account_stage(site: Site, services: Services) -> None:
    passdb = site.write("passdb", "alice:pw9:extauth\nbob:pw9:other\n", mode=0o644)
    module = next(Path("/usr/lib").glob("*/pam_wrapper/pam_matrix.so"))
    services.write("extauth", *(f"{kind} required {module} passdb={passdb} verbose" for kind in ("auth", "account")))
    site.configure(LOG + backend())
    helper = site.serve()
    assert helper.ask(b"1 VRFY alice@example.com pw9") == OK
    assert helper.ask(b"2 VRFY alice@example.com no") == NEGATIVE
    assert helper.ask(b"3 VRFY bob@example.com pw9") == NEGATIVE
    helper.wait_for_information("account=bob@example.com .* verdict=USER_DISABLED .*access is denied")


@pytest.mark.parametrize("stage", ["auth", "account"])
def test_every_return_code_has_its_verdict(script: Helper, stage: str) -> None:
    for code in PAM_CODES:
        expected = CODES[stage].get(code)
        reply = script.ask(b"%d VRFY %s-%d@example.com right" % (code, stage.encode(), code))
        assert reply == (TEMPORARY if expected is None else NEGATIVE), code
        script.wait_for_information(f"account={stage}-{code}@example.com .* verdict={expected or 'TEMPORARY_FAILURE'} ")


def test_a_temporary_failure_is_logged_with_stage_and_code(script: Helper) -> None:
    assert script.ask(b"1 VRFY auth-9@example.com right") == TEMPORARY
    assert script.ask(b"2 VRFY account-4@example.com right") == TEMPORARY
    script.wait_for_information(r'account=auth-9@.* reason="PAM, authentication stage: .* \(code 9\)"')
    script.wait_for_information(r'account=account-4@.* reason="PAM, account stage: .* \(code 4\)"')


def test_a_stack_without_a_decision_denies_access(script: Helper) -> None:
    for code in (25, 99):  # PAM_IGNORE and a code that does not exist: libpam turns both into PAM_PERM_DENIED
        assert script.ask(b"%d VRFY auth-%d@example.com right" % (code, code)) == NEGATIVE
        script.wait_for_information(f"account=auth-{code}@.* verdict=PASSWORD_MISMATCH .*access is denied")


@pytest.mark.parametrize(
    ("user", "right"),
    [
        ("anybody", OK),
        ("informs", OK),
        ("prompts-twice", OK),
        ("prompts-together", NEGATIVE),
        ("informs-together", NEGATIVE),
        ("shows", NEGATIVE),
        ("terminal", OK),
    ],
)
def test_messages_and_prompts_of_a_module_break_nothing(
    site: Site, services: Services, scripted: Path, user: str, right: bytes
) -> None:
    services.write("extauth", f"auth required {scripted}", f"account required {scripted}")
    site.configure("[helper]\nworkers = 1\n" + backend(concurrency=1))
    helper = site.serve(env=os.environ | {"DISPLAY": ":0\xe9"})
    for number in range(20):
        assert helper.ask(f"{number}r VRFY {user}@example.com right".encode()) == right
        assert helper.ask(f"{number}w VRFY {user}@example.com wrong".encode()) == NEGATIVE
    assert not [line for line in helper.information if "killed" in line]


def test_both_stages_get_the_flag_against_empty_passwords(script: Helper) -> None:
    assert script.ask(b"1 VRFY flags@example.com right") == OK


@pytest.mark.parametrize("password", [b"x" * 512, b"x" * 4097])
def test_a_password_that_modules_would_cut_is_wrong(site: Site, services: Services, password: bytes) -> None:
    services.pwdfile("extauth", {"alice": "x" * 200})
    site.configure(LOG + backend())
    helper = site.serve()
    assert helper.ask(b"1 VRFY alice@example.com " + password) == NEGATIVE
    helper.wait_for_information("verdict=PASSWORD_MISMATCH .*more than 511 bytes")


def test_a_password_may_have_any_bytes(site: Site, services: Services) -> None:
    services.pwdfile("extauth", {"alice": "pässword \u20ac"})
    site.configure(backend())
    assert site.session(
        "1 VRFY alice@example.com pässword \u20ac".encode(),
        b"2 VRFY alice@example.com \xff\xfe",
        "3 VRFY alice@example.com pässword ".encode("latin-1"),
    ) == [b"1 OK", b"2 " + NEGATIVE, b"3 " + NEGATIVE]


def test_mechanisms_are_refused(site: Site, services: Services) -> None:
    services.pwdfile("extauth", {"alice": "pw9"})
    site.configure(LOG + backend())
    helper = site.serve()
    assert helper.ask(b"1 SASL(APOP) alice@example.com 65f5d217d17f4309ca6f83d347a31d62 <1>") == NEGATIVE
    helper.wait_for_information("verdict=SCHEME_NOT_AVAILABLE")


def test_an_account_stage_refusal_holds_for_mechanisms_too(site: Site, services: Services, scripted: Path) -> None:
    services.write("extauth", f"auth required {scripted}", f"account required {scripted}")
    names = ("account-13", "account-6", "account-12", "anybody", "root")
    site.write("passwd", "".join(f"{name}@example.com:{{PLAIN}}pw9\n" for name in names))
    files = '[[backend]]\ntype = "files"\npath = "passwd"\nreadplain = true\n'
    site.configure(LOG + backend() + files)
    helper = site.serve()
    helper.ask(b"0 INTF 7")
    for name in names:
        may = name == "anybody"
        apop = b"SASL(APOP) %s@example.com 65f5d217d17f4309ca6f83d347a31d62 <1>" % name.encode()
        assert helper.ask(b"1 " + apop) == (OK if may else NEGATIVE), name
        plain = helper.ask(b"2 READPLAIN %s@example.com" % name.encode())
        assert plain == (b"PLAIN pw9" if may else b"FAILURE not available"), name
    helper.wait_for_information("account=account-13@example.com .* verdict=USER_DISABLED backend=pam")


def _serve_faillock(site: Site, services: Services) -> Helper:
    """Serve Debian's example of pam_faillock, with pam_pwdfile in place of pam_unix. A second backend follows."""
    services.pwdfile("extauth", {"alice": "pw-of-pam"})
    pwdfile = services.folder.parent / "extauth.pwdfile"
    counts = f"dir={site.folder / 'counts'} deny=1000"
    services.write(
        "extauth",
        f"auth [success=1 default=ignore] pam_pwdfile.so pwdfile={pwdfile}",
        f"auth [default=die] pam_faillock.so authfail {counts}",
        "auth required pam_permit.so",
        "account required pam_permit.so",
    )
    site.write("passwd", "alice@example.com:{PLAIN}pw-of-file\n")
    site.configure(LOG + backend() + '[[backend]]\ntype = "files"\npath = "passwd"\n')
    return site.serve()


def test_wrong_password_with_faillock_leads_to_the_next_backend(site: Site, services: Services) -> None:
    helper = _serve_faillock(site, services)
    assert helper.ask(b"1 VRFY alice@example.com pw-of-pam") == OK
    assert helper.ask(b"2 VRFY alice@example.com pw-of-file") == OK
    helper.wait_for_information("account=alice@example.com .* verdict=OK backend=files")
    assert helper.ask(b"3 VRFY alice@example.com another") == NEGATIVE
    assert helper.end() == 0


def test_denial_in_the_account_stage_ends_the_chain(site: Site, services: Services) -> None:
    services.pwdfile("extauth", {"alice": "same"})
    pwdfile = services.folder.parent / "extauth.pwdfile"
    services.write("extauth", f"auth required pam_pwdfile.so pwdfile={pwdfile}", "account required pam_deny.so")
    site.write("passwd", "alice@example.com:{PLAIN}same\n")
    site.configure(LOG + backend() + '[[backend]]\ntype = "files"\npath = "passwd"\n')
    helper = site.serve()
    assert helper.ask(b"1 VRFY alice@example.com same") == NEGATIVE
    helper.wait_for_information("verdict=USER_DISABLED backend=pam")
    assert helper.end() == 0
