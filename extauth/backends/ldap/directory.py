"""The directory behind the server list: asks the servers in order until one responds."""

from __future__ import annotations

import logging
import ssl
import time
from collections import deque
from collections.abc import Awaitable, Callable, Iterable, Sequence
from typing import TypeVar

from extauth.backends.ldap.bind_connections import BindConnections
from extauth.backends.ldap.connect import Connector
from extauth.backends.ldap.connection import LdapConnection
from extauth.backends.ldap.filters import ANY_ENTRY, parse_filter
from extauth.backends.ldap.messages import LdapResult, encode_attributes, encode_search
from extauth.backends.ldap.pending import Timers
from extauth.backends.ldap.result_codes import SUCCESS, search_problem
from extauth.backends.ldap.search_connection import SearchConnection, ServiceAccount
from extauth.backends.ldap.servers import LdapServers, Repeat, ServerUnavailable
from extauth.backends.ldap.settings import CONNECT_TIMEOUT, READ_TIMEOUT, LdapSettings
from extauth.backends.network import ServerAddress
from extauth.errors import BackendUnavailable, TemporaryFailure
from extauth.model import Secret

T = TypeVar("T")


class LdapDirectory:
    """Asks the servers within `overall_timeout` (seconds). `binds`: the most connections on which users bind."""

    def __init__(
        self,
        servers: tuple[ServerAddress, ...],
        context: ssl.SSLContext | None,
        service: ServiceAccount | None,
        settings: LdapSettings,
        log: logging.Logger,
        *,
        overall_timeout: float,
        binds: int,
    ) -> None:
        self._servers = LdapServers(servers)
        self._overall_timeout = overall_timeout
        self._log = log
        timers = Timers()
        self._connections = {
            server: ServerConnections(server, context, service, settings, log, timers, binds) for server in servers
        }

    async def ask(self, work: Callable[[LdapSession], Awaitable[T]]) -> T:
        """Run `work` with the first available server. Raises BackendUnavailable if there is none."""
        until = time.monotonic() + self._overall_timeout
        problems: dict[ServerAddress, str] = {}
        repeated: set[ServerAddress] = set()
        servers = deque(self._servers.in_order())
        while servers:
            server = servers.popleft()
            if problems and time.monotonic() >= until:
                problems.setdefault(server, "no time left to ask it")
                break
            try:
                found = await work(LdapSession(self._connections[server], until))
            except ServerUnavailable as problem:
                problems[server] = str(problem)
                may_repeat = problem.repeat is not Repeat.NEVER and server not in repeated
                if may_repeat:
                    repeated.add(server)
                if may_repeat and problem.repeat is Repeat.AT_ONCE:
                    servers.appendleft(server)
                    continue
                self._on_unavailable(server, problem)
                if may_repeat:
                    servers.append(server)
            else:
                if self._servers.mark_available(server):
                    self._log.warning("%s is available again", server.url)
                return found
        raise BackendUnavailable("; ".join(f"{server.url}: {problem}" for server, problem in problems.items()))

    async def self_test(self, places: Sequence[str], groups: Iterable[str], attribute: str | None) -> bool:
        """Log for each server whether extauth can connect, and whether the entries at `places` and the `groups` exist.

        Return whether any server can be used. Groups are not searched at a login, so extauth need not see them. Some
        entry below one of the places should have `attribute`.
        """
        any_is_usable = False
        for server, connections in self._connections.items():
            session = LdapSession(connections, time.monotonic() + self._overall_timeout)
            try:
                outcome = await session.self_test()
                unseen = [why for group in groups if (why := await session.problem_at(group))]
                missing = [why for place in places if (why := await session.problem_at(place))]
                nobody_has = attribute is not None and not missing and not await session.any_has(attribute, places)
            except ServerUnavailable as problem:
                self._log.error("%s is unavailable: %s", server.url, problem)
            except TemporaryFailure:
                continue  # SearchConnection has logged the rejection
            else:
                self._log.info("%s is available and %s", server.url, outcome)
                for why in missing:
                    self._log.error("%s: %s", server.url, why)
                for why in unseen:
                    self._log.warning("%s: required_groups: %s; is the name right?", server.url, why)
                if nobody_has:
                    places_text = ", ".join(places)
                    why = f"no entry below {places_text} has {attribute}, so no account is in a group"
                    self._log.warning("%s: required_groups: %s; OpenLDAP needs the overlay memberof", server.url, why)
                any_is_usable |= not missing
            finally:
                connections.close()
        return any_is_usable

    def close(self) -> None:
        """Close all connections that no request uses."""
        for connections in self._connections.values():
            connections.close()

    def _on_unavailable(self, server: ServerAddress, problem: ServerUnavailable) -> None:
        if self._servers.mark_unavailable(server):
            self._log.error("%s is unavailable: %s", server.url, problem)
        if self._servers.has_available():
            self._connections[server].binds.dismiss_waiting(problem)


class ServerConnections:
    """The connections to one server: one for searches, and several on which users bind."""

    def __init__(
        self,
        server: ServerAddress,
        context: ssl.SSLContext | None,
        service: ServiceAccount | None,
        settings: LdapSettings,
        log: logging.Logger,
        timers: Timers,
        binds: int,
    ) -> None:
        seconds = settings.read_timeout or READ_TIMEOUT
        connector = Connector(
            server,
            context,
            lambda: LdapConnection(timers, seconds, self.binds.close_free),
            starttls=settings.starttls,
            seconds=settings.connect_timeout or CONNECT_TIMEOUT,
        )
        self.binds = BindConnections(connector, timers, limit=binds)
        self.searches = SearchConnection(connector, service, log, url=server.url)

    def close(self) -> None:
        """Close those that no request uses."""
        self.binds.close()
        self.searches.close()


class LdapSession:
    """One request at one server. `until`: monotonic seconds. All methods raise ServerUnavailable.

    `is_anonymous`: searches run without a service account.
    """

    def __init__(self, connections: ServerConnections, until: float) -> None:
        self._connections = connections
        self._until = until
        self.is_anonymous = connections.searches.is_anonymous

    def search(self, search: bytes) -> Awaitable[LdapResult]:
        """Send an encoded search, as the service account or anonymously.

        Awaiting it raises TemporaryFailure if the service account is rejected.
        """
        return self._connections.searches.search(search, self._until)

    def bind(self, dn: str, password: Secret) -> Awaitable[LdapResult]:
        """Bind as a user. Name and password must not be empty: that would be an anonymous bind."""
        if not dn or not password.reveal():
            raise TemporaryFailure("a bind without a name or a password proves nothing")
        return self._connections.binds.bind(dn, password, self._until)

    async def self_test(self) -> str:
        """Connect as for a search. Return the outcome. Raises TemporaryFailure if the service account is rejected."""
        return await self._connections.searches.self_test(self._until)

    async def problem_at(self, place: str) -> str:
        """Return why extauth cannot search below the entry of that name, or an empty text if it can."""
        result = await self.search(encode_search(place, "base", ANY_ENTRY.encode({}), encode_attributes([])))
        return "" if result.code == SUCCESS else search_problem(result, place, anonymous=self.is_anonymous)

    async def any_has(self, attribute: str, places: Sequence[str]) -> bool:
        """Return whether an entry below one of the places has the attribute, as far as the server tells."""
        search = parse_filter(f"({attribute}=*)").encode({})
        results = [
            await self.search(encode_search(place, "subtree", search, encode_attributes([]))) for place in places
        ]
        return any(result.entries or result.code != SUCCESS for result in results)
