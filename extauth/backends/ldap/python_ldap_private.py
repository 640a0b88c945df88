"""Private parts of python-ldap. No other file uses any.

test_python_ldap_private.py fails if a new version changes them.

python-ldap wraps an object of its C module `_ldap`. extauth calls that object itself to send requests and to read
responses. The wrapper adds a lock for threads that share a connection, and takes as long as libldap.
"""

from __future__ import annotations

import os
from collections.abc import Iterable
from typing import Any, Protocol

import ldap

from extauth.backends.ldap.engine import POLICY_CONTROL, LdapEntry, LdapResult, ServerUnavailable

Control = tuple[str, bool, bytes | None]
"""OID, whether it is critical, value."""


class LibldapConnection(Protocol):
    """The object of `_ldap`, as far as extauth uses it. It takes no keyword arguments. All methods raise LDAPError."""

    def simple_bind(
        self, dn: str, password: bytes, controls: list[Control] | None, client_controls: list[Control] | None, /
    ) -> int:
        """Send a bind and return its message ID."""

    def search_ext(
        self,
        base: str,
        scope: int,
        filter: str,
        attributes: list[str],
        types_only: int,
        controls: list[Control] | None,
        client_controls: list[Control] | None,
        seconds: float,
        most_entries: int,
        /,
    ) -> int:
        """Send a search and return its message ID. Raises ldap.FILTER_ERROR if the filter is invalid."""

    def result4(
        self, number: int, all_messages: int, seconds: float, controls: int, intermediates: int, extended: int, /
    ) -> tuple[int | None, Any, int | None, Any]:
        """Wait for the next message in response to a request. Return its kind, data, message ID and controls.

        The kind is None, or ldap.TIMEOUT is raised, if the message has not arrived. A result code other than 0 is
        raised as LDAPError, with a dict (see `error_details`). Entries with a name that is not UTF-8 raise
        UnicodeDecodeError.
        """


def libldap_connection(connection: ldap.ldapobject.SimpleLDAPObject) -> LibldapConnection:
    """Return the object of `_ldap` below a connection of python-ldap."""
    found: LibldapConnection = connection._l
    return found


def next_message(
    connection: LibldapConnection, number: int, seconds: float
) -> tuple[int, LdapResult | tuple[LdapEntry, ...] | None]:
    """Return the kind and the content of the next message in response to a request: a result, or else entries.

    Wait at most that many seconds. The content is None if no message has arrived. Raises LDAPError, and
    ServerUnavailable if the server ends the connection.
    """
    try:
        kind, data, message_number, controls = connection.result4(number, 0, seconds, 0, 0, 0)
    except ldap.TIMEOUT:
        return 0, None
    except UnicodeDecodeError:  # only the name of an entry must be UTF-8
        return ldap.RES_SEARCH_ENTRY, (LdapEntry("", {}),)
    except ldap.LDAPError as error:
        details = error_details(error)
        if details.get("result", -1) < 0:
            raise
        kind, message_number = details.get("msgtype", -1), details.get("msgid", -1)
        found: LdapResult | tuple[LdapEntry, ...] = LdapResult(
            details["result"], details.get("info", ""), _policy(details.get("ctrls", ()))
        )
    else:
        if kind is None:
            return 0, None
        if kind == ldap.RES_SEARCH_ENTRY:
            found = tuple(_entry(*each) for each in data)
        elif kind == ldap.RES_SEARCH_REFERENCE:
            found = ()
        else:
            found = LdapResult(0, "", _policy(controls))
    if message_number != number:  # a notice of disconnection: its result code may be 0, but answers no request
        raise ServerUnavailable("the server ended the connection", lost=True)
    return kind, found


def error_details(error: ldap.LDAPError) -> dict[str, Any]:
    """Return the dict in an error, or an empty one.

    Its keys: `result`, `desc`, `info`, `errno`; and for a response also `msgtype`, `msgid`, `ctrls`.
    """
    return error.args[0] if error.args and isinstance(error.args[0], dict) else {}


def error_reason(error: ldap.LDAPError) -> str:
    """Return the reason of an error, for the log."""
    details = error_details(error)
    detail = details.get("info") or (os.strerror(details["errno"]) if details.get("errno") else "")
    return ", ".join(filter(None, (details.get("desc"), detail))) or type(error).__name__


def _policy(controls: Iterable[Control]) -> bytes | None:
    """Return the value of the password policy control, not decoded."""
    for oid, _, value in controls:
        if oid == POLICY_CONTROL:
            return value
    return None


def _entry(dn: str, attributes: dict[str, list[bytes]]) -> LdapEntry:
    return LdapEntry(dn, {attribute.lower(): values for attribute, values in attributes.items()})
