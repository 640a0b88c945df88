"""The account that looks for entries: bound on a connection, but for a while not where it has just been rejected."""

from __future__ import annotations

import logging
import threading
import time

from extauth.backends.ldap.engine import Answer, Connection, Deadline, ServerUnavailable
from extauth.backends.ldap.outcome import BUSY, UNAVAILABLE, explained, outcome_of_bind
from extauth.backends.ldap.servers import Server
from extauth.backends.steps import run_alone
from extauth.errors import TemporaryFailure
from extauth.model import Secret, Verdict

Rejection = tuple[str, float]
"""What to say of it, and until when."""

_PAUSE = 30.0  # seconds after a rejection: directories lock an account out that is rejected too often


class ServiceAccount:
    """One for all threads; a new password makes a new process."""

    def __init__(self, dn: str, password: Secret, log: logging.Logger) -> None:
        self._dn = dn
        self._password = password
        self._log = log
        self._rejections: dict[Server, Rejection] = {}
        self._lock = threading.Lock()
        self._binding = threading.Lock()

    def pause(self, server: Server) -> Rejection | None:
        """Raise TemporaryFailure where this server has rejected it lately; else what is known, for `bind`."""
        with self._lock:
            known = self._rejections.get(server)
            if known is None:
                return None
            problem, until = known
            now = time.monotonic()
            if now < until:
                raise TemporaryFailure(problem)
            known = self._rejections[server] = problem, now + _PAUSE  # who comes first tries it again, nobody else
            return known

    def bind(self, connection: Connection, server: Server, deadline: Deadline, known: Rejection | None) -> None:
        """Have the connection be bound as it. Raises ServerUnavailable, and TemporaryFailure where it is rejected.

        One at a time, and not where it has been rejected since `known`, or many who begin together lock it out.
        """
        if not self._binding.acquire(timeout=deadline.left()):
            raise ServerUnavailable("no answer in time")
        try:
            with self._lock:
                found = self._rejections.get(server)
            if found is not None and found is not known:
                raise TemporaryFailure(found[0])
            self._bind(connection, server, deadline)
        finally:
            self._binding.release()

    def _bind(self, connection: Connection, server: Server, deadline: Deadline) -> None:
        answer = run_alone(connection.bind(self._dn, self._password.reveal(), deadline))
        if answer.code in (BUSY, UNAVAILABLE):
            raise ServerUnavailable(explained(answer))
        reason = _rejection(answer)
        if reason is None:
            with self._lock:
                self._rejections.pop(server, None)
            return
        problem = f"{server.url} rejects the service account {self._dn}: {reason}"
        with self._lock:
            self._rejections[server] = problem, time.monotonic() + _PAUSE
        self._log.critical("%s", problem)
        raise TemporaryFailure(problem)


def _rejection(answer: Answer) -> str | None:
    """Why it is rejected, in the words for users; None where it is not."""
    try:
        decided = outcome_of_bind(answer)
    except TemporaryFailure as unsure:
        return str(unsure)
    return None if decided.verdict is Verdict.OK else decided.reason
