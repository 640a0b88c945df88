"""What backends that ask a server have in common: its URL, passwords, time limits, and why it cannot be reached."""

from __future__ import annotations

import ipaddress
import os
import socket
import ssl
from collections.abc import Mapping
from pathlib import Path
from typing import Annotated
from urllib.parse import urlsplit

import msgspec

from extauth.backends.watched_files import WatchedFiles
from extauth.errors import ConfigError
from extauth.model import Secret

Seconds = Annotated[float, msgspec.Meta(gt=0, le=3600)]

_OVERALL_TIMEOUT = 10.0  # seconds by default, unless another setting needs more or less
_OVERALL_SHARE = 2 / 3  # of `helper.deadline` by default, if that is less


class ServerAddress(msgspec.Struct, frozen=True):
    """Where one server is. `path` is the local socket of an ldapi:// URL. `url` is its name in the log."""

    url: str
    host: str = ""
    port: int = 0
    tls: bool = False
    path: str = ""

    @property
    def is_local(self) -> bool:
        """Whether it runs on this machine, so that no password crosses the network."""
        if self.path or self.host == "localhost":
            return True
        try:
            return ipaddress.ip_address(self.host).is_loopback
        except ValueError:
            return False


def parse_server_url(text: str, key: str, ports: Mapping[str, int], expected: str, hint: str) -> ServerAddress:
    """Return the server of a URL. `ports`: the default ports of the schemes; one that ends in `s` begins with TLS.

    Raises ConfigError, which begins with `key` and says what is `expected`. It does not show a URL that may hold a
    password, and then gives the `hint`.
    """
    try:
        parts = urlsplit(text)
        port = parts.port
    except ValueError:
        parts, port = None, None
    if parts is None or "@" in text:
        raise ConfigError(f"{key}: (not shown, it may contain a password): {expected}; {hint}")
    wrong = parts.query or parts.fragment or parts.path not in ("", "/")
    if wrong or parts.scheme not in ports or not parts.hostname or port == 0:
        raise ConfigError(f"{key}: {text!r}: {expected}")
    host = f"[{parts.hostname}]" if ":" in parts.hostname else parts.hostname
    port = port or ports[parts.scheme]
    return ServerAddress(f"{parts.scheme}://{host}:{port}", parts.hostname, port, parts.scheme.endswith("s"))


def overall_timeout(overall: float | None, parts: Mapping[str, float | None], deadline: float) -> float:
    """Return the seconds for a request. A default never contradicts a setting. Raises ConfigError.

    `overall` is the setting `overall_timeout`. `parts` are the settings of time-outs that it limits, by their keys.
    `deadline` is `helper.deadline`.
    """
    if overall is None:
        longest = max(seconds or 0.0 for seconds in parts.values())
        if longest >= deadline:
            key = next(key for key, seconds in parts.items() if seconds == longest)
            raise ConfigError(f"{key} = {longest:g}: must be less than helper.deadline = {deadline:g}")
        return max(min(_OVERALL_TIMEOUT, deadline * _OVERALL_SHARE), longest)
    if overall >= deadline:
        raise ConfigError(f"overall_timeout = {overall:g}: must be less than helper.deadline = {deadline:g}")
    for key, part in parts.items():
        if part is not None and part > overall:
            raise ConfigError(f"{key} = {part:g}: must not be more than overall_timeout = {overall:g}")
    return overall


def load_password(backend: WatchedFiles, key: str, path: Path) -> Secret:
    """Read a file that holds one password and perhaps a line end. Raises ConfigError, which begins with `key`."""
    try:
        password = backend.read_file(path).removesuffix(b"\n").removesuffix(b"\r")
    except ConfigError as error:
        raise ConfigError(f"{key} = {error}") from None
    if not password:
        raise ConfigError(f"{key} = {path}: is empty")
    return Secret(password)


def reason_of(error: OSError) -> str:
    """Return the reason of a socket error, for the log."""
    if isinstance(error, ssl.SSLCertVerificationError):
        return f"TLS: certificate: {error.verify_message}"
    if isinstance(error, ssl.SSLError):
        return f"TLS: {error.reason or error.strerror or type(error).__name__}"
    if error.errno and not isinstance(error, socket.gaierror):
        return os.strerror(error.errno)
    return error.strerror or str(error) or type(error).__name__
