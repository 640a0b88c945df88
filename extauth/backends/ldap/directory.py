"""The directory behind the servers of the list: as many sets of connections as there are requests at once, kept open.

A set has two connections to a server. One looks for entries and stays bound as the service account, or as nobody.
On the other, users are bound, one after the other while requests wait: a bind ends the one before it, and one that
failed leaves nobody bound (RFC 4511, section 4.2.1). When none waits, nobody is bound again at once; whether that went
well is looked at before the next user is.
"""

from __future__ import annotations

import logging
import threading
from collections import deque
from collections.abc import Callable, Iterable
from typing import TypeVar

from extauth.backends.ldap.engine import Answer, Connection, Deadline, Engine, Scope, ServerUnavailable
from extauth.backends.ldap.outcome import BUSY, SUCCESS, UNAVAILABLE, explained
from extauth.backends.ldap.servers import Server, Servers
from extauth.backends.ldap.service_account import ServiceAccount
from extauth.backends.ldap.settings import CONNECT_TIMEOUT, READ_TIMEOUT, LdapSettings
from extauth.backends.steps import Steps, run_alone
from extauth.errors import BackendUnavailable, TemporaryFailure
from extauth.model import Secret

T = TypeVar("T")

Sessions = dict[Server, "Session"]


class Directory:
    """Asks the servers in order until one answers, within one overall time.

    `at_least` so many sets of connections take turns; there are more where more requests are under way.
    """

    def __init__(
        self,
        engine: Engine,
        servers: tuple[Server, ...],
        service: ServiceAccount | None,
        settings: LdapSettings,
        log: logging.Logger,
        at_least: int,
    ) -> None:
        self._engine = engine
        self._servers = Servers(servers)
        self._service = service
        self._settings = settings
        self._log = log
        self._free: deque[Sessions] = deque({} for _ in range(at_least))  # those that nobody asks at this moment
        self._lock = threading.Lock()

    def ask(self, work: Callable[[Session], Steps[T]]) -> Steps[T]:
        """`work` with the first server that is there. Raises BackendUnavailable."""
        with self._lock:
            sessions = self._free.popleft() if self._free else {}
        deadline = Deadline(self._settings.overall_timeout)
        problems = []
        try:
            for server in self._servers.in_order():
                session = self._session(sessions, server)
                try:
                    session.begin(deadline)
                    found = yield from work(session)
                except GeneratorExit:
                    session.close()  # nobody will read the answer, which may make somebody of the connection
                    raise
                except ServerUnavailable as problem:
                    session.close()
                    if self._servers.was_down(server):
                        self._log.error("%s is out of reach: %s", server.url, problem)
                    problems.append(f"{server.url}: {problem}")
                except TimeoutError:
                    problems.append(f"{server.url}: no time left to ask it")
                    break
                else:
                    if self._servers.answered(server):
                        self._log.warning("%s answers again", server.url)
                    return found
        finally:
            with self._lock:
                self._free.append(sessions)
        raise BackendUnavailable("; ".join(problems))

    def self_test(self, places: Iterable[str]) -> None:
        """Say of each server whether it can be asked, and whether it has the entries that are searched in."""
        for server in self._servers.in_order():
            session = self._session({}, server)
            try:
                session.begin(Deadline(self._settings.overall_timeout))
                said = run_alone(session.self_test())
                missing = [why for place in places if (why := run_alone(session.problem_in(place)))]
            except (ServerUnavailable, TimeoutError) as problem:
                self._log.error("%s is out of reach: %s", server.url, problem)
            except TemporaryFailure:
                continue  # that the service account is rejected is logged where it is
            else:
                self._log.info("%s answers, and %s", server.url, said)
                for why in missing:
                    self._log.error("%s: %s", server.url, why)
            finally:
                session.close()

    def leave(self) -> None:
        """Leave no connection bound as a user, but those that are being asked."""
        with self._lock:
            for sessions in self._free:
                for session in sessions.values():
                    session.leave()

    def _session(self, sessions: Sessions, server: Server) -> Session:
        session = sessions.get(server)
        if session is None:
            session = sessions[server] = Session(server, self._engine, self._service, self._settings)
        return session


class Session:
    """The connections to one server for one request at a time. Raises ServerUnavailable where it cannot be asked."""

    def __init__(
        self,
        server: Server,
        engine: Engine,
        service: ServiceAccount | None,
        settings: LdapSettings,
    ) -> None:
        self._server = server
        self._engine = engine
        self._service = service
        self._settings = settings
        self._seconds_to_read = settings.read_timeout or READ_TIMEOUT
        self._deadline = Deadline(0)
        self._searching: Connection | None = None
        self._binding: Connection | None = None
        self._is_bound = False  # as a user, and has not been told to be nobody

    def begin(self, deadline: Deadline) -> None:
        """Have everything up to the next `begin` end by then. Raises TimeoutError where that is over."""
        deadline.left()
        self._deadline = deadline

    def search(self, base: str, scope: Scope, filter: str, attributes: tuple[str, ...]) -> Steps[Answer]:
        """Look for entries, as the service account or as nobody."""

        def look() -> Steps[Answer]:
            if self._searching is None:
                self._searching = yield from self._connect_as_service()
            return (yield from self._searching.search(base, scope, filter, attributes, self._reading()))

        return self._with_one_reconnect(look, reused=self._searching is not None)

    def bind(self, dn: str, password: Secret) -> Steps[Answer]:
        """What the server says to this user with this password; neither may be empty: that would be nobody's bind."""
        if not dn or not password.reveal():
            raise TemporaryFailure("a bind without a name or a password proves nothing")

        def bind() -> Steps[Answer]:
            if self._binding is not None and not (yield from self._binding.has_left(self._reading())):
                self._binding.close()
                self._binding = None
            if self._binding is None:
                self._binding = yield from self._connect()
            answer = yield from self._binding.bind(dn, password.reveal(), self._reading())
            self._is_bound = answer.code == SUCCESS
            return answer

        return self._with_one_reconnect(bind, reused=self._binding is not None)

    def self_test(self) -> Steps[str]:
        """Connect as for a search; what the server says to that. Raises TemporaryFailure where it rejects the account."""
        self._searching = yield from self._connect_as_service()
        if self._service is not None:
            return f"takes the service account {self._settings.bind_dn}"
        answer = yield from self._searching.bind("", b"", self._reading())
        if answer.code in (BUSY, UNAVAILABLE):
            raise ServerUnavailable(explained(answer))
        return f"{'takes' if answer.code == SUCCESS else f'answers {explained(answer)} to'} an anonymous bind"

    def problem_in(self, place: str) -> Steps[str]:
        """Why the entry of that name cannot be searched in; nothing where it can."""
        answer = yield from self.search(place, "base", "(objectClass=*)", ())
        return "" if answer.code == SUCCESS else f"the search in {place} was answered {explained(answer)}"

    def leave(self) -> None:
        """Leave nobody bound, without waiting for the answer."""
        if not self._is_bound or self._binding is None:
            return
        self._is_bound = False
        try:
            self._binding.leave(Deadline(self._seconds_to_read))
        except (ServerUnavailable, TimeoutError):
            self._binding.close()
            self._binding = None

    def close(self) -> None:
        """Close both connections."""
        for connection in (self._searching, self._binding):
            if connection is not None:
                connection.close()
        self._searching = self._binding = None

    def _with_one_reconnect(self, ask: Callable[[], Steps[Answer]], *, reused: bool) -> Steps[Answer]:
        """Ask; once more on a new connection where the server had closed the one that was open."""
        try:
            answer = yield from ask()
        except ServerUnavailable as problem:
            self.close()
            if not (problem.lost and reused):
                raise
            answer = yield from ask()
        if answer.code in (BUSY, UNAVAILABLE):
            raise ServerUnavailable(explained(answer))
        return answer

    def _connect_as_service(self) -> Steps[Connection]:
        if self._service is None:
            return (yield from self._connect())
        before = self._service.pause(self._server)
        connection = yield from self._connect()
        try:
            self._service.bind(connection, self._server, self._reading(), before)
        except (ServerUnavailable, TemporaryFailure, TimeoutError):
            connection.close()
            raise
        return connection

    def _connect(self) -> Steps[Connection]:
        yield None  # to connect may take long
        return self._engine.connect(
            self._server, self._deadline.within(self._settings.connect_timeout or CONNECT_TIMEOUT)
        )

    def _reading(self) -> Deadline:
        return self._deadline.within(self._seconds_to_read)
