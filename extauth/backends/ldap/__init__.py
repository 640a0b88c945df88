"""Directories (LDAP, Active Directory).

backend   the backend: who an account is in the directory, and whether the password is right
settings  the keys, and what must hold between them
template  `{name}`, `{domain}`, `{account}` filled in, escaped for where they go
filter    search filters, read to know that a directory can, and whom they would find
names     distinguished names: escaped, compared
servers   the servers of the list: how they are reached, which of them was down lately
directory the connections of each thread: tried in order, opened anew once, bound as a user no longer than needed
service_account   the account that looks for entries
outcome   result codes, Active Directory's sub-codes and password policy errors to verdicts
state     what an entry says of itself: locked, disabled, expired
engine    what the two engines have in common; deadlines
engine_ldap3, engine_python_ldap   the engines
dial, requests   what the first is spared: its sockets, and its requests as they travel
"""

from extauth.backends.ldap.backend import Ldap

__all__ = ["Ldap"]
