"""The commands of the CLI: accounts, aliases, passwords, settings, domains and the log."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from extauth.harness.mail.pwd.cli import CliCommand
from extauth.harness.mail.pwd.connection import COMMANDS
from tests.harness.mail.pwd.admin import Admin
from tests.harness.mail.server import MailServer

_PAGE = Path(__file__, "../../../../../docs/mail-server-pwd.md").resolve()


def test_accounts_are_created_renamed_listed_and_deleted(cli_server: MailServer) -> None:
    with Admin(cli_server) as admin:
        assert admin.run(
            'CreateAccount anna@second.net TextMailbox {Password="secret of anna";RealName="Anna";}',
            "CREATEACCOUNT ANNA@second.org",
            "RENAMEACCOUNT anna@second.org into berta@second.org",
            "RENAMEACCOUNT berta@second.org INTO bob@second.org",
            "RENAMEACCOUNT berta@second.org INTO berta@mymac.ru",
            "LISTACCOUNTS second.org",
            "GETACCOUNTSETTINGS anna@second.org",
        ) == [
            "200 OK",
            "520 account name already exists",
            "200 OK",
            "520 account name already exists",
            "501 an account cannot move to another domain",
            "201 { postmaster = macnt; master = macnt; bob = macnt; berta = macnt; }",
            "513 unknown user account",
        ]
        assert admin.run(
            'VERIFYACCOUNTPASSWORD berta@second.org PASSWORD "secret of anna"',
            "DELETEACCOUNT berta@second.org",
            "DELETEACCOUNT berta@second.org",
        ) == [
            "200 OK",
            "200 OK",
            "513 unknown user account",
        ]


def test_an_alias_finds_its_account_until_it_is_removed(cli_server: MailServer) -> None:
    with Admin(cli_server) as admin:
        assert admin.run(
            "CREATEACCOUNT al",
            "SETACCOUNTALIASES al (a.lice, al1)",
            "GETACCOUNTALIASES a.lice",
            "CREATEACCOUNT a.lice",
            "SETACCOUNTALIASES al (user1)",
            "RENAMEACCOUNT al INTO alice",
            "GETACCOUNTALIASES al1",
            "SETACCOUNTALIASES alice (al1)",
            "GETACCOUNTALIASES a.lice",
            "DELETEACCOUNT alice",
            "GETACCOUNTALIASES al1",
        ) == [
            "200 OK",
            "200 OK",
            '201 ("a.lice", al1)',
            "520 account name already exists",
            "520 account name already exists",
            "200 OK",
            '201 ("a.lice", al1)',
            "200 OK",
            "513 unknown user account",
            "200 OK",
            "513 unknown user account",
        ]


def test_passwords_are_set_verified_and_read(cli_server: MailServer) -> None:
    with Admin(cli_server) as admin:
        assert admin.run(
            'CREATEACCOUNT pw {PasswordEncryption = "A-crpt";}',
            "VERIFYACCOUNTPASSWORD pw PASSWORD x",
            r'SETACCOUNTPASSWORD pw PASSWORD "a \"b\" \228" CHECK',
            r'VERIFYACCOUNTPASSWORD pw PASSWORD "a \"b\" \228"',
            "VERIFYACCOUNTPASSWORD pw PASSWORD a",
            "GETACCOUNTPLAINPASSWORD pw",
            'UPDATEACCOUNTSETTINGS pw {"PasswordEncryption" = "U-crpt"; Password = other;}',
            "VERIFYACCOUNTPASSWORD pw PASSWORD other",
            "GETACCOUNTPLAINPASSWORD pw",
            "UPDATEACCOUNTSETTINGS pw {UseAppPassword = NO;}",
            "VERIFYACCOUNTPASSWORD pw PASSWORD other",
            "SETACCOUNTPASSWORD pw PASSWORD third",
        )[1:] == [
            "515 incorrect password",
            "200 OK",
            "200 OK",
            "515 incorrect password",
            '201 "a \\"b\\" \udce4"',
            "200 OK",
            "200 OK",
            "501 the account has no own password in clear text",
            "200 OK",
            "515 incorrect password",
            "501 this account cannot have an own password: UseAppPassword is NO",
        ]
    log = "\n".join(cli_server.log)
    assert "set the own password of pw@mymac.ru" in log
    assert not re.search(r"\b(other|third)\b|secret of", log)


def test_settings_are_shown_with_and_without_defaults(cli_server: MailServer) -> None:
    with Admin(cli_server) as admin:
        assert admin.run(
            'CREATEACCOUNT set {UseAppPassword=NO;RealName="Ann B";}',
            "UPDATEACCOUNTSETTINGS set {UseAppPassword=default;RequireAPOP=YES;MaxAccountSize=#5;}",
            "GETACCOUNTSETTINGS set",
            "UPDATEACCOUNTSETTINGS set {RealName=default;UseExtPassword=maybe;}",
            "UPDATEACCOUNTSETTINGS set {Password=new;UseSysPassword=YES;}",
            "UPDATEACCOUNTSETTINGS set {RealName=default;Password=#5;}",
            "GETACCOUNTEFFECTIVESETTINGS set",
            "CREATEACCOUNT bad {UseAppPassword=#1;}",
            "GETACCOUNTSETTINGS bad",
            "DELETEACCOUNT set",
        ) == [
            "200 OK",
            "200 OK",
            '201 { RealName = "Ann B"; RequireAPOP = YES; MaxAccountSize = #5; }',
            "501 UseExtPassword must be YES, NO or default",
            "501 UseSysPassword: no account of the accounts file has use_os_password, so PAM is off",
            "501 Password must be a string",
            "201 { UseAppPassword = YES; UseSysPassword = NO; UseExtPassword = NO; RequireAPOP = YES; "
            'PasswordEncryption = clear; RealName = "Ann B"; MaxAccountSize = #5; }',
            "501 UseAppPassword must be YES, NO or default",
            "513 unknown user account",
            "200 OK",
        ]


def test_domains_and_modules_keep_their_settings(cli_server: MailServer) -> None:
    with Admin(cli_server) as admin:
        assert admin.run(
            "LISTDOMAINS",
            "UPDATEDOMAINSETTINGS second.net {ExternalOnUnknown=YES;Comment=[Zm9v];}",
            "UPDATEDOMAINSETTINGS second.net {Comment=default;}",
            "GETDOMAINSETTINGS second.org",
            "GETDOMAINSETTINGS",
            "GETDOMAINSETTINGS third.org",
            "UPDATEMODULE smtp {LogLevel=3;}",
            "GETMODULE SMTP",
        ) == [
            '201 ("mymac.ru", "second.org")',
            "200 OK",
            "200 OK",
            "201 { ExternalOnUnknown = YES; }",
            "201 {}",
            "512 unknown secondary domain name",
            "200 OK",
            "201 { LogLevel = 3; }",
        ]


def test_the_log_names_settings_without_effect(cli_server: MailServer) -> None:
    seen = len(cli_server.log)
    with Admin(cli_server) as admin:
        replies = admin.run(
            "UPDATEACCOUNTSETTINGS pbx {UseExtPasword=YES;RealName=Bob;UseAppPassword=YES;}",
            "CREATEACCOUNT mute {RealName=Mute;}",
            "DELETEACCOUNT mute",
            "UPDATEDOMAINSETTINGS second.org {failedLoginFlow=(3,1m);}",
            "UPDATEMODULE POP {Grants=(127.0.0.9);}",
            "UPDATEMODULE POPS {Deny=(127.0.0.9);}",
        )
        assert replies == ["200 OK"] * 6
    cli_server.wait_for("unknown module", since=seen)
    records = [record for record in cli_server.log[seen:] if "unknown" in record]
    assert [re.sub(r" PWD \[\d+\] unknown", "", record) for record in records] == [
        "3 settings of pbx@mymac.ru, kept without effect: UseExtPasword (did you mean UseExtPassword?), RealName",
        "4 settings of mute@mymac.ru, kept without effect: RealName",
        "3 settings of the domain second.org, kept without effect: failedLoginFlow (did you mean FailedLoginFlow?)",
        "3 settings of the module POP, kept without effect: Grants (did you mean Grant?)",
        "3 module, kept without effect: POPS (did you mean POP?)",
    ]


def test_a_command_has_at_most_1000_values(cli_server: MailServer) -> None:
    def lists(count: int) -> list[str]:
        names = [f"name{number}" for number in range(count)]
        settings = "".join(f"{name}=x;" for name in names)
        return [
            f"SETACCOUNTALIASES many ({', '.join(names)})",
            f"SETACCOUNTRIGHTS many ({', '.join(names)})",
            f"UPDATEACCOUNTSETTINGS many {{{settings}}}",
            f"UPDATEDOMAINSETTINGS second.org {{{settings}}}",
            f"UPDATEMODULE LDAP {{{settings}}}",
            f"UPDATEMODULE LDAP {{Clients=({', '.join(names)});}}",
        ]

    kinds = ("aliases", "access rights", "settings", "settings", "settings", "values in a list")
    with Admin(cli_server) as admin:
        assert admin.run("CREATEACCOUNT many", *lists(1_001)) == [
            "200 OK",
            *(f"501 more than 1,000 {kind}" for kind in kinds),
        ]
        assert admin.run(*lists(1_000)[:3], "DELETEACCOUNT many") == ["200 OK"] * 4


def test_writelog_writes_one_record(cli_server: MailServer) -> None:
    with Admin(cli_server) as admin:
        assert admin.run(r'WRITELOG 2 "first\nsecond"', "WRITELOG 9 x") == [
            "200 OK",
            "501 wrong arguments; use: WRITELOG level text",
        ]
    cli_server.wait_for(r"2 PWD \[\d+\] postmaster@mymac.ru: first\\nsecond$")


def test_wrong_arguments_show_the_syntax(cli_server: MailServer) -> None:
    with Admin(cli_server) as admin:
        for command in COMMANDS.values():
            [reply] = admin.run(f"{command.name} postmaster@mymac.ru ({{a=b;}}) ({{a=b;}}) x")
            assert reply[:3] in ("501", "512"), command
        assert admin.run(
            "DELETEACCOUNT", "RENAMEACCOUNT a TO b", 'CREATEACCOUNT "secret', r'CREATEACCOUNT "a\r\nb"'
        ) == [
            "501 wrong arguments; use: DELETEACCOUNT account",
            "501 wrong arguments; use: RENAMEACCOUNT account INTO new-name",
            "501 CREATEACCOUNT: a broken quoted string, at byte 0 of the arguments",
            "501 the account name has a control character",
        ]
    cli_server.wait_for(r"4 PWD \[\d+\] postmaster@mymac.ru: RENAMEACCOUNT failed: 501 wrong arguments; use: RENAMEACC")
    cli_server.wait_for(r"4 PWD \[\d+\] postmaster@mymac.ru: CREATEACCOUNT failed: 501 the account name has a control")


@pytest.mark.parametrize("command", COMMANDS.values(), ids=lambda command: command.name)
def test_the_page_has_each_command(command: CliCommand) -> None:
    row = f"| `{command.name} {command.arguments}".rstrip() + "` | "
    assert row in _PAGE.read_text()
