"""The account that searches for entries. After a server rejects it, extauth does not try it there for a while."""

from __future__ import annotations

import logging
import threading
import time

from extauth.backends.ldap.engine import Deadline, LdapConnection, LdapResult, ServerUnavailable
from extauth.backends.ldap.result_codes import BUSY, UNAVAILABLE, describe_result, verdict_of_bind
from extauth.backends.ldap.servers import LdapServer
from extauth.backends.steps import run_to_completion
from extauth.errors import TemporaryFailure
from extauth.model import Secret, Verdict

Rejection = tuple[str, float]
"""The reason, and the time (monotonic clock) until which extauth does not try again."""

_PAUSE = 30.0  # seconds after a rejection: directories lock out accounts that are rejected too often


class ServiceAccount:
    """One object for all threads. A new password takes effect in a new process."""

    def __init__(self, dn: str, password: Secret, log: logging.Logger) -> None:
        self._dn = dn
        self._password = password
        self._log = log
        self._rejections: dict[LdapServer, Rejection] = {}
        self._lock = threading.Lock()
        self._bind_lock = threading.Lock()

    def check_rejection(self, server: LdapServer) -> Rejection | None:
        """Raise TemporaryFailure if this server rejected it recently. Else return the last rejection, for `bind`."""
        with self._lock:
            rejection = self._rejections.get(server)
            if rejection is None:
                return None
            problem, until = rejection
            now = time.monotonic()
            if now < until:
                raise TemporaryFailure(problem)
            rejection = self._rejections[server] = problem, now + _PAUSE  # only this request tries it again
            return rejection

    def bind(self, connection: LdapConnection, server: LdapServer, deadline: Deadline, last: Rejection | None) -> None:
        """Bind a connection as the service account. Raises ServerUnavailable, and TemporaryFailure if it is rejected.

        Binds run one at a time, and not if there was a rejection after `last`. Else many requests that start
        together could lock the account out.
        """
        if not self._bind_lock.acquire(timeout=deadline.left()):
            raise ServerUnavailable("no response in time")
        try:
            with self._lock:
                found = self._rejections.get(server)
            if found is not None and found is not last:
                raise TemporaryFailure(found[0])
            self._bind(connection, server, deadline)
        finally:
            self._bind_lock.release()

    def _bind(self, connection: LdapConnection, server: LdapServer, deadline: Deadline) -> None:
        result = run_to_completion(connection.bind(self._dn, self._password.reveal(), deadline))
        if result.code in (BUSY, UNAVAILABLE):
            raise ServerUnavailable(describe_result(result))
        reason = _rejection_reason(result)
        if reason is None:
            with self._lock:
                self._rejections.pop(server, None)
            return
        problem = f"{server.url} rejects the service account {self._dn}: {reason}"
        with self._lock:
            self._rejections[server] = problem, time.monotonic() + _PAUSE
        self._log.critical("%s", problem)
        raise TemporaryFailure(problem)


def _rejection_reason(result: LdapResult) -> str | None:
    """Return why the bind was rejected, in the same words as for users, or None if it succeeded."""
    try:
        found = verdict_of_bind(result)
    except TemporaryFailure as failure:
        return str(failure)
    return None if found.verdict is Verdict.OK else found.reason
