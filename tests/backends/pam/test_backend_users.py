"""OS users of the PAM backend, through the real program: pam_unix, min_uid, the username template."""

from __future__ import annotations

import re

import pytest

from tests.backends.pam.configuration import LOG, NEGATIVE, OK, UNIX, backend, check
from tests.backends.pam.services import Services
from tests.helper import Helper, Site
from tests.paths import EXAMPLES


def test_pam_unix_refuses_locked_expired_and_empty_passwords(unix: Helper) -> None:
    for user, verdict in UNIX.items():
        assert unix.ask(f"{user} VRFY {user}@example.com pw9".encode()) == (OK if verdict == "OK" else NEGATIVE)
        unix.wait_for_information(f"account={user}@example.com .* verdict={verdict} ")
        assert unix.ask(f"{user}-wrong VRFY {user}@example.com wrong".encode()) == NEGATIVE


def test_the_example_serves_the_accounts_of_the_system(site: Site, services: Services, users: dict[str, str]) -> None:
    services.write("extauth", *(EXAMPLES / "pam.service").read_text().splitlines())
    site.configure((EXAMPLES / "pam.toml").read_text() + 'service_folder = "pam.d"\n')
    helper = site.serve(env=users)
    for number, (user, verdict) in enumerate(UNIX.items()):
        expected = OK if verdict == "OK" else NEGATIVE
        assert helper.ask(f"{number} VRFY {user}@example.com pw9".encode()) == expected


def test_pam_nologin_refuses_in_the_account_stage(site: Site, services: Services) -> None:
    closed = site.write("nologin", "maintenance\n", mode=0o644)
    services.pwdfile("extauth", {"alice": "pw9"})
    with (services.folder / "extauth").open("a") as file:
        file.write(f"account required pam_nologin.so file={closed}\n")
    site.configure(LOG + backend())
    helper = site.serve()
    assert helper.ask(b"1 VRFY alice@example.com pw9") == NEGATIVE
    helper.wait_for_information("account=alice@example.com .* verdict=USER_(DISABLED|UNKNOWN)")


@pytest.mark.parametrize(("setting", "accepted"), [({}, False), ({"min_uid": 1}, False), ({"min_uid": 0}, True)])
def test_root_cannot_log_in_unless_min_uid_is_zero(
    site: Site, services: Services, setting: dict[str, object], accepted: bool
) -> None:
    services.pwdfile("extauth", {"root": "pw9"})
    site.configure(LOG + backend(**setting))
    helper = site.serve()
    assert helper.ask(b"1 VRFY root@example.com pw9") == (OK if accepted else NEGATIVE)
    assert helper.ask(b"2 VRFY Root@example.com pw9") == (OK if accepted else NEGATIVE)
    if not accepted:
        helper.wait_for_information("verdict=USER_DISABLED .*uid 0 is below min_uid")


def test_new_asks_the_user_database_of_the_system(site: Site, services: Services, users: dict[str, str]) -> None:
    services.write("extauth", "auth required pam_permit.so", "account required pam_permit.so")
    site.configure(LOG + backend())
    helper = site.serve(env=users)
    assert helper.ask(b"0 INTF 7") == b"INTF 7"
    for user in ("right", "locked", "expired"):
        assert helper.ask(f"1 NEW {user}@example.com".encode()) == b"FAILURE account not created"
    assert helper.ask(b"2 NEW system@example.com") == b"ERROR unknown account"
    assert helper.ask(b"3 NEW stranger@example.com") == b"FAILURE temporary failure"
    helper.wait_for_information("account=system@.* command=NEW verdict=USER_UNKNOWN .*below min_uid")
    helper.wait_for_information("account=stranger@.* command=NEW verdict=TEMPORARY_FAILURE .*but PAM may have it")
    assert helper.ask(b"4 READPLAIN right@example.com") == b"FAILURE not available"


# --- the username template ----------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("template", "user"),
    [
        ("*", "alice"),
        ("{name}", "alice"),
        ("*-{domain}", "alice-example.com"),
        ("dom1_*", "dom1_alice"),
        ("{name}%{domain}", "alice%example.com"),
        ("*.*", "alice.alice"),
    ],
)
def test_the_template_makes_the_user_name(site: Site, services: Services, template: str, user: str) -> None:
    services.pwdfile("extauth", {user: "pw9"})
    site.configure(backend(username=template))
    assert site.session(b"1 VRFY alice@example.com pw9") == [b"1 OK"]


@pytest.mark.parametrize(
    ("template", "error"),
    [
        ("", r"username = '': must contain \* or {name}; without it all accounts are one user"),
        ("mail", r"must contain \* or {name}"),
        ("mail-{domain}", r"must contain \* or {name}"),
        ("*-{user}", r"{user} is unknown; use \*, {name} or {domain}"),
        ("*}", "} is unknown"),
        ("{{name}}", "{ is unknown"),
    ],
)
def test_a_wrong_username_template_is_refused(site: Site, services: Services, template: str, error: str) -> None:
    site.configure(backend(username=template))
    done = site.run("check", "-c", str(site.config))
    assert done.returncode == 1
    assert re.search(error, done.stderr.decode())


@pytest.mark.parametrize("name", ["-x", "../alice", "/etc/passwd", "*", ")(uid=*", "{domain}", "%s%n", "älice", "a@b"])
def test_a_name_is_passed_to_pam_unchanged(site: Site, services: Services, name: str) -> None:
    services.pwdfile("extauth", {name: "pw9"})
    site.configure(backend())
    assert site.session(
        f"1 VRFY {name}@example.com pw9".encode(), b"2 VRFY alice@example.com pw9", b"3 VRFY passwd@example.com pw9"
    ) == [b"1 OK", b"2 " + NEGATIVE, b"3 " + NEGATIVE]


def test_one_os_user_for_several_domains_gets_a_warning(site: Site, services: Services) -> None:
    services.pwdfile("extauth", {"alice": "pw9"})
    warning = "is the same OS user in every domain of this backend"
    for settings, warned in (
        ({}, True),
        ({"domains": ["a.example", "b.example"]}, True),
        ({"domains": ["a.example"]}, False),
        ({"username": "*-{domain}"}, False),
    ):
        site.configure(backend(**settings))
        assert (warning in check(site)) is warned
