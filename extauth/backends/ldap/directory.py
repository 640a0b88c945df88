"""The directory behind the server list. Each concurrent request has its own sessions, which stay open.

A session has two connections to a server. One searches, bound as the service account or anonymously.
The other binds users. A bind replaces the one before it, and after a failed bind the connection is anonymous (RFC 4511,
section 4.2.1). So users are bound one after the other while requests wait. When no request waits, extauth sends an
anonymous bind at once. It reads the response before it binds the next user.
"""

from __future__ import annotations

import logging
import threading
from collections import deque
from collections.abc import Callable, Iterable
from typing import TypeVar

from extauth.backends.ldap.engine import Deadline, LdapConnection, LdapEngine, LdapResult, Scope, ServerUnavailable
from extauth.backends.ldap.result_codes import BUSY, SUCCESS, UNAVAILABLE, describe_result
from extauth.backends.ldap.servers import LdapServer, LdapServers
from extauth.backends.ldap.service_account import ServiceAccount
from extauth.backends.ldap.settings import CONNECT_TIMEOUT, READ_TIMEOUT, LdapSettings
from extauth.backends.steps import Steps, run_to_completion
from extauth.errors import BackendUnavailable, TemporaryFailure
from extauth.model import Secret

T = TypeVar("T")

LdapSessions = dict[LdapServer, "LdapSession"]
"""The sessions of one request, opened when they are first needed."""


class LdapDirectory:
    """Asks the servers in order until one responds, within `overall_timeout`.

    At least `at_least` sets of sessions take turns. There are more if more requests run at the same time.
    """

    def __init__(
        self,
        engine: LdapEngine,
        servers: tuple[LdapServer, ...],
        service: ServiceAccount | None,
        settings: LdapSettings,
        overall_timeout: float,
        log: logging.Logger,
        at_least: int,
    ) -> None:
        self._engine = engine
        self._servers = LdapServers(servers)
        self._service = service
        self._settings = settings
        self._overall_timeout = overall_timeout
        self._log = log
        self._free: deque[LdapSessions] = deque({} for _ in range(at_least))  # not in use
        self._lock = threading.Lock()

    def ask(self, work: Callable[[LdapSession], Steps[T]]) -> Steps[T]:
        """Run `work` with the first available server. Raises BackendUnavailable if there is none."""
        with self._lock:
            sessions = self._free.popleft() if self._free else {}
        deadline = Deadline(self._overall_timeout)
        problems = []
        try:
            for server in self._servers.in_order():
                session = self._session(sessions, server)
                try:
                    session.begin(deadline)
                    found = yield from work(session)
                except GeneratorExit:
                    session.close()  # nothing will read the response, and it may leave a user bound
                    raise
                except ServerUnavailable as problem:
                    session.close()
                    if self._servers.mark_unavailable(server):
                        self._log.error("%s is unavailable: %s", server.url, problem)
                    problems.append(f"{server.url}: {problem}")
                except TimeoutError:
                    problems.append(f"{server.url}: no time left to ask it")
                    break
                else:
                    if self._servers.mark_available(server):
                        self._log.warning("%s is available again", server.url)
                    return found
        finally:
            with self._lock:
                self._free.append(sessions)
        raise BackendUnavailable("; ".join(problems))

    def self_test(self, places: Iterable[str]) -> None:
        """Log for each server whether extauth can connect, and whether the entries at `places` exist."""
        for server in self._servers.in_order():
            session = self._session({}, server)
            try:
                session.begin(Deadline(self._overall_timeout))
                outcome = run_to_completion(session.self_test())
                missing = [why for place in places if (why := run_to_completion(session.problem_at(place)))]
            except (ServerUnavailable, TimeoutError) as problem:
                self._log.error("%s is unavailable: %s", server.url, problem)
            except TemporaryFailure:
                continue  # ServiceAccount has logged the rejection
            else:
                self._log.info("%s is available and %s", server.url, outcome)
                for why in missing:
                    self._log.error("%s: %s", server.url, why)
            finally:
                session.close()

    def unbind_users(self) -> None:
        """Bind all connections anonymously, except those in use."""
        with self._lock:
            for sessions in self._free:
                for session in sessions.values():
                    session.unbind_user()

    def _session(self, sessions: LdapSessions, server: LdapServer) -> LdapSession:
        session = sessions.get(server)
        if session is None:
            session = sessions[server] = LdapSession(server, self._engine, self._service, self._settings)
        return session


class LdapSession:
    """The connections to one server, for one request at a time. Raises ServerUnavailable."""

    def __init__(
        self,
        server: LdapServer,
        engine: LdapEngine,
        service: ServiceAccount | None,
        settings: LdapSettings,
    ) -> None:
        self._server = server
        self._engine = engine
        self._service = service
        self._settings = settings
        self._seconds_to_read = settings.read_timeout or READ_TIMEOUT
        self._deadline = Deadline(0)
        self._searching: LdapConnection | None = None
        self._binding: LdapConnection | None = None
        self._is_bound = False  # as a user, with no anonymous bind sent since

    def begin(self, deadline: Deadline) -> None:
        """Set the deadline until the next `begin`. Raises TimeoutError if it is over."""
        deadline.left()
        self._deadline = deadline

    def search(self, base: str, scope: Scope, filter: str, attributes: tuple[str, ...]) -> Steps[LdapResult]:
        """Search for entries, as the service account or anonymously."""

        def search() -> Steps[LdapResult]:
            if self._searching is None:
                self._searching = yield from self._connect_as_service()
            return (yield from self._searching.search(base, scope, filter, attributes, self._reading()))

        return self._with_one_reconnect(search, reused=self._searching is not None)

    def bind(self, dn: str, password: Secret) -> Steps[LdapResult]:
        """Bind as a user. Name and password must not be empty: that would be an anonymous bind."""
        if not dn or not password.reveal():
            raise TemporaryFailure("a bind without a name or a password proves nothing")

        def bind() -> Steps[LdapResult]:
            if self._binding is not None and not (yield from self._binding.is_anonymous(self._reading())):
                self._binding.close()
                self._binding = None
            if self._binding is None:
                self._binding = yield from self._connect()
            result = yield from self._binding.bind(dn, password.reveal(), self._reading())
            self._is_bound = result.code == SUCCESS
            return result

        return self._with_one_reconnect(bind, reused=self._binding is not None)

    def self_test(self) -> Steps[str]:
        """Connect as for a search. Return the outcome. Raises TemporaryFailure if the service account is rejected."""
        self._searching = yield from self._connect_as_service()
        if self._service is not None:
            return f"accepts the service account {self._settings.bind_dn}"
        result = yield from self._searching.bind("", b"", self._reading())
        if result.code in (BUSY, UNAVAILABLE):
            raise ServerUnavailable(describe_result(result))
        return f"{'accepts' if result.code == SUCCESS else f'returns {describe_result(result)} to'} an anonymous bind"

    def problem_at(self, place: str) -> Steps[str]:
        """Return why extauth cannot search below the entry of that name, or an empty text if it can."""
        result = yield from self.search(place, "base", "(objectClass=*)", ())
        return "" if result.code == SUCCESS else f"the search in {place} returned {describe_result(result)}"

    def unbind_user(self) -> None:
        """Bind anonymously, and do not wait for the response."""
        if not self._is_bound or self._binding is None:
            return
        self._is_bound = False
        try:
            self._binding.send_anonymous_bind(Deadline(self._seconds_to_read))
        except (ServerUnavailable, TimeoutError):
            self._binding.close()
            self._binding = None

    def close(self) -> None:
        """Close both connections."""
        for connection in (self._searching, self._binding):
            if connection is not None:
                connection.close()
        self._searching = self._binding = None

    def _with_one_reconnect(self, ask: Callable[[], Steps[LdapResult]], *, reused: bool) -> Steps[LdapResult]:
        """Ask. If the server had closed the open connection, ask once more on a new one."""
        try:
            result = yield from ask()
        except ServerUnavailable as problem:
            self.close()
            if not (problem.lost and reused):
                raise
            result = yield from ask()
        if result.code in (BUSY, UNAVAILABLE):
            raise ServerUnavailable(describe_result(result))
        return result

    def _connect_as_service(self) -> Steps[LdapConnection]:
        if self._service is None:
            return (yield from self._connect())
        last_rejection = self._service.check_rejection(self._server)
        connection = yield from self._connect()
        try:
            self._service.bind(connection, self._server, self._reading(), last_rejection)
        except (ServerUnavailable, TemporaryFailure, TimeoutError):
            connection.close()
            raise
        return connection

    def _connect(self) -> Steps[LdapConnection]:
        yield None  # the next call may take long
        return self._engine.connect(
            self._server, self._deadline.within(self._settings.connect_timeout or CONNECT_TIMEOUT)
        )

    def _reading(self) -> Deadline:
        return self._deadline.within(self._seconds_to_read)
