"""LDAP directories, Active Directory among them.

backend             the backend: finds an account's entry and checks the password
settings            the keys of the configuration, and the rules between them
names_and_filters   distinguished names, search filters, and `{name}`, `{domain}`, `{account}` in them
servers             the server list: URLs, and which servers were unavailable recently
directory           the connections of each request: tries the servers in order, reconnects once, unbinds users
service_account     the account that searches for entries
result_codes        result codes, Active Directory sub-codes and password policy errors as verdicts
account_state       attributes of an entry that refuse a login: locked, disabled, expired
engine              the interface of both engines, and deadlines
connect             sockets that keep a deadline
engine_ldap3, engine_python_ldap      the engines
ldap3_private, python_ldap_private    all that the engines use of private parts of the two libraries
"""

from extauth.backends.ldap.backend import Ldap

__all__ = ["Ldap"]
