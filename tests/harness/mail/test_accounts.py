"""How a login name leads to an account."""

from __future__ import annotations

from tests.harness.mail.server import LineClient, MailServer
from tests.harness.mail.site import log_in


def test_case_alias_and_main_domain_lead_to_the_account(mail_server: MailServer) -> None:
    for name in ("ALICE@Example.COM", "alice@example.net", "alice"):
        assert log_in(mail_server, name, "own one", apop=False)[0] == "alice@example.com logged in: own OK"


def test_a_name_without_domain_uses_the_domain_of_the_address(mail_server: MailServer) -> None:
    with LineClient(mail_server.port("pop3", "127.0.0.5"), host="127.0.0.5") as pop:
        assert pop.read().startswith(b"+OK")
        pop.ask(b"USER alice")
        assert pop.ask(b"PASS the other alice").startswith(b"+OK")
