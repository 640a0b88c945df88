"""LDAP directories, Active Directory among them. Everything runs in the backend's event loop.

backend             the backend: finds an account's entry and checks the password
settings            the keys of the configuration, and the rules between them
names, filters      distinguished names, search filters, and `{name}`, `{domain}`, `{account}` in them
groups              the required groups
account_state       attributes of an entry that refuse a login: locked, disabled, expired
result_codes        result codes, Active Directory sub-codes and password policy errors as verdicts
servers             the server list: URLs, which servers were unavailable recently, and why
directory           asks the servers in order until one responds
search_connection   the connection to one server that all searches share, bound as the service account
bind_connections    the connections to one server on which users bind
connect             opens connections, with TLS if configured
connection          one connection: sends requests, and gives each its response
pending             requests that wait for their responses, and the time limits of everything under way
sockets             what the system has not delivered
messages, ber       requests to bytes, and bytes to results and entries
ldap3_reader        a second reader of the message that lets a user in
"""

from extauth.backends.ldap.backend import Ldap

__all__ = ["Ldap"]
