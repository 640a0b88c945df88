"""The mail server of the harness (docs/mail-server.md): mail programs log in to it, and it asks the helper.

It needs the libraries of the extra `listen`, so the commands import it when they run.

    account        one account, one domain
    accounts       all domains and accounts
    accounts_file  reads them from TOML
    account_list   reads a file with one account in each line
    state          what the CLI has changed, in files that survive a restart
    state_files    these files: lock, read, replace
    domain_settings  the settings of a domain that have an effect
    setting_names  the account settings by the names of the mail server
    mailbox        the mail of an account
    own_password   passwords stored in the accounts file
    os_password    passwords that PAM checks
    policy         which addresses may connect and which passwords are checked; pure functions
    mechanisms     login claims that clients make
    sasl           SASL for POP, SMTP and IMAP
    authenticator  checks the passwords that the policy names
    restrictions   Grant and Deny lists: the addresses from which a listener accepts connections
    login          checks a login: account, limit, passwords
    consult_external  asks the helper about accounts that do not exist
    login_limit    the limit on failed logins of an account
    stream         one connection as a stream, for protocols that are coroutines
    network        twisted's reactor on a loop of asyncio
    session        one client connection: access, login, log records
    tls/           keys, certificates, TLS of domains, sessions, handshakes
    pop3, maildrop POP, and its view of a mailbox
    smtp, delivery SMTP, and what becomes of a mail
    imap/          IMAP
    folders        the mailboxes of an account by their names, for IMAP
    pwd/           PWD and CLI: logins, new passwords, and the administration of accounts and domains
    server         opens the ports
"""
