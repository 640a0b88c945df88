"""PWD and CLI, the administration of the mail server by a program (docs/mail-server-pwd.md).

connection         one connection: login, TLS, the table of all commands, how one is run, and the replies
cli                what a command works with: the caller, the accounts, errors with their codes
rights             the access rights, and which right a command needs
account_commands   accounts and their aliases
settings_commands  the passwords and settings of accounts
server_commands    domains, modules, access rights, and the log
"""
