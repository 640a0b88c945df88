"""An example of your own backend: accounts in an SQLite database."""

import contextlib
import sqlite3
from pathlib import Path

from extauth import Account, Backend, BackendUnavailable, Secret, Settings, Verdict, VerdictResult, verify_hash


class SqliteSettings(Settings, frozen=True):
    database: Path


class Sqlite(Backend[SqliteSettings]):
    Settings = SqliteSettings

    def self_test(self) -> None:
        self._stored("postmaster@example.com")

    def verify_password(self, account: Account, password: Secret) -> Verdict | VerdictResult:
        stored = self._stored(account.address)
        return Verdict.USER_UNKNOWN if stored is None else verify_hash(stored, password)

    def _stored(self, address: str) -> str | None:
        try:
            with contextlib.closing(sqlite3.connect(f"file:{self.settings.database}?mode=ro", uri=True)) as database:
                row = database.execute("SELECT stored FROM accounts WHERE address = ?", [address]).fetchone()
        except sqlite3.OperationalError as error:
            raise BackendUnavailable(str(error)) from None
        return None if row is None else row[0]
