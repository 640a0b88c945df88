"""The mail server starts or reports an error, serves, and ends."""

from __future__ import annotations

import os
import poplib
import shutil
import signal
import socket
import ssl
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path

import pytest

from tests.backends.ldap.slapd import Certificates
from tests.harness.mail.clients import Attempt, curl
from tests.harness.mail.server import MailServer
from tests.harness.programs import program
from tests.helper import EXTAUTH, is_alive
from tests.paths import EXAMPLES

ACCOUNTS = """\
[[domain]]
name = "example.com"
[[domain.account]]
name = "alice"
"""
REFUSES_INTERFACES = ["perl", "-ne", '$| = 1; /^(\\S+) (\\S+)/; print $1, $2 eq \'INTF\' ? " ERROR\\n" : " OK\\n"']
TAKES_INTERFACES = ["perl", "-ne", '$| = 1; /^(\\S+) (\\S+)/; print $1, $2 eq \'INTF\' ? " INTF 3\\n" : " OK\\n"']


def start_error(
    folder: Path,
    *options: str,
    accounts: str = ACCOUNTS,
    environment: dict[str, str] | None = None,
    helper: Sequence[str] = program("answers_ok.sh"),
) -> str:
    """Start it in a way that must fail. Return its error."""
    (folder / "accounts.toml").write_text(accounts)
    command = [*EXTAUTH, "harness", "listen", "--accounts", "accounts.toml", *options, "--", *helper]
    done = subprocess.run(command, cwd=folder, env=environment, capture_output=True, text=True, check=False, timeout=20)
    assert done.returncode == 2, done.stdout
    assert "ready" not in done.stdout
    assert "Traceback" not in done.stderr
    return done.stderr


def test_a_pam_service_without_a_file_is_an_error(tmp_path: Path) -> None:
    (tmp_path / "pam.d").mkdir()
    (tmp_path / "pam.d" / "other").write_text("auth required pam_permit.so\naccount required pam_permit.so\n")
    settings = 'pam_service = "mial"\n{}[defaults]\nuse_os_password = true\n' + ACCOUNTS
    assert "pam_service = 'mial': no such file in " in start_error(
        tmp_path, "--pop3", "0", accounts=settings.format("")
    )
    error = start_error(tmp_path, "--pop3", "0", accounts=settings.format('pam_service_folder = "pam.d"\n'))
    assert "pam_service = 'mial': no such file in pam.d; PAM would use the service `other`" in error


def test_the_example_files_work_together(tmp_path: Path) -> None:
    examples = tmp_path / "examples"
    shutil.copytree(EXAMPLES, examples)
    (examples / "passwd").chmod(0o600)
    helper = [*EXTAUTH, "serve", "-c", str(examples / "extauth.toml")]
    with MailServer(tmp_path, (examples / "accounts.toml").read_text(), helper) as mail_server:
        for mechanism, user, password, outcome in (
            ("PLAIN", "alice@example.com", "open sesame", "logged in"),
            ("CRAM-MD5", "alice@example.com", "open sesame", "refused"),
            ("CRAM-MD5", "tim", "tanstaaftanstaaf", "logged in"),
            ("PLAIN", "eve", "correct horse", "logged in"),
            ("PLAIN", "bob@example.org", "password", "logged in"),
        ):
            seen = len(mail_server.log)
            curl(Attempt("POP", mechanism, mail_server.port("pop3"), user, password, tmp_path))
            mail_server.wait_for(f"{outcome}: {user}.*, {mechanism}", since=seen)
        assert mail_server.end() == 0


@pytest.mark.parametrize("host", ["0.0.0.0", "localhost"])  # noqa: S104
def test_it_listens_only_on_loopback_addresses(tmp_path: Path, host: str) -> None:
    assert f"{host}: must be a loopback address" in start_error(tmp_path, "--host", host, "--pop3", "0")


def test_impossible_options_are_errors(tmp_path: Path) -> None:
    assert "Name a port to listen on" in start_error(tmp_path)
    assert start_error(tmp_path, "--pop3", "0", accounts="") == (
        "Error: accounts.toml: has no [[domain]], so nobody could log in; see docs/mail-server.md\n"
    )
    assert "--certificate and --key go together" in start_error(tmp_path, "--pop3", "0", "--key", "accounts.toml")
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = str(taken.getsockname()[1])
        assert f"POP3: cannot listen on 127.0.0.1, port {port}: Address already" in start_error(
            tmp_path, "--pop3", port
        )


def test_a_program_that_ends_at_once_is_an_error(tmp_path: Path) -> None:
    helper = ["sh", "-c", "sleep 0.02; echo no configuration >&2; exit 3"]
    lines = start_error(tmp_path, "--pop3", "0", helper=helper).splitlines()
    assert lines[-1].endswith("the mail server does not start; correct the helper or its arguments")
    assert any("1 EXTAUTH standard error: no configuration" in line for line in lines)


def test_an_error_in_the_harness_counts_as_a_violation(tmp_path: Path) -> None:
    (tmp_path / "sitecustomize.py").write_text(
        "from extauth.harness.mail.session import MailSession\n"
        "async def log_in(self, claim):\n    raise KeyError('tanstaaf')\n"
        "MailSession.log_in = log_in\n"
    )
    environment = os.environ | {"PYTHONPATH": str(tmp_path)}
    options = ["--log-level", "Crashes Only"]
    with MailServer(tmp_path, ACCOUNTS, program("answers_ok.sh"), *options, environment=environment) as mail_server:
        pop = poplib.POP3("127.0.0.1", mail_server.port("pop3"), timeout=20)
        pop.user("alice")
        with pytest.raises((poplib.error_proto, OSError)):
            pop.pass_("x")
        assert mail_server.end() == 1
        lines = mail_server.shown.splitlines()
        assert lines[-1] == "violations: 1 (errors in the harness: 1)"
        assert f"violation: error in the harness: KeyError in {tmp_path}/sitecustomize.py, line 3" in lines
        assert "tanstaaf" not in mail_server.shown


def test_an_error_says_how_to_install_twisted(tmp_path: Path) -> None:
    (tmp_path / "twisted.py").write_text("raise ImportError(name='twisted')\n")
    message = start_error(tmp_path, "--pop3", "0", environment=os.environ | {"PYTHONPATH": str(tmp_path)})
    remedy = f"{sys.prefix}/bin/pip install '.[listen]'"
    assert message == (f"Error: twisted is missing: the mail server needs it; in the checkout, run: {remedy}\n")


def test_the_configured_certificate_is_used(tmp_path: Path) -> None:
    authority = Certificates(tmp_path)
    certificate, key = authority.issue("own", "DNS:localhost")
    options = ["--certificate", str(certificate), "--key", str(key)]
    with MailServer(tmp_path, ACCOUNTS, program("answers_ok.sh"), *options) as mail_server:
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
        context.load_verify_locations(authority.authority)
        poplib.POP3_SSL("localhost", mail_server.port("pop3s"), context=context, timeout=20).quit()
        assert "certificate" not in mail_server.shown
        assert mail_server.end() == 0
        wrong = start_error(tmp_path, "--pop3", "0", "--certificate", str(key), "--key", str(certificate))
        assert wrong.startswith(f"Error: {key}: no certificate in PEM: ")
        assert wrong.endswith("; it has PRIVATE KEY\n")


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT, signal.SIGHUP])
def test_a_signal_ends_it_and_removes_its_files(tmp_path: Path, number: int) -> None:
    pid = tmp_path / "pid"
    with MailServer(tmp_path, ACCOUNTS, ["sh", "-c", f"echo $$ >{pid}; exec cat"]) as server:
        assert server.certificate.exists()
        poplib.POP3("127.0.0.1", server.port("pop3"), timeout=20)
        assert server.end(number) == 0
        assert server.shown.endswith("\nviolations: none\n")
        assert not server.certificate.exists()
        assert not is_alive(int(pid.read_text()))


def test_an_invalid_reply_is_refused_and_not_shown(tmp_path: Path) -> None:
    repeats_the_password = ["perl", "-ne", '$| = 1; /^(\\S+) \\S+ \\S+ (.*)/; print "$1 $2\\n"']
    with MailServer(tmp_path, ACCOUNTS, repeats_the_password) as mail_server:
        pop = poplib.POP3("127.0.0.1", mail_server.port("pop3"), timeout=20)
        pop.user("alice")
        with pytest.raises(poplib.error_proto):
            pop.pass_("tanstaaf tanstaaf")
        assert mail_server.wait_for("POP .*rejected")[-1] == (
            "3 POP [1] temporary failure: alice@example.com, USER, no TLS: External rejected"
        )
        assert mail_server.end() == 1
        assert "tanstaaf" not in "".join(mail_server.log) + mail_server.shown


@pytest.mark.parametrize(
    ("command", "request_line", "counts"),
    [
        (TAKES_INTERFACES, "5 EXTAUTH I: 000002 VRFY (POP) alice@example.com ***", ["requests", "INTF", "OK"]),
        (REFUSES_INTERFACES, "5 EXTAUTH I: 000002 VRFY alice@example.com ***", ["requests", "ERROR", "OK"]),
    ],
)
def test_only_the_helper_dialect_names_the_protocol(
    tmp_path: Path, command: list[str], request_line: str, counts: list[str]
) -> None:
    page = tmp_path / "page.html"
    with MailServer(tmp_path, ACCOUNTS, command, "--interface", "7", "--html", str(page)) as mail_server:
        pop = poplib.POP3("127.0.0.1", mail_server.port("pop3"), timeout=20)
        pop.user("alice")
        assert pop.pass_("open sesame").startswith(b"+OK")
        assert request_line in mail_server.wait_for("logged in")
        assert mail_server.end() == 0
        assert "extauth harness listen" in page.read_text()
        names = [line.split()[0] for line in mail_server.shown.partition("ready\n")[2].splitlines()]
        assert names == [*counts, "rejected", "p50", "p90", "p99", "p99.9", "longest", "ended", "violations:"]
