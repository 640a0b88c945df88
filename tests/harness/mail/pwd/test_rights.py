"""Access rights: what each of them allows and forbids."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from extauth.harness.mail.pwd.connection import COMMANDS
from extauth.harness.mail.pwd.rights import Need
from tests.harness.mail.pwd.admin import Admin
from tests.harness.mail.server import MailServer

_GRANTS = {
    "accounts@mymac.ru": "(UserAccounts)",
    "settings@mymac.ru": "(Settings)",
    "monitor@mymac.ru": "(Monitoring)",
    "local@mymac.ru": "(Domain, BasicSettings)",
    "master@second.org": "(Domain)",
}

_COMMANDS = {
    "MAINDOMAINNAME": "postmaster accounts settings monitor local master bob",
    "GETACCOUNTSETTINGS user1@mymac.ru": "postmaster accounts local",
    "GETACCOUNTSETTINGS bob@second.org": "postmaster accounts master",
    "SETACCOUNTALIASES bob@second.net ()": "postmaster accounts master",
    "LISTACCOUNTS": "postmaster accounts local master",
    "GETDOMAINSETTINGS mymac.ru": "postmaster accounts local",
    "UPDATEDOMAINSETTINGS second.org {}": "postmaster accounts master",
    "LISTDOMAINS": "postmaster accounts",
    "GETMODULE SMTP": "postmaster settings",
    "WRITELOG 5 hello": "postmaster monitor",
    "GETACCOUNTRIGHTS bob@second.org": "postmaster accounts master",
    "SETACCOUNTRIGHTS pbx@mymac.ru ()": "postmaster",
    "SETACCOUNTRIGHTS postmaster@second.org (CanImpersonate)": "postmaster accounts",
}
"""Commands, and the callers that may run each of them."""

_CALLERS = [*(["postmaster", "accounts", "settings", "monitor", "local"]), "master@second.org", "bob@second.org"]


@pytest.fixture(scope="module")
def granted(cli_server: MailServer) -> Iterator[MailServer]:
    """The mail server after the grants."""
    with Admin(cli_server) as admin:
        commands = [f"SETACCOUNTRIGHTS {name} {rights}" for name, rights in _GRANTS.items()]
        assert admin.run(*commands) == ["200 OK"] * len(commands)
    yield cli_server


@pytest.mark.parametrize("caller", _CALLERS)
def test_a_right_allows_its_commands_and_no_others(granted: MailServer, caller: str) -> None:
    with Admin(granted, caller) as admin:
        replies = dict(zip(_COMMANDS, admin.run(*_COMMANDS), strict=True))
    allowed = {command for command, reply in replies.items() if reply[:3] in ("200", "201")}
    refused = {command for command, reply in replies.items() if reply.startswith("501 access denied: ")}
    assert allowed | refused == set(_COMMANDS), replies
    assert allowed == {command for command, names in _COMMANDS.items() if caller.partition("@")[0] in names.split()}


def test_without_a_right_no_command_changes_or_shows_anything(granted: MailServer) -> None:
    with Admin(granted, "user1") as user:
        for command in COMMANDS.values():
            if command.need is not Need.NOTHING:
                argument = {Need.ONE_DOMAIN: "second.org"}.get(command.need, "bob@second.org")
                assert user.run(f"{command.name} {argument} x")[0].startswith("501 access denied: "), command


def test_a_refused_command_is_logged_with_the_missing_right(granted: MailServer) -> None:
    seen = len(granted.log)
    with Admin(granted, "user1") as user:
        assert user.run("SETACCOUNTPASSWORD bob@second.org PASSWORD hidden") == [
            "501 access denied: SETACCOUNTPASSWORD for second.org needs the right UserAccounts, "
            "or Domain in the same domain"
        ]
    records = granted.wait_for("refused: ", since=seen)
    assert "refused: user1@mymac.ru: SETACCOUNTPASSWORD for second.org: needs the right UserAccounts" in records[-1]
    assert "hidden" not in "".join(records)


@pytest.mark.parametrize("right", ["Master", "UserAccounts", "Settings", "Monitoring"])
def test_server_wide_rights_exist_only_in_the_main_domain(granted: MailServer, right: str) -> None:
    with Admin(granted) as admin:
        assert admin.run(f"SETACCOUNTRIGHTS bob@second.org ({right})", "GETACCOUNTRIGHTS bob@second.org") == [
            f"501 only an account of the main domain mymac.ru can have the right {right}",
            "201 ()",
        ]


def test_password_of_an_account_gives_no_more_rights(granted: MailServer) -> None:
    def run(caller: str, *commands: str) -> str:
        with Admin(granted, caller) as admin:
            return "".join("+" if reply[0] == "2" else "-" for reply in admin.run(*commands))

    commands = (
        "SETACCOUNTPASSWORD {} PASSWORD own1",
        "VERIFYACCOUNTPASSWORD {} PASSWORD own1",
        "GETACCOUNTPLAINPASSWORD {}",
        "UPDATEACCOUNTSETTINGS {} {{Password=own1;}}",
        "RENAMEACCOUNT {} INTO {}x",
        "DELETEACCOUNT {}",
        "SETACCOUNTALIASES {} ()",
        "CREATEACCOUNT {}",
        "GETACCOUNTRIGHTS {}",
    )
    seen = len(granted.log)
    with Admin(granted) as admin:
        admin.run("SETACCOUNTALIASES postmaster (chief)")
        for caller, target in (
            ("local", "postmaster"),
            ("local", "CHIEF"),
            ("local", "monitor"),
            ("accounts", "settings"),
        ):
            assert run(caller, *(command.format(target, target) for command in commands)) == "--------+", target
        assert run("local", "SETACCOUNTPASSWORD postmaster PASSWORD own1", "GETACCOUNTSETTINGS user1") == "-+"
        assert run("accounts", 'SETACCOUNTPASSWORD local PASSWORD "secret of local"') == "+"
        assert run("accounts", 'SETACCOUNTPASSWORD master@second.org PASSWORD "secret of master"') == "+"
        assert run("local", 'SETACCOUNTPASSWORD local PASSWORD "secret of local"') == "+"
        assert admin.run("SETACCOUNTALIASES postmaster ()") == ["200 OK"]
    record = (
        "refused: local@mymac.ru: SETACCOUNTPASSWORD for postmaster@mymac.ru: needs the rights of this account: Master"
    )
    assert record in granted.wait_for("SETACCOUNTPASSWORD for postmaster", seen)[-1]


def test_a_domain_master_cannot_rename_into_another_domain(granted: MailServer) -> None:
    with Admin(granted, "master@second.org") as master:
        [reply] = master.run("RENAMEACCOUNT bob INTO bob@mymac.ru")
    assert reply.startswith("501 access denied: RENAMEACCOUNT for mymac.ru needs the right ")


def test_nobody_deletes_the_own_account_or_gives_up_master(granted: MailServer) -> None:
    with Admin(granted) as admin:
        assert admin.run("DELETEACCOUNT postmaster", "SETACCOUNTRIGHTS postmaster (Domain)") == [
            f"501 access denied: {command} your own account; another administrator can do that"
            for command in (
                "DELETEACCOUNT for postmaster@mymac.ru would delete",
                "SETACCOUNTRIGHTS for postmaster@mymac.ru would take Master from",
            )
        ]
        assert admin.run("SETACCOUNTRIGHTS postmaster (Master, Domain)", "GETACCOUNTRIGHTS postmaster") == [
            "200 OK",
            "201 (Master, Domain)",
        ]
        assert admin.run("SETACCOUNTRIGHTS postmaster (Master)") == ["200 OK"]


def test_a_lost_right_counts_at_once_and_others_stay(granted: MailServer) -> None:
    with Admin(granted) as admin, Admin(granted, "local") as local:
        assert admin.run("GETACCOUNTRIGHTS local") == ["201 (Domain, BasicSettings)"]
        assert local.run("LISTACCOUNTS")[0].startswith("201 ")
        assert admin.run("SETACCOUNTRIGHTS local (BasicSettings)") == ["200 OK"]
        assert local.run("LISTACCOUNTS")[0].startswith("501 access denied: ")
        assert admin.run("SETACCOUNTRIGHTS local (Domain, BasicSettings)") == ["200 OK"]
