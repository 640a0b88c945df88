"""What `extauth verify` prints: the way of a login as a tree or as JSON, and what to do next."""

from __future__ import annotations

import sys
import traceback
from typing import Any

import msgspec

from extauth.chain.password_masking import WITHHELD, loggable_reason
from extauth.cli.verify_way import AskedBackend, Way
from extauth.config import Config
from extauth.errors import UnexpectedError
from extauth.frontend.reply_texts import reply_texts
from extauth.model import Account, FailureResult, PasswordRequest, Result, Secret, Verdict, VerdictResult
from extauth.protocol.replies import MALFORMED, UNSUPPORTED_MECHANISM, one_line
from extauth.protocol.requests import Dialect
from extauth.workers.frontend_config import FrontendConfig


def drawn(branches: list[list[str]]) -> list[str]:
    """Return the lines of a tree. Each branch is its first line and the lines below it."""
    middle, last, along = "├─ ", "└─ ", "│  "
    try:
        (middle + last + along).encode(sys.stdout.encoding or "ascii")
    except UnicodeEncodeError:
        middle, last, along = "|- ", "`- ", "|  "
    lines = []
    for index, (first, *others) in enumerate(branches):
        is_last = index == len(branches) - 1
        lines += [
            (last if is_last else middle) + first,
            *[("   " if is_last else along) + "  " + line for line in others],
        ]
    return lines


_ACCEPTED, _REJECTED, _TEMPORARY = 0, 1, 75
_MAX_DOMAINS = 10


class Report:
    """The report on one login. No text in it shows `password`."""

    def __init__(self, config: Config, way: Way, password: Secret, *, debug: bool) -> None:
        self._config = config
        self._way = way
        self._request = PasswordRequest(Account("", ""), password)
        self._debug = debug

    @property
    def status(self) -> int:
        """The exit status."""
        result = self._way.result
        if isinstance(result, FailureResult):
            return _TEMPORARY
        return _ACCEPTED if result is not None and result.verdict is Verdict.OK else _REJECTED

    def as_tree(self) -> str:
        """Return the report for people."""
        way = self._way
        shown = one_line(way.account.address if way.account else way.address)
        command = f"SASL({way.mechanism})" if way.mechanism else way.command
        branches = [[f"backends of the domain: {', '.join(each.name for each in way.served_by) or 'none'}"]]
        if way.account is None or way.is_switched_off:
            branches = []
        for asked in way.asked:
            branches.append([f"{asked.name}: {_said(asked.result)} in {asked.seconds:.3f} s", *self._details(asked)])
        branches += [[f"{name}: not asked"] for name in way.not_asked]
        branches.append([f"reply to the mail server: {self._reply()}"])
        return "\n".join([f"{shown}, {command}", *drawn(branches), "", self._advice()])

    def as_json(self) -> str:
        """Return the report as one JSON object."""
        way, result = self._way, self._way.result
        report: dict[str, Any] = {
            "account": way.account.address if way.account else one_line(way.address),
            "command": way.command,
            "mechanism": way.mechanism or None,
            "backends": [each.name for each in way.served_by],
            "asked": [
                {
                    "backend": asked.name,
                    "verdict": _said(asked.result),
                    "reason": self._masked(asked.result.reason) or None,
                    "seconds": round(asked.seconds, 6),
                }
                | ({"errors": [self._traceback(error) for error in asked.errors]} if self._debug else {})
                for asked in way.asked
            ],
            "not_asked": way.not_asked,
            "verdict": None if result is None else _said(result),
            "reply": self._reply(),
            "next": self._advice(),
            "status": self.status,
        }
        return msgspec.json.format(msgspec.json.encode(report), indent=2).decode()

    def _masked(self, text: str) -> str:
        return loggable_reason(text, self._request)

    def _details(self, asked: AskedBackend) -> list[str]:
        details = [self._masked(asked.result.reason)] if asked.result.reason else []
        if asked.place:
            details.append(f"it waits at {asked.place}")
        if self._debug:
            details += [line for error in asked.errors for line in self._traceback(error)]
        return details

    def _traceback(self, error: BaseException) -> list[str]:
        """Return the lines of an error and of the errors that led to it. A part with the password is withheld."""
        lines: list[str] = []
        is_ours = isinstance(error, UnexpectedError) and error.__context__ is not None
        seen: BaseException | None = error.__context__ if is_ours else error
        while seen is not None:
            parts = [*traceback.format_tb(seen.__traceback__), *traceback.format_exception_only(seen)]
            own = [self._part(part) for part in parts]
            lines = ["Traceback (most recent call last):", *[line for part in own for line in part], *lines]
            seen = seen.__cause__ or seen.__context__
        return lines

    def _part(self, part: str) -> list[str]:
        if self._masked(part) == WITHHELD:
            return [f"  ({WITHHELD})"]
        return [" " * (len(line) - len(line.lstrip())) + one_line(line) for line in part.splitlines()]

    def _reply(self) -> str:
        """Return the reply without its number."""
        way = self._way
        if way.malformed:
            return f"ERROR {MALFORMED}"
        if way.is_switched_off:
            return f"ERROR {UNSUPPORTED_MECHANISM}"
        assert way.result is not None
        texts = reply_texts(Dialect.HELPER, FrontendConfig.of(self._config))[way.command]
        return texts.for_result(way.result)[0].decode().strip()

    def _advice(self) -> str:
        """Return one line: what follows from it."""
        way, result = self._way, self._way.result
        if way.malformed:
            return f"malformed request: {way.malformed}"
        if way.is_switched_off:
            return (
                f"{way.mechanism} is switched off: add it to sasl.mechanisms, or switch it off at the mail server too"
            )
        assert result is not None
        if not way.served_by and way.account is not None:
            return f"no backend serves {way.account.domain}; configured: {self._domains()}"
        if isinstance(result, FailureResult):
            return _advice_on_failure(way, debug=self._debug)
        if not way.asked:
            return one_line(result.reason)
        return _advice_on_verdict(way, result)

    def _domains(self) -> str:
        found = [domain for backend in self._config.backends for domain in backend.domains or ()]
        domains = list(dict.fromkeys(found))
        more = f" and {len(domains) - _MAX_DOMAINS} more" if len(domains) > _MAX_DOMAINS else ""
        return f"{', '.join(domains[:_MAX_DOMAINS])}{more}"


def _advice_on_failure(way: Way, *, debug: bool) -> str:
    failed = [asked.name for asked in way.asked if isinstance(asked.result, FailureResult)]
    unavailable = [
        each.name for each in way.asked if isinstance(each.result, FailureResult) and each.result.unavailable
    ]
    if failed and failed == unavailable:
        return f"{', '.join(failed)} cannot be reached: no login until it can"
    remedy = "see the error above" if debug else "run this command with --debug to see the error"
    return f"{', '.join(failed)} gave no verdict: {remedy}"


def _advice_on_verdict(way: Way, result: VerdictResult) -> str:
    name = result.backend
    if result.verdict is Verdict.OK:
        later = "; the backends before it had temporary failures" if result.provisional else ""
        return f"{name} accepts the password: the user may log in{later}"
    if result.verdict is Verdict.PASSWORD_MISMATCH:
        return f"{name} knows the account, the password is wrong"
    if result.verdict is Verdict.USER_UNKNOWN:
        return f"no backend knows the account; asked: {', '.join(asked.name for asked in way.asked)}"
    if result.verdict is Verdict.USER_DISABLED:
        return f"{name} knows the account, but it is locked, disabled or expired"
    if result.verdict is Verdict.PASSWORD_EXPIRED:
        return f"{name} knows the account, but its password is expired: the user must change it"
    if way.mechanism:
        needed = f"{way.mechanism} needs a password in clear text, and {name} has none"
        return f"{needed}: store one, or switch {way.mechanism} off at the mail server"
    return f"{name} knows the account, but its stored password cannot be compared: store a new one"


def _said(result: Result) -> str:
    return result.verdict.name if isinstance(result, VerdictResult) else "TEMPORARY_FAILURE"
