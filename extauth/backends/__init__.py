"""The built-in backends. They use only what a site's own backend could use.

base             the class that every backend subclasses
context          what a backend is told about its place in the configuration
watched_files    the files of a backend: reloaded after a change
file_history     files of accounts that suddenly look damaged
network          what backends that ask a server have in common
tls              TLS of connections to a server
mail_connection  one connection by IMAP, POP3 or PWD
files/           password files
pam/             PAM
ldap/            LDAP directories
imap_pop3/       logins at another mail server
"""
