"""The mail server of the harness (docs/mail-server.md): mail programs log in to it, and it asks the helper.

It needs twisted, so only `extauth harness listen` imports this package.

    accounts       domains and accounts
    accounts_file  reads them from TOML
    access_files   the access rights in files of the base directory
    setting_names  the account settings by the names of the mail server
    mailbox        the mail of an account
    own_password   passwords stored in the accounts file
    os_password    passwords that PAM checks
    policy         which addresses may connect and which passwords are checked; pure functions
    mechanisms     login claims that clients make
    sasl           SASL for POP and SMTP
    authenticator  checks the passwords that the policy names
    restrictions   Grant and Deny lists: the addresses from which a listener accepts connections
    stream         one connection as a stream, for protocols that are coroutines
    network        twisted's reactor on a loop of asyncio
    session        one client connection: access, login, log records
    tls            certificates, and STLS and STARTTLS
    pop3, maildrop POP, and its view of a mailbox
    smtp, delivery SMTP, and what becomes of a mail
    imap4          IMAP with a mailbox of its own
    pwd/           PWD and CLI: logins, new passwords, and the administration of accounts and domains
    server         opens the ports
"""

from extauth.harness.mail.access_files import AccessFiles
from extauth.harness.mail.accounts_file import read_accounts
from extauth.harness.mail.restrictions import restrict
from extauth.harness.mail.server import MailServer
from extauth.harness.mail.tls import Certificates

__all__ = ["AccessFiles", "Certificates", "MailServer", "read_accounts", "restrict"]
