"""Keep passwords out of the log: reasons of backends, and records that backends write while they check a password.

A backend may repeat a password in many forms: as it is, in quotes of Python, JSON or SQL, in a URL, in base64, with
another character set, or with its blanks changed. All of them are looked for. A text that has one is withheld as a
whole: with a gap in it, a text that is known otherwise would show the password.
"""

from __future__ import annotations

import base64
import itertools
import re
from collections.abc import Iterator, Sequence

from extauth.model import PasswordRequest, Request, ResponseRequest
from extauth.protocol.replies import one_line

_SHORT_BASE64 = 3  # characters; fewer are in any text
WITHHELD = "the reason is withheld: it may contain the password"
"""Stands in the place of a text that contains the password."""

_RECORD_WITHHELD = "a record is withheld: it may contain a password"
_IGNORED = re.compile(r"""[\s\x00-\x1f\x7f-\x9f\\"'`+]+""")  # what quoting adds, and what it changes
_IN_A_URL = re.compile(rb"%([0-9A-Fa-f]{2})")
_JSON_ESCAPES = {"\b": r"\b", "\t": r"\t", "\n": r"\n", "\f": r"\f", "\r": r"\r"}
_BITS = 6  # of a character of base64


def loggable_reason(reason: str, request: Request) -> str:
    """Return `reason` as one line for the log. It is withheld if it contains the password of `request`."""
    if not reason:
        return ""
    secret = _secret_of(request)
    if secret and _has_any(reason, _forms(secret)):
        return WITHHELD
    return one_line(reason)


class PasswordsInCalls:
    """The passwords that a backend is called with at this moment, in any thread."""

    def __init__(self) -> None:
        self._calls: dict[int, _Call] = {}
        self._numbers = itertools.count()

    def begin(self, requests: Sequence[Request], results: Sequence[object] = ()) -> int:
        """Remember a call for the first of these requests that has no result yet. Return a number for `end`."""
        number = next(self._numbers)
        self._calls[number] = _Call(requests, results)
        return number

    def end(self, number: int) -> None:
        """Forget a call."""
        del self._calls[number]

    def are_in(self, text: str) -> bool:
        """Return whether `text` contains one of the passwords."""
        return any(_has_any(text, forms) for call in list(self._calls.values()) if (forms := call.forms()))


def loggable_record(source: str, text: str, passwords: Sequence[PasswordsInCalls]) -> str:
    """Return the record of a logger as one line. Its text is withheld if it contains a password in `passwords`."""
    record = f"{source}: {text}"
    if any(each.are_in(record) for each in passwords):
        hides_source = any(each.are_in(source) for each in passwords)
        record = _RECORD_WITHHELD if hides_source else f"{source}: {_RECORD_WITHHELD}"
    return one_line(record)


class _Call:
    """A call for one request after the other. The forms of the password are made when they are first needed."""

    def __init__(self, requests: Sequence[Request], results: Sequence[object]) -> None:
        self._requests = requests
        self._results = results
        self._forms: tuple[int, frozenset[str]] = -1, frozenset()

    def forms(self) -> frozenset[str]:
        """Return the forms of the password of the request that has no result yet."""
        place = len(self._results)
        if self._forms[0] != place:
            secret = _secret_of(self._requests[place]) if place < len(self._requests) else None
            self._forms = place, _forms(secret) if secret else frozenset()
        return self._forms[1]


def _secret_of(request: Request) -> bytes | None:
    if isinstance(request, PasswordRequest):
        return request.password.reveal()
    return request.response.reveal() if isinstance(request, ResponseRequest) else None


def _has_any(text: str, forms: frozenset[str]) -> bool:
    from_url = _IN_A_URL.sub(lambda match: bytes([int(match[1], 16)]), text.encode(errors="surrogatepass"))
    texts = {text, from_url.decode(errors="surrogateescape"), from_url.decode("latin-1")}
    if "&" in text:
        try:
            import html  # here: the first reply should not wait for its tables
        except ImportError:  # a worker may have lost the right to read the library
            return True
        texts.add(html.unescape(text))
    return any(form in squashed for squashed in map(_squashed, texts) for form in forms)


def _forms(secret: bytes) -> frozenset[str]:
    """Return the forms in which the secret may stand in a squashed text."""
    forms: set[str] = set()
    texts = {secret.decode(errors=errors) for errors in ("surrogateescape", "replace", "ignore", "backslashreplace")}
    for text in texts | {secret.decode("latin-1")}:  # of plain characters there is one text
        forms |= _spellings(text)  # that of Latin-1 has the repr of the bytes
    forms |= {secret.hex(), secret.hex().upper()}
    return frozenset(map(_squashed, itertools.chain(forms, _in_base64(secret))))


def _spellings(text: str) -> set[str]:
    return {text, repr(text)[1:-1], ascii(text)[1:-1], _in_json(text)}


def _in_json(text: str) -> str:
    """Return the text as JSON has it between its quotes. A worker that has lost its rights could not import `json`."""
    return "".join([_JSON_ESCAPES.get(character) or _escaped(ord(character)) for character in text])


def _escaped(number: int) -> str:
    """Return a character as JSON has it: as it is if it is ASCII, and else as one or two UTF-16 units."""
    if number < 0x7F:
        return chr(number)
    if number < 0x10000:
        return f"\\u{number:04x}"
    number -= 0x10000
    return f"\\u{0xD800 + (number >> 10):04x}\\u{0xDC00 + (number & 0x3FF):04x}"


def _in_base64(secret: bytes) -> Iterator[str]:
    """Yield the part of base64 that the secret alone decides, for each place where it can begin in a longer text."""
    for before in range(3):
        text = base64.b64encode(bytes(before) + secret).decode()
        part = text[-(-8 * before // _BITS) : 8 * (before + len(secret)) // _BITS]
        if len(part) >= _SHORT_BASE64:
            yield part
            yield part.replace("+", "-").replace("/", "_")


def _squashed(text: str) -> str:
    return _IGNORED.sub("", text)
