"""CRAM-MD5 and APOP through the real program, compared with the RFCs and other programs."""

from __future__ import annotations

import base64
import subprocess
from collections.abc import Iterator

import pytest

from extauth.chain import build_chain
from extauth.config import read_config
from extauth.mechanisms import MECHANISMS, CramMd5Context, Credentials
from extauth.model import Account, ResponseRequest, Secret, Verdict, VerdictResult
from extauth.passwords.make import MAKEABLE
from tests.helper import Helper, Site
from tests.passwords.stored_passwords import doveadm

NEGATIVE = b"ERROR incorrect password"

# RFC 2195, section 2
CRAM_MD5 = b"b913a602c7eda7a495b4e6e7334d3890 <1896.697170952@postoffice.reston.mci.net>"
# RFC 1939, section 7
APOP = b"c4c9334bac560ecc979e58001b3e22fb <1896.697170952@dbc.mtview.ca.us>"
# printf '<1@example.com>' | openssl dgst -md5 -hmac ''
CRAM_MD5_OF_EMPTY_PASSWORD = b"dae31f2136f48abfc66a25907f64c9ae <1@example.com>"

PASSWORDS = {
    "word": b"tanstaaftanstaaf",
    "short": b"0",
    "spaces": b" open sesame ",
    "utf8": "pässwörd €".encode(),
    "block": b"x" * 64,
    "long": b"x" * 65,
}
CHALLENGES = [b"<1@example.com>", b"<" + b"9" * 53 + b">", b"<" + b"9" * 54 + b">", b"c" * 1000, b"two words"]


def gsasl(password: bytes, challenge: bytes) -> bytes:
    """Return the response of GNU SASL to a challenge of CRAM-MD5."""
    command = ["gsasl", "--client", "--quiet", "--mechanism=CRAM-MD5", "--authentication-id=x", "--no-client-first"]
    done = subprocess.run(
        [*command, "--password", password],
        input=base64.b64encode(challenge) + b"\n",
        capture_output=True,
        check=False,  # it fails because no server confirms the response
        timeout=30,
    )
    return base64.b64decode(done.stdout.splitlines()[-1]).split(b" ")[1]


def openssl(password: bytes, challenge: bytes) -> bytes:
    """Return the response of APOP."""
    command = ["openssl", "dgst", "-md5", "-r"]
    return subprocess.run(command, input=challenge + password, capture_output=True, check=True).stdout.split(b" ")[0]


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> Site:
    """Accounts with clear-text passwords, contexts made by Dovecot, and other stored passwords."""
    site = Site(tmp_path_factory.mktemp("mechanisms"))
    accounts = [
        b"mrose:{PLAIN}tanstaaf",
        b"oneway:{SHA}W6ph5Mm5Pz8GgiULbPgzG37mj9g=",
        b"locked:!" + doveadm("CRAM-MD5")(b"tanstaaftanstaaf"),
        b"empty:{CRAM-MD5}" + CramMd5Context.of(Secret(b"")).reveal().hex().encode(),
    ]
    for name, password in PASSWORDS.items():
        accounts += [b"%s:{PLAIN}%s" % (name.encode(), password)]
        accounts += [b"%s-context:%s" % (name.encode(), doveadm("CRAM-MD5")(password))]
    site.write("passwd", b"\n".join(accounts))
    site.configure('[log]\nmail_server_level = "Low Level"\n[[backend]]\ntype = "files"\npath = "passwd"\n')
    return site


@pytest.fixture(scope="module")
def helper(site: Site) -> Iterator[Helper]:
    helper = site.serve()
    yield helper
    assert helper.end() == 0


@pytest.mark.parametrize(
    ("account", "mechanism", "fields", "reply", "record"),
    [
        (b"word", b"CRAM-MD5", CRAM_MD5, b"OK", "verdict=OK"),
        (b"word-context", b"CRAM-MD5", CRAM_MD5, b"OK", "verdict=OK"),
        (b"word-context", b"CRAM-MD5", b"0" + CRAM_MD5[1:], NEGATIVE, "PASSWORD_MISMATCH"),
        (b"mrose", b"CRAM-MD5", CRAM_MD5, NEGATIVE, "PASSWORD_MISMATCH"),
        (b"oneway", b"CRAM-MD5", CRAM_MD5, NEGATIVE, "SCHEME_NOT_AVAILABLE .*SHA is stored one-way"),
        (b"locked", b"CRAM-MD5", CRAM_MD5, NEGATIVE, "USER_DISABLED"),
        (b"nobody", b"CRAM-MD5", CRAM_MD5, NEGATIVE, "USER_UNKNOWN"),
        (b"mrose", b"APOP", APOP, b"OK", "verdict=OK"),
        (b"word", b"APOP", APOP, NEGATIVE, "PASSWORD_MISMATCH"),
        (b"word-context", b"APOP", APOP, NEGATIVE, "SCHEME_NOT_AVAILABLE .*a CRAM-MD5 context"),
        (b"oneway", b"APOP", APOP, NEGATIVE, "SCHEME_NOT_AVAILABLE .*SHA is stored one-way"),
        (b"nobody", b"APOP", APOP, NEGATIVE, "USER_UNKNOWN"),
        (b"empty", b"CRAM-MD5", CRAM_MD5_OF_EMPTY_PASSWORD, NEGATIVE, "of an empty password"),
    ],
)
def test_rfc_examples_match_only_their_passwords(
    helper: Helper, account: bytes, mechanism: bytes, fields: bytes, reply: bytes, record: str
) -> None:
    helper.information.clear()
    assert helper.ask(b"1 SASL(%s) %s@example.com %s" % (mechanism, account, fields)) == reply
    helper.wait_for_information(f"mechanism={mechanism.decode()} .*{record}")


@pytest.mark.parametrize("name", PASSWORDS)
def test_responses_of_other_programs_are_accepted(helper: Helper, name: str) -> None:
    for challenge in CHALLENGES:
        response = gsasl(PASSWORDS[name], challenge)
        for account in (name, f"{name}-context"):
            request = b"1 SASL(CRAM-MD5) %s@example.com " % account.encode()
            assert helper.ask(request + b"%s %s" % (response, challenge)) == b"OK"
            assert helper.ask(request + b"%s %s" % (response.upper(), challenge)) == b"OK"
            assert helper.ask(request + b"%s %s." % (response, challenge)) == NEGATIVE
            assert helper.ask(request + b"%s %s" % (response[:-1], challenge)) == NEGATIVE
        fields = b"%s %s" % (openssl(PASSWORDS[name], challenge), challenge)
        assert helper.ask(b"1 SASL(APOP) %s@example.com %s" % (name.encode(), fields)) == b"OK"
        assert helper.ask(b"1 SASL(APOP) %s@example.com %s." % (name.encode(), fields)) == NEGATIVE


@pytest.mark.parametrize("name", PASSWORDS)
def test_a_clear_text_password_is_checked_against_a_context(helper: Helper, name: str) -> None:
    request = b"1 VRFY %s-context@example.com " % name.encode()
    assert helper.ask(request + PASSWORDS[name]) == b"OK"
    assert helper.ask(request + PASSWORDS[name] + b"x") == NEGATIVE
    assert helper.ask(request + PASSWORDS[name][1:]) == NEGATIVE


@pytest.mark.parametrize("name", PASSWORDS)
def test_our_contexts_equal_those_of_dovecot(site: Site, name: str) -> None:
    assert "CRAM-MD5" in MAKEABLE
    file = site.folder / f"made-{name}"
    site.run("passwd", str(file), "x@example.com", "--scheme", "CRAM-MD5", input=PASSWORDS[name] + b"\n")
    stored = file.read_bytes().strip().partition(b":")[2]
    assert stored == doveadm("CRAM-MD5")(PASSWORDS[name])


def test_the_same_work_is_done_without_usable_credentials(site: Site, monkeypatch: pytest.MonkeyPatch) -> None:
    chain = build_chain(read_config(site.config))
    chain.load()
    done: list[type] = []
    verify = MECHANISMS["CRAM-MD5"]

    def recorded(credentials: Credentials, response: Secret, challenge: Secret) -> Verdict | VerdictResult:
        done.append(type(credentials))
        return verify(credentials, response, challenge)

    monkeypatch.setitem(MECHANISMS, "CRAM-MD5", recorded)
    for stored, kind in (("word", Secret), ("word-context", CramMd5Context)):  # like the last credentials of the site
        for name in (stored, "nobody", "oneway", "locked"):
            account = Account(name, "example.com")
            result = chain.backends[0].call(ResponseRequest(account, "CRAM-MD5", Secret(b"00"), Secret(b"<1>")))
            assert isinstance(result, VerdictResult)
            assert done.pop() is kind
            assert done == []
