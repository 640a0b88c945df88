"""The accounts file of the mail server: defaults, and errors in it."""

from __future__ import annotations

import re
from pathlib import Path

import msgspec
import pytest

from extauth.errors import ConfigError
from extauth.harness.mail.accounts import AccountSettings
from extauth.harness.mail.accounts_file import AccountTable, DomainTable, TopLevelTable, read_accounts
from extauth.model import Account
from extauth.settings import Settings
from tests.paths import ROOT

ACCOUNTS = """\
[[domain]]
name = "example.com"
[[domain.account]]
name = "alice"
"""


def accounts(lines: str) -> str:
    return f'[[domain]]\nname = "example.com"\n{lines}\n'


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("x = ", "is not TOML"),
        ("", "has no [[domain]]"),
        ("colour = 1\n" + ACCOUNTS, "colour: unknown key"),
        (
            'client_addresses = ["127.0.0.300"]\n' + ACCOUNTS,
            "client_addresses: '127.0.0.300' must be an address, a network or a range",
        ),
        (
            '[listener.pop3s]\ndeny = ["127.0.0.1"]\n' + ACCOUNTS,
            "[listener.pop3s]: must be one of pop3, imap, smtp, pwd;",
        ),
        (
            '[listener.pop3]\ngrant = ["127.0.0.1/8"]\n' + ACCOUNTS,
            "[listener.pop3] grant: '127.0.0.1/8' must be a network; write 127.0.0.0/8",
        ),
        ("[listener.imap]\ndenny = []\n" + ACCOUNTS, "[listener.imap] denny: unknown key; did you mean deny?"),
        ("[defaults]\nuse_own = true\n" + ACCOUNTS, "[defaults] use_own: unknown key; did you mean use_own_password?"),
        ("[[domain]]\n", "[[domain]] number 1, name: is missing"),
        ('[[domain]]\nname = "exa mple"\n', "[[domain]] number 1, name: 'exa mple' must be a host name"),
        (accounts('aliases = ["a b"]'), "aliases: 'a b' must be a host name"),
        (accounts('aliases = ["EXAMPLE.com"]'), "the domain or alias 'example.com' appears twice"),
        (accounts('addresses = ["192.0.2.1"]'), "addresses: '192.0.2.1' must be a loopback address"),
        (accounts('os_user_name = "mail"'), "os_user_name = 'mail': must contain *"),
        (
            accounts('failed_login_flow = [0, "1m"]'),
            "[[domain]] number 1, failed_login_flow: FailedLogin",
        ),
        (accounts('failed_login_flow = [5, "1w"]'), "FailedLoginFlow must be a number and a time with s, m, h or d"),
        (accounts('[[domain.account]]\nname = "*"\n' * 2), "the account '*@example.com' appears twice"),
        (accounts('[[domain.account]]\nname = "*"\npassword = "tanstaaf"'), "'*@example.com' must not have a password"),
        (accounts('key = "x.pem"'), "certificate and key: set both or neither"),
        (
            accounts('certificate = "/nowhere/x.pem"\nkey = "/nowhere/x.key"'),
            "[[domain]] number 1, certificate and key: /nowhere/x.pem: No such file or directory",
        ),
        (accounts("[[domain.account]]"), "[[domain.account]] number 1 of example.com, name: is missing"),
        (accounts('[[domain.account]]\nname = "a@b"'), "name = 'a@b': must not contain a domain"),
        (accounts('[[domain.account]]\nname = ""'), "name = '': has an empty name or domain"),
        (accounts('[[domain.account]]\nname = "a"\n' * 2), "the account 'a@example.com' appears twice"),
        (accounts('[[domain.account]]\nname = "a"\npassword = 1'), "password = (not shown): must be a string"),
        (
            accounts('[[domain.account]]\nname = "a"\npassword_hash = "tanstaaf"'),
            "password_hash = (not shown): must be a complete hash that begins with one of $6$",
        ),
        (
            accounts('[[domain.account]]\nname = "a"\npassword_hash = "$6$tanstaaf"'),
            "password_hash = (not shown): must be a complete hash that begins with one of $6$",
        ),
        (
            accounts('[[domain.account]]\nname = "a"\npassword_hash = "{SHA}x"'),
            "[[domain.account]] number 1 of example.com, password_hash = (not shown): must be a complete hash",
        ),
        (
            accounts('[[domain.account]]\nname = "a"\npassword_hash = "{MD5}tanstaaf"'),
            "password_hash = (not shown): must be a complete hash",
        ),
        (
            accounts('[[domain.account]]\nname = "a"\npassword_hash = "{SHA}2jmj7l5rSw0yVb/vlWAYkK/YBwk="'),
            "password_hash = (not shown): must not be the hash of the empty password",
        ),
        (
            accounts('[[domain.account]]\nname = "a"\npassword = "tanstaaf"\npassword_hash = "{SHA}x"'),
            "password and password_hash: set only one of them",
        ),
        (
            accounts('[domain.defaults]\npassword_encryption = "rot13"'),
            "[domain.defaults] of example.com, password_encryption = (not shown): must be one of 'clear', 'crypt'",
        ),
    ],
)
def test_an_error_names_the_file_and_the_key(tmp_path: Path, text: str, says: str) -> None:
    file = tmp_path / "accounts.toml"
    file.write_text(text)
    with pytest.raises(ConfigError) as raised:
        read_accounts(file)
    message = str(raised.value)
    assert message.startswith(f"{file}: ")
    assert says in message
    assert "tanstaaf" not in message


@pytest.mark.parametrize(
    ("text", "says"),
    [
        (b"a\n\nb@c:tanstaaf\n", "list, line 3: the name must not contain a domain"),
        (b":tanstaaf", "list, line 1: the name has an empty name or domain"),
        (b"\xff", "list, line 1: the name is not UTF-8"),
        (b"a:$6$tanstaaf", "list, line 1: the hash must be a complete hash that begins with one of"),
        (b"a\nb\nA:tanstaaf", "the account 'a@example.com' appears twice"),
        (None, "list: No such file or directory"),
    ],
)
def test_an_error_in_a_list_names_file_and_line(tmp_path: Path, text: bytes | None, says: str) -> None:
    file = tmp_path / "accounts.toml"
    file.write_text(accounts('accounts_from = "list"'))
    if text is not None:
        (tmp_path / "list").write_bytes(text)
    with pytest.raises(ConfigError) as raised:
        read_accounts(file)
    assert says in str(raised.value)
    assert "tanstaaf" not in str(raised.value)


def test_account_keys_override_domain_defaults_and_file_defaults(tmp_path: Path) -> None:
    file = tmp_path / "accounts.toml"
    file.write_text(
        "[defaults]\nsecure_method_required = true\nuse_os_password = true\n"
        '[[domain]]\nname = "example.com"\nos_user_name = "*-com"\n[domain.defaults]\nuse_os_password = false\n'
        '[[domain.account]]\nname = "a"\n'
        '[[domain.account]]\nname = "b"\nuse_os_password = true\nsecure_method_required = false\n'
        '[[domain]]\nname = "example.org"\n[[domain.account]]\nname = "c"\n'
    )
    accounts = read_accounts(file)
    actual = []
    for name, domain in (("a", "example.com"), ("b", "example.com"), ("c", "example.org")):
        account = accounts.get(Account(name, domain))
        assert account is not None
        settings = account.settings
        actual.append((settings.use_os_password, settings.secure_method_required, account.os_user))
        assert (settings.use_own_password, settings.use_external_password) == (True, True)
    assert actual == [(False, True, "a-com"), (True, False, "b-com"), (True, True, "c")]


def test_the_page_lists_every_key_and_the_example_loads() -> None:
    page = (ROOT / "docs" / "mail-server.md").read_text()
    tables: dict[str, type[Settings]] = {"": TopLevelTable, "domain.": DomainTable, "domain.account.": AccountTable}
    inherited = {field.name for field in msgspec.structs.fields(AccountSettings)}
    keys = {prefix + field.name for prefix, kind in tables.items() for field in msgspec.structs.fields(kind)}
    keys -= {"domain", "domain.account", "listener", "defaults", "domain.defaults"}
    keys = {key for key in keys if key.removeprefix("domain.account.") not in inherited} | inherited
    named = {
        key
        for row in re.findall(r"^\| ((?:`[a-z._]+`(?:, )?)+) \| [`n|t]", page, re.MULTILINE)
        for key in row.split(", ")
    }
    assert {key.strip("`") for key in named} == keys
    assert read_accounts(ROOT / "examples" / "accounts.toml").get(Account("bob", "example.org")) is not None
