"""The backend for password files, through the real program: files, domains, several backends, schemes."""

from __future__ import annotations

import json
import os
from pathlib import Path

import passlib.hash  # type: ignore[import-untyped]
import pytest

import extauth
from extauth.backends.files.backend import Files, FilesSettings
from extauth.model import Verdict
from extauth.passwords import StoredHash, identify
from extauth.protocol.accounts import AccountParser
from tests.helper import Site, processor_time, wait_for_serving
from tests.passwords.stored_passwords import ORACLES, SCHEMES, Store

NEGATIVE = b"ERROR incorrect password"
TEMPORARY = b"ERROR temporary failure"


def backend(**keys: object) -> str:
    """A `[[backend]]` section with these keys."""
    values = {"type": "files", "path": "passwd"} | keys
    return "[[backend]]\n" + "".join(f"{key} = {json.dumps(value)}\n" for key, value in values.items())


def test_every_scheme_is_served(site: Site) -> None:
    stored = [store(b"open sesame") for _, store in SCHEMES + ORACLES]
    site.write("passwd", b"".join(b"%d:%s\n" % account for account in enumerate(stored)))
    site.configure()
    helper = site.serve()
    for number in range(len(stored)):
        helper.send(b"%d VRFY %d open sesame" % (number, number), b"%d VRFY %d Open sesame" % (number, number))
    replies = helper.wait_for_replies(2 * len(stored))
    assert sorted(replies) == sorted(b"%d %s" % (n, reply) for n in range(len(stored)) for reply in (b"OK", NEGATIVE))


@pytest.mark.parametrize("store", dict(SCHEMES).values(), ids=dict(SCHEMES))
def test_only_accounts_with_fast_schemes_are_fast(site: Site, store: Store) -> None:
    stored = store(b"open sesame")
    path = site.write("passwd", b"bob@example.com:" + stored + b"\n")
    context = extauth.BackendContext("files", None, AccountParser(), deadline=15)
    backend = Files(FilesSettings(path=path), context)
    backend.load()
    found = identify(stored)
    assert isinstance(found, StoredHash)
    account, password = extauth.Account("bob", "example.com"), extauth.Secret(b"open sesame")
    assert backend.is_fast(account) is found.quick
    assert backend.verify_password(account, password) is Verdict.OK


def test_a_refusal_costs_as_much_for_unknown_and_locked_accounts(site: Site) -> None:
    stored = passlib.hash.sha512_crypt.using(rounds=20_000).hash("open sesame")
    site.write("passwd", f"alice@example.com:{stored}\nlocked@example.com:!\n")
    site.configure(Site.BASIC + "[helper]\nworkers = 1\n")
    helper = site.serve()
    wait_for_serving(helper, 1)

    def cost(account: str) -> float:
        """Return the processor time of the workers for four wrong passwords, in seconds."""
        before = sum(map(processor_time, helper.processes("worker")))
        for number in range(4):
            assert helper.ask(b"%d VRFY %s wrong" % (number, account.encode())) == NEGATIVE
        return sum(map(processor_time, helper.processes("worker"))) - before

    wrong = cost("alice")
    assert wrong > 0
    assert cost("nobody") > wrong / 3
    assert cost("locked") > wrong / 3


# --- which file, which domain -------------------------------------------------------------------------


@pytest.mark.parametrize("keys", [{}, {"domains": ["a.example", "b.example"]}])
def test_names_without_domain_get_a_warning_with_several_domains(site: Site, keys: dict[str, object]) -> None:
    site.write("passwd", "one:{PLAIN}x\ntwo:{PLAIN}x\nthree@a.example:{PLAIN}x\n")
    site.configure(backend(**keys))
    helper = site.serve()
    helper.wait_for_information("passwd: 2 names without a domain are accounts in every domain")
    for domain in (b"a.example", b"b.example"):
        assert helper.ask(b"1 VRFY one@" + domain + b" x") == b"OK"
    assert helper.ask(b"1 VRFY three@b.example x") == NEGATIVE


def test_names_without_domain_get_no_warning_with_one_domain(site: Site) -> None:
    site.write("passwd", "one:{PLAIN}x\n")
    site.configure(backend(domains=["a.example"]))
    helper = site.serve()
    assert helper.ask(b"1 VRFY one@a.example x") == b"OK"
    assert helper.ask(b"1 VRFY one@b.example x") == NEGATIVE
    assert not any("without a domain" in line for line in helper.information)


@pytest.mark.parametrize(
    "path", ["passwd/{domain}", "passwd/{domain}.users", "passwd/of-{domain}/users", "{domain}.users"]
)
@pytest.mark.parametrize("domains", [None, ["one.example", "xn--bcher-kva.example", "none.example"]])
def test_each_domain_has_its_own_file(site: Site, path: str, domains: list[str] | None) -> None:
    (site.folder / "passwd").mkdir()
    for domain in ("one.example", "xn--bcher-kva.example"):
        lines = f"alice:{{PLAIN}}{domain}\nbob@{domain}:{{PLAIN}}{domain}\ncarol@two.example:{{PLAIN}}x\n"
        site.write(path.format(domain=domain), lines)
    site.configure(backend(path=path) if domains is None else backend(path=path, domains=domains))
    helper = site.serve()
    for name in (b"alice", b"bob"):
        assert helper.ask(b"1 VRFY %s@one.example one.example" % name) == b"OK"
        assert helper.ask("1 VRFY %s@bücher.example xn--bcher-kva.example".encode() % name) == b"OK"
        assert helper.ask(b"1 VRFY %s@one.example xn--bcher-kva.example" % name) == NEGATIVE
    for stranger in (b"carol@two.example", b"alice@none.example", b"alice@..", b"alice@../one.example"):
        assert helper.ask(b"1 VRFY %s x" % stranger) == NEGATIVE
    assert "its domain is not one.example" in helper.wait_for_information("one.example.*, line 3")


def test_other_files_in_the_folder_of_domains_are_ignored(site: Site) -> None:
    site.write("passwd/one.example", "alice:{PLAIN}x\n")
    for stray in (b".one.example.swp", b"one.example~", b"\xff.example", b"-.example", b"a b", b"{domain}"):
        Path(os.fsdecode(os.fsencode(site.folder / "passwd") + b"/" + stray)).write_bytes(b"")
    site.configure(backend(path="passwd/{domain}"))
    assert site.session(b"1 VRFY alice@one.example x") == [b"1 OK"]


def test_the_folder_may_have_any_name(site: Site) -> None:
    folder = Path(os.fsdecode(os.fsencode(site.folder) + b"/caf\xe9 \n{x}"))
    folder.mkdir()
    elsewhere = Site(folder)
    elsewhere.write("passwd", Site.ACCOUNTS)
    elsewhere.configure()
    assert elsewhere.session(b"1 VRFY bob password") == [b"1 OK"]


# --- several backends ---------------------------------------------------------------------------------


TWO = (
    '[log]\nmail_server_level = "Low Level"\n'
    + backend(path="first", name="first")
    + backend(path="second", name="second")
)


def test_backends_are_asked_in_order_until_one_decides(site: Site) -> None:
    cases = [
        ("{PLAIN}one", b"one", b"OK", "OK", "first"),
        ("{PLAIN}one", b"two", b"OK", "OK", "second"),
        ("{PLAIN}one", b"three", NEGATIVE, "PASSWORD_MISMATCH", "first"),
        ("$unknown$", b"two", b"OK", "OK", "second"),
        ("$unknown$", b"three", NEGATIVE, "PASSWORD_MISMATCH", "second"),
        ("!{PLAIN}one", b"two", NEGATIVE, "USER_DISABLED", "first"),
        (None, b"two", b"OK", "OK", "second"),
        (None, b"three", NEGATIVE, "PASSWORD_MISMATCH", "second"),
    ]
    accounts = [f"user{number}@example.com" for number in range(len(cases))]
    stored = [(account, case[0]) for account, case in zip(accounts, cases, strict=True)]
    site.write("first", "".join(f"{account}:{first}\n" for account, first in stored if first is not None))
    site.write("second", "".join(f"{account}:{{PLAIN}}two\n" for account in accounts))
    site.configure(TWO)
    helper = site.serve()
    for account, (_, password, reply, verdict, by) in zip(accounts, cases, strict=True):
        assert helper.ask(f"1 VRFY {account} ".encode() + password) == reply
        helper.wait_for_information(f"^account={account} command=VRFY verdict={verdict} backend={by} ")


def test_an_unavailable_backend_turns_refusals_into_temporary_failures(site: Site) -> None:
    site.write("first", "")
    site.write("second", "alice@example.com:{PLAIN}two\nbob@example.com:!\n")
    site.configure(TWO)
    helper = site.serve()
    assert helper.ask(b"1 VRFY alice@example.com three") == NEGATIVE
    (site.folder / "first").unlink()
    helper.wait_for_information("first: No such file or directory")
    wait_for_serving(helper, 2)
    assert helper.ask(b"1 VRFY alice@example.com two") == b"OK"
    assert helper.ask(b"1 VRFY alice@example.com three") == TEMPORARY
    assert helper.ask(b"1 VRFY nobody@example.com three") == TEMPORARY
    assert helper.ask(b"1 VRFY bob@example.com three") == TEMPORARY
    helper.wait_for_information(
        "account=alice@example.com command=VRFY verdict=TEMPORARY_FAILURE backend=first .*No such file"
    )
