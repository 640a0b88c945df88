"""The one message of a mailbox: it says who has logged in, and how."""

from __future__ import annotations

from email.message import EmailMessage
from email.policy import SMTP
from email.utils import format_datetime

from extauth.harness.mail.session import Login

_SENDER = "extauth harness <postmaster@localhost>"


def message_about(login: Login) -> EmailMessage:
    """The message. Rendered as bytes, its lines end with CRLF."""
    message = EmailMessage(policy=SMTP)
    message["From"] = _SENDER
    message["To"] = login.account.account.address
    message["Subject"] = f"{login.account.account} has logged in"
    message["Date"] = format_datetime(login.at)
    message["Message-ID"] = f"<{login.at.timestamp():.6f}.{login.session}@localhost>"
    message.set_content(
        f"account:  {login.account.account}\n"
        f"protocol: {login.protocol}\n"
        f"method:   {login.method}\n"
        f"TLS:      {'yes' if login.over_tls else 'no'}\n"
        f"password: {login.password.value}\n"
        f"time:     {login.at:%Y-%m-%d %H:%M:%S %z}\n"
    )
    return message
