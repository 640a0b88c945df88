"""Backends that repeat the password in a form that the account names, in a record and in the reason."""

from __future__ import annotations

import base64
import html
import json
import logging
import threading
import urllib.parse
from collections.abc import Callable

from extauth import Account, Backend, Secret, Settings, TemporaryFailure, Verdict, VerdictResult

OF_ANOTHER_REQUEST = "the password of another request"


def _text(password: bytes) -> str:
    return password.decode(errors="surrogateescape")


FORMS: dict[str, Callable[[bytes], str]] = {
    "raw": _text,
    "repr": lambda password: repr(_text(password)),
    "repr-of-bytes": repr,
    "repr-of-repr": lambda password: repr(repr(password)),
    "ascii": lambda password: ascii(_text(password)),
    "json": lambda password: json.dumps({"password": _text(password)}),
    "sql": lambda password: "SELECT '" + _text(password).replace("'", "''") + "'",
    "sql-with-backslashes": lambda password: "SELECT '" + _text(password).replace("'", "\\'") + "'",
    "url": lambda password: "https://x/?p=" + urllib.parse.quote(password, safe=""),
    "url-form": lambda password: urllib.parse.urlencode({"p": password}),
    "url-of-latin-1": lambda password: urllib.parse.quote(password.decode("latin-1"), safe=""),
    "url-in-the-middle": lambda password: urllib.parse.quote(b"\xc3" + password + b"\xa4", safe=""),
    "html": lambda password: html.escape(_text(password)),
    "base64": lambda password: base64.b64encode(password).decode(),
    "base64-of-both": lambda password: base64.b64encode(b"\0alice\0" + password).decode(),
    "base64-in-the-middle": lambda password: base64.b64encode(b"alice:" + password + b"\n").decode(),
    "base64-for-urls": lambda password: base64.urlsafe_b64encode(b"x:" + password).decode(),
    "hex": lambda password: password.hex(),
    "latin-1": lambda password: password.decode("latin-1"),
    "replaced": lambda password: password.decode(errors="replace"),
    "backslashed": lambda password: password.decode(errors="backslashreplace"),
    "collapsed": lambda password: " ".join(_text(password).split()),
    "stripped": lambda password: _text(password).strip(),
    "without-tabs": lambda password: _text(password).expandtabs(),
    "hex-in-capitals": lambda password: password.hex().upper(),
    "harmless": lambda password: "the directory is down",
}


def say(log: logging.Logger, account: Account, password: Secret) -> VerdictResult:
    """Write a record, and return or raise the same text as a reason."""
    text = FORMS[account.name](password.reveal())
    log.error("says %s", text)
    if password.reveal().startswith(b"fail"):
        raise TemporaryFailure(f"cause {text}")
    return Verdict.PASSWORD_MISMATCH.because(f"cause {text}")


class Threaded(Backend[Settings]):
    """Runs in threads. The account `waits` waits until `tells` has written its password into a record."""

    def __init__(self, *arguments: object) -> None:
        super().__init__(*arguments)  # type: ignore[arg-type]
        self._waiting, self._told = threading.Event(), threading.Event()

    def verify_password(self, account: Account, password: Secret) -> Verdict | VerdictResult:
        if account.name == "waits":
            self._waiting.set()
            self._told.wait()
        elif account.name == "tells":
            self._waiting.wait()
            self.log.error("it is %s", OF_ANOTHER_REQUEST)
            logging.getLogger(OF_ANOTHER_REQUEST).error("a name")
            self._told.set()
        else:
            return say(self.log, account, password)
        return Verdict.OK


class Fast(Backend[Settings]):
    """Runs in the main thread of the worker."""

    def is_fast(self, account: Account) -> bool:
        return True

    def lookup_secret(self, account: Account) -> VerdictResult:
        return Verdict.SCHEME_NOT_AVAILABLE.because("cause the directory is down")

    def verify_password(self, account: Account, password: Secret) -> VerdictResult:
        return say(self.log, account, password)


class Async(Backend[Settings]):
    """Runs in an event loop."""

    async def verify_password(self, account: Account, password: Secret) -> VerdictResult:
        return say(self.log, account, password)
