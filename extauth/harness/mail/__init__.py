"""The mail server of the harness (docs/mail-server.md): mail programs log in to it, and it asks the helper.

It needs the libraries of the extra `listen`, so the commands import it when they run.

Accounts and settings:

    account           one account, one domain
    accounts          all domains and accounts
    accounts_file     reads them from TOML
    account_list      reads a file with one account in each line
    server_settings   the settings of domains and of the module TLS that have an effect
    setting_names     keys of the accounts file, by the names of the mail server
    state             what PWD and CLI have changed, in files that survive a restart
    state_files       these files: lock, read, replace

Logins:

    restrictions      Grant and Deny lists: the addresses from which a listener accepts connections
    policy            which addresses may connect, and which passwords are checked; pure functions
    mechanisms        the mechanisms, and the login claims that clients make with them
    sasl              SASL for POP, SMTP and IMAP
    login             checks a login: account, limit, passwords; asks the helper about accounts that do not exist
    login_limit       the limit on failed logins of an account
    authenticator     checks the passwords that the policy names
    own_password      passwords stored in the accounts file
    os_password       passwords that PAM checks

Mail:

    mailbox           the mail of an account
    folders           the mailboxes of an account by their names, for IMAP
    maildrop          the mailbox as POP shows it
    delivery          a mail that arrives by SMTP

Connections:

    server            opens the ports; twisted's reactor on a loop of asyncio
    stream            one connection as a stream, for protocols that are coroutines
    session           one client connection: access, login, log records
    tls/              keys, certificates, TLS of domains, sessions, handshakes
    pop3              POP
    smtp              SMTP
    imap/             IMAP
    pwd/              PWD and CLI: new passwords, administration of accounts and domains
"""
