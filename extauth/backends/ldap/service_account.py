"""The account that looks for entries: bound on a connection, but for a while not where it has just been rejected."""

from __future__ import annotations

import logging
import threading
import time

from extauth.backends.ldap.engine import Answer, Connection, Deadline, ServerUnavailable
from extauth.backends.ldap.outcome import BUSY, UNAVAILABLE, explained, outcome_of_bind
from extauth.backends.ldap.servers import Server
from extauth.errors import CannotTell
from extauth.model import Secret, Verdict

_PAUSE = 30.0  # seconds after a rejection: directories lock an account out that is rejected too often


class ServiceAccount:
    """One for all threads; a new password makes a new process."""

    def __init__(self, dn: str, password: Secret, log: logging.Logger) -> None:
        self._dn = dn
        self._password = password
        self._log = log
        self._rejections: dict[Server, tuple[str, float]] = {}
        self._lock = threading.Lock()

    def pause(self, server: Server) -> None:
        """Raise CannotTell where this server has rejected it lately."""
        with self._lock:
            problem, until = self._rejections.get(server, ("", 0.0))
            now = time.monotonic()
            if now < until:
                raise CannotTell(problem)
            if problem:  # who comes first tries it again, and nobody else meanwhile
                self._rejections[server] = problem, now + _PAUSE

    def bind(self, connection: Connection, server: Server, deadline: Deadline) -> None:
        """Have the connection be bound as it. Raises ServerUnavailable, and CannotTell where it is rejected."""
        answer = connection.bind(self._dn, self._password.reveal(), deadline)
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
        raise CannotTell(problem)


def _rejection(answer: Answer) -> str | None:
    """Why it is rejected, in the words for users; None where it is not."""
    try:
        decided = outcome_of_bind(answer)
    except CannotTell as unsure:
        return str(unsure)
    return None if decided.verdict is Verdict.OK else decided.reason
