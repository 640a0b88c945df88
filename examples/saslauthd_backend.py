"""An example of an async backend: it asks saslauthd of Cyrus SASL over its socket."""

import asyncio
import struct
from pathlib import Path

from extauth import Account, Backend, BackendUnavailable, Secret, Settings, TemporaryFailure, Verdict


class SaslauthdSettings(Settings, frozen=True):
    socket: Path = Path("/run/saslauthd/mux")
    service: str = "smtp"


class Saslauthd(Backend[SaslauthdSettings]):
    Settings = SaslauthdSettings
    concurrency = 20

    async def verify_password(self, account: Account, password: Secret) -> Verdict:
        fields = account.name.encode(), password.reveal(), self.settings.service.encode(), account.domain.encode()
        try:
            reader, writer = await asyncio.open_unix_connection(self.settings.socket)
        except OSError as error:
            raise BackendUnavailable(f"{self.settings.socket}: {error.strerror}") from None
        try:
            writer.write(b"".join(struct.pack("!H", len(field)) + field for field in fields))
            reply = (await reader.read())[2:]
        finally:
            writer.close()
        if not reply.startswith((b"OK", b"NO")):
            raise TemporaryFailure("saslauthd gave no verdict")
        return Verdict.OK if reply.startswith(b"OK") else Verdict.PASSWORD_MISMATCH
