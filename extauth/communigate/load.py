"""Makes a client from the section `[mail_server]` of the configuration."""

from __future__ import annotations

from extauth.backends.network import ServerAddress, load_password
from extauth.backends.tls import load_verifying_context
from extauth.backends.watched_files import WatchedFiles
from extauth.communigate.client import CliClient
from extauth.config import CliSettings

_MAX_REPLY = 65_536  # bytes; the longest replies have the aliases of one account


def load_client(backend: WatchedFiles, settings: CliSettings) -> CliClient:
    """Read the files of the section, and return a client. It connects with its first command.

    `backend` reads the files, and reloads when one of them changes: call this in its `load`. Raises ConfigError.
    """
    password = load_password(backend, "password_file", settings.password_file)
    is_local = ServerAddress("", settings.host).is_local
    needs_tls = settings.starttls or settings.ca_file is not None or not is_local
    return CliClient(
        settings.host,
        settings.port,
        account=settings.account,
        password=password,
        tls=load_verifying_context(backend, settings.ca_file) if needs_tls else None,
        starttls=settings.starttls,
        connect_timeout=settings.connect_timeout,
        reply_timeout=settings.reply_timeout,
        max_reply=_MAX_REPLY,
    )
