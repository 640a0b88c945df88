"""An example of your own backend: accounts in an SQLite database."""

import contextlib
import sqlite3
from pathlib import Path

from extauth import Account, Backend, BackendUnavailable, Secret, Settings, Verdict, VerdictResult, verify_hash


class SqliteSettings(Settings, frozen=True):
    database: Path


class Sqlite(Backend[SqliteSettings]):
    Settings = SqliteSettings

    def verify_password(self, account: Account, password: Secret) -> Verdict | VerdictResult:
        try:
            with contextlib.closing(sqlite3.connect(f"file:{self.settings.database}?mode=ro", uri=True)) as database:
                row = database.execute("SELECT stored FROM accounts WHERE address = ?", [account.address]).fetchone()
        except sqlite3.OperationalError as error:
            raise BackendUnavailable(str(error)) from None
        return Verdict.USER_UNKNOWN if row is None else verify_hash(row[0], password)
