"""The mail server of the harness: mail programs log in to it, and it asks the helper program (docs/mail-server.md).

Needs twisted, so nothing but `extauth harness listen` imports it.

    accounts, accounts_file    who there is, and the file that says so
    own_password, os_password  the passwords that the server checks without the helper program
    policy                     who may connect, and which passwords are asked. Pure
    claims, mechanisms         what a client says to log in
    authenticator              asks the passwords of the policy
    session                    one connection: whence, what it may do, who logs in
    start_tls                  TLS that begins in the middle of a connection
    portal                     the seam between a session and twisted
    pop3, imap4, smtp, pwd     the protocols
    message                    what somebody finds who has logged in (pop3_mailbox, imap4_mailbox)
    tls                        certificates
    server                     the listeners
"""

from extauth.harness.mail.accounts_file import read_accounts
from extauth.harness.mail.server import MailServer
from extauth.harness.mail.tls import Certificates

__all__ = ["Certificates", "MailServer", "read_accounts"]
