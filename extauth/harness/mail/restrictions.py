"""Grant and Deny lists, and the limit on connections from one address (docs/mail-server-rules.md).

They are settings of the mail server's modules. So the accounts file, the options and the CLI change the same ones.
"""

from __future__ import annotations

import time
from collections import Counter
from collections.abc import Callable, Iterable, Mapping
from ipaddress import IPv4Address, IPv6Address, ip_address, ip_network
from pathlib import Path
from typing import Annotated, Any

import msgspec
from twisted.protocols.policies import WrappingFactory

from extauth.errors import ConfigError
from extauth.log_levels import Level
from extauth.protocol.data_format import Value
from extauth.settings import Settings, convert

MODULES = {"pop3": "POP", "imap": "IMAP", "smtp": "SMTP", "pwd": "PWD"}
"""The listeners, by their names in options and in the accounts file, and their modules."""

PER_ADDRESS = "ConnectionsPerAddress"
"""The most connections that one address may have open at a time."""

LISTENER_SETTINGS = frozenset({"Grant", "Deny", PER_ADDRESS})
"""The settings of these modules that have an effect."""

Modules = Mapping[str, Mapping[str, Value]]
"""The settings of the modules, by the names of the modules."""

TLS_PORT = "the lists of pop3, imap and smtp also count for pop3s, imaps and smtps"
"""A part of error texts."""

_EXAMPLES = "an address, a network or a range, such as 127.0.0.5, 127.0.0.0/8 or 127.0.0.2-127.0.0.9"

_DEFAULT_LIMIT = 150  # all four listeners together stay below 1,024 descriptors, the usual limit of a process
_MAX_LIMIT = 10_000
_QUIET = 60.0  # seconds without another record for the same address


class AddressRange(msgspec.Struct, frozen=True):
    """All addresses from `first` to `last`. `text` is how the list names them."""

    text: str
    first: IPv4Address | IPv6Address
    last: IPv4Address | IPv6Address

    def __contains__(self, address: IPv4Address | IPv6Address) -> bool:
        return address.version == self.first.version and int(self.first) <= int(address) <= int(self.last)


class Restriction(msgspec.Struct, frozen=True):
    """The two lists of a listener, and how many connections an address may have. An empty list restricts nothing."""

    grant: tuple[AddressRange, ...] = ()
    deny: tuple[AddressRange, ...] = ()
    per_address: int = _DEFAULT_LIMIT

    def why_refused(self, address: str) -> str | None:
        """Return the list that refuses connections from `address`, and its entry. None if they are accepted."""
        client = ip_address(address)
        for entry in self.deny:
            if client in entry:
                return f"the Deny list has {entry.text}"
        if self.grant and not any(client in entry for entry in self.grant):
            return f"the Grant list has only {', '.join(entry.text for entry in self.grant)}"
        return None


def read_address_range(text: str) -> AddressRange:
    """Read an address, a network or a range. Raises ValueError."""
    first, dash, last = (part.strip() for part in text.partition("-"))
    try:
        if dash:
            entry = AddressRange(text, ip_address(first), ip_address(last))
            if entry.first.version != entry.last.version or int(entry.first) > int(entry.last):
                raise ValueError
            return entry
        network = ip_network(first, strict=False)
    except ValueError:
        raise ValueError(f"{text!r} must be {_EXAMPLES}") from None
    if ip_address(first.partition("/")[0]) != network[0]:
        raise ValueError(f"{text!r} must be a network; write {network} for the network")
    return AddressRange(text, network[0], network[-1])


def read_restriction(settings: Mapping[str, Value]) -> Restriction:
    """Return the restriction in the settings of a module. Raises ValueError that names the setting and the value."""
    limit = str(settings.get(PER_ADDRESS, _DEFAULT_LIMIT))
    if not limit.isdecimal() or not 1 <= int(limit[:6]) <= _MAX_LIMIT:
        raise ValueError(f"{PER_ADDRESS} must be a number from 1 to {_MAX_LIMIT:,}, or default")
    return Restriction(_read_list("Grant", settings), _read_list("Deny", settings), int(limit))


def _read_list(name: str, settings: Mapping[str, Value]) -> tuple[AddressRange, ...]:
    value = settings.get(name, [])
    ranges = []
    for entry in value if isinstance(value, list) else [value]:
        try:
            if not isinstance(entry, str):
                raise ValueError(f"must be an array of strings, each {_EXAMPLES}")
            ranges.append(read_address_range(entry))
        except ValueError as error:
            raise ValueError(f"{name}: {error}") from None
    return tuple(ranges)


class ListenerTable(Settings, frozen=True):
    """The keys of a `[listener.NAME]` in the accounts file. None: the default."""

    grant: tuple[str, ...] = ()
    deny: tuple[str, ...] = ()
    connections_per_address: Annotated[int, msgspec.Meta(ge=1, le=_MAX_LIMIT)] | None = None


def read_listener(name: str, table: dict[str, Any], path: Path) -> tuple[str, dict[str, Value]]:
    """Return the module of a listener, and the settings of its table by their names. Raises ConfigError."""
    section = f"[listener.{name}]"
    if name not in MODULES:
        raise ConfigError(f"{path}: {section}: must be one of {', '.join(MODULES)}; {TLS_PORT}")
    read = convert(table, ListenerTable, path, section)
    settings: dict[str, Value] = {}
    for key, entries in (("grant", read.grant), ("deny", read.deny)):
        try:
            if entries:
                settings[key.capitalize()] = [read_address_range(entry).text for entry in entries]
        except ValueError as error:
            raise ConfigError(f"{path}: {section} {key}: {error}") from None
    if read.connections_per_address is not None:
        settings[PER_ADDRESS] = str(read.connections_per_address)
    return MODULES[name], settings


def restrict(modules: dict[str, dict[str, Value]], *, grant: Iterable[str], deny: Iterable[str]) -> None:
    """Replace the lists that options of the form `LISTENER=ADDRESS,...` name. Raises ConfigError.

    Several options for the same list are one list.
    """
    new: dict[tuple[str, str], list[Value]] = {}
    for name, options in (("Grant", grant), ("Deny", deny)):
        for option in options:
            listener, _, addresses = option.partition("=")
            try:
                if listener not in MODULES or not addresses:
                    raise ValueError(f"must be LISTENER=ADDRESS,... with one of {', '.join(MODULES)}; {TLS_PORT}")
                entries: list[Value] = [read_address_range(entry.strip()).text for entry in addresses.split(",")]
            except ValueError as error:
                raise ConfigError(f"--{name.lower()} {option}: {error}") from None
            new.setdefault((MODULES[listener], name), []).extend(entries)
    for (module, name), addresses_of_list in new.items():
        modules.setdefault(module, {})[name] = addresses_of_list


class OpenConnections:
    """Counts the open connections of a listener, by the address of the client."""

    def __init__(self) -> None:
        self._counts: Counter[str] = Counter()
        self._told: dict[str, float] = {}  # when a refusal was told (monotonic seconds)

    def take(self, address: str, limit: int) -> bool:
        """Count a new connection. Return False, and do not count it, if `limit` connections are open."""
        if self._counts[address] >= limit:
            return False
        self._counts[address] += 1
        return True

    def give_back(self, address: str) -> None:
        """Count a connection no more: it is closed."""
        self._counts[address] -= 1
        if not self._counts[address]:
            del self._counts[address]

    def tells_refusal(self, address: str) -> bool:
        """Return True if a refusal is to be logged now: one in a minute for each address."""
        now = time.monotonic()
        self._told = {each: at for each, at in self._told.items() if now - at < _QUIET}
        if address in self._told:
            return False
        self._told[address] = now
        return True


class RestrictedFactory(WrappingFactory):
    """Makes streams only for connections that the restriction accepts now. twisted closes the others at once.

    service: the name of the port, such as POP3S
    modules: returns the settings of the modules as they are now
    connections: the open connections of the module
    """

    noisy = False

    def __init__(
        self,
        factory: Any,
        service: str,
        modules: Callable[[], Modules],
        connections: OpenConnections,
        write_record: Callable[[Level, str, str], None],
    ) -> None:
        super().__init__(factory)
        self._service = service
        self._module = MODULES[service.removesuffix("S").lower()]
        self._modules = modules
        self._connections = connections
        self._settings: Mapping[str, Value] | None = None
        self._restriction = Restriction()
        self._write_record = write_record

    def buildProtocol(self, addr: Any) -> Any:
        """Return the stream of a new connection, or None to close it."""
        address = addr.host
        settings = self._modules().get(self._module, {})
        if settings is not self._settings:  # each change makes a new mapping
            self._settings, self._restriction = settings, read_restriction(settings)
        restriction = self._restriction
        reason = restriction.why_refused(address)
        if reason is None and not self._connections.take(address, restriction.per_address):
            if not self._connections.tells_refusal(address):
                return None
            limit = f"{PER_ADDRESS} allows {restriction.per_address}"
            reason = f"{limit}; others from this address are closed without a record for {_QUIET:.0f} seconds"
        if reason is not None:
            self._write_record(
                Level.PROBLEMS, self._module, f"connection from {address} to {self._service} closed: {reason}"
            )
            return None
        stream = self.wrappedFactory.buildProtocol(addr)
        stream.call_when_lost(lambda: self._connections.give_back(address))
        return stream
