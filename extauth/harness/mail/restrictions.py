"""Grant and Deny lists: the addresses from which a listener accepts connections (docs/mail-server-rules.md).

They are settings of the mail server's modules. So the accounts file, the options and the CLI change the same lists.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from ipaddress import IPv4Address, IPv6Address, ip_address, ip_network
from typing import Any

import msgspec
from twisted.protocols.policies import WrappingFactory

from extauth.errors import ConfigError
from extauth.log_levels import Level
from extauth.protocol.data_format import Value

MODULES = {"pop3": "POP", "imap": "IMAP", "smtp": "SMTP", "pwd": "PWD"}
"""The listeners, by their names in options and in the accounts file, and their modules."""

LISTENER_SETTINGS = frozenset({"Grant", "Deny"})
"""The settings of these modules that have an effect."""

Modules = Mapping[str, Mapping[str, Value]]
"""The settings of the modules, by the names of the modules."""

TLS_PORT = "the lists of pop3, imap and smtp also count for pop3s, imaps and smtps"
"""A part of error texts."""

_EXAMPLES = "an address, a network or a range, such as 127.0.0.5, 127.0.0.0/8 or 127.0.0.2-127.0.0.9"


class AddressRange(msgspec.Struct, frozen=True):
    """All addresses from `first` to `last`. `text` is how the list names them."""

    text: str
    first: IPv4Address | IPv6Address
    last: IPv4Address | IPv6Address

    def __contains__(self, address: IPv4Address | IPv6Address) -> bool:
        return address.version == self.first.version and int(self.first) <= int(address) <= int(self.last)


class Restriction(msgspec.Struct, frozen=True):
    """The two lists of a listener. An empty list restricts nothing."""

    grant: tuple[AddressRange, ...] = ()
    deny: tuple[AddressRange, ...] = ()

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
    """Return the lists in the settings of a module. Raises ValueError that names the setting and the value."""
    return Restriction(_read_list("Grant", settings), _read_list("Deny", settings))


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


class RestrictedFactory(WrappingFactory):
    """Makes protocol objects only for connections that the lists accept now. twisted closes the others at once.

    service: the name of the port, such as POP3S
    modules: returns the settings of the modules as they are now
    """

    noisy = False

    def __init__(
        self,
        factory: Any,
        service: str,
        modules: Callable[[], Modules],
        write_record: Callable[[Level, str, str], None],
    ) -> None:
        super().__init__(factory)
        self._service = service
        self._module = MODULES[service.removesuffix("S").lower()]
        self._modules = modules
        self._write_record = write_record

    def buildProtocol(self, addr: Any) -> Any:
        """Return the protocol object of a new connection, or None to close it."""
        reason = read_restriction(self._modules().get(self._module, {})).why_refused(addr.host)
        if reason is not None:
            text = f"connection from {addr.host} to {self._service} closed: {reason}"
            self._write_record(Level.PROBLEMS, self._module, text)
            return None
        return self.wrappedFactory.buildProtocol(addr)
