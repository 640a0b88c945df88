"""Time-out and Auto-Restart, as a mail client sees them."""

from __future__ import annotations

import poplib
from pathlib import Path

from tests.harness.mail.server import MailServer
from tests.harness.programs import program

ACCOUNTS = """\
[[domain]]
name = "example.com"
[[domain.account]]
name = "alice"
[[domain.account]]
name = "bob"
password = "own one"
"""

HANGS_ONCE = """\
$| = 1;
if (!-e $ARGV[0]) { open my $mark, ">", $ARGV[0]; <STDIN>; sleep 60 until eof(STDIN); exit }
while (<STDIN>) { print "$1 OK\\n" if /^(\\d+)/ }
"""


def log_in(mail_server: MailServer, name: str, password: str) -> str:
    pop = poplib.POP3("127.0.0.1", mail_server.port("pop3"), timeout=20)
    try:
        pop.user(name)
        pop.pass_(password)
        return pop.quit().decode()
    except poplib.error_proto as error:
        pop.close()
        return str(error)


def test_no_login_succeeds_while_the_program_never_replies(tmp_path: Path) -> None:
    with MailServer(tmp_path, ACCOUNTS, program("never_answers.sh"), "--time-out", "0.3") as server:
        assert "-ERR" in log_in(server, "alice", "open sesame")
        server.wait_for(r"1 EXTAUTH no reply within 0.3 seconds")
        server.wait_for(r"3 POP \[1\] temporary failure: alice@example.com, USER, no TLS: External rejected")
        assert "-ERR" in log_in(server, "alice", "open sesame")
        assert log_in(server, "bob", "own one").startswith("+OK")
        assert server.end() == 1
        assert "violation: no reply to 000001 within 0.3 seconds" in server.shown


def test_with_auto_restart_a_login_waits_for_the_restart(tmp_path: Path) -> None:
    script = tmp_path / "hangs_once.pl"
    script.write_text(HANGS_ONCE)
    command = ["perl", str(script), str(tmp_path / "mark")]
    with MailServer(tmp_path, ACCOUNTS, command, "--time-out", "0.3", "--auto-restart", "0") as server:
        assert log_in(server, "alice", "open sesame").startswith("+OK")
        records = server.wait_for("logged in")
        assert records.count("2 EXTAUTH program started") == 2
        assert records.count("5 EXTAUTH I: 000001 VRFY alice@example.com ***") == 2
