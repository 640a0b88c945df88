"""What a decision is answered with, by the method of the request: docs/protocol.md, sections 3 and 4."""

from __future__ import annotations

import msgspec

from extauth.config import Config
from extauth.log_levels import Level
from extauth.model import Result, Verdict, VerdictResult
from extauth.protocol.replies import (
    INCORRECT_PASSWORD,
    NOT_AVAILABLE,
    NOT_CREATED,
    TEMPORARY_FAILURE,
    UNKNOWN_ACCOUNT,
    render_reply_text,
)
from extauth.protocol.requests import Dialect, NewRequest, ReadPlainRequest, SaslRequest, VrfyRequest


class Answers(msgspec.Struct, frozen=True):
    """The answers to one kind of request, but for its number, and the level of the log for a "no"."""

    yes: bytes
    no: bytes
    cannot_tell: bytes
    level_of_no: Level = Level.PROBLEMS

    def to(self, decision: Result) -> tuple[bytes, Level]:
        """The one that says what was decided, and the level of the log for that."""
        if not isinstance(decision, VerdictResult):
            return self.cannot_tell, Level.FAILURES
        if decision.verdict is Verdict.OK:
            return self.yes, Level.LOW_LEVEL
        return self.no, self.level_of_no


ACCEPTED = render_reply_text("OK")
"""The answer to a password that is right, in either dialect."""

_NOT_AVAILABLE = render_reply_text("FAILURE", NOT_AVAILABLE)
_READPLAIN = Answers(_NOT_AVAILABLE, _NOT_AVAILABLE, _NOT_AVAILABLE)  # what is disclosed has a reply of its own


def answers_in(dialect: Dialect, config: Config) -> dict[str, Answers]:
    """The answers to each method of a dialect."""
    temporary = config.helper.temporary_reply if dialect is Dialect.HELPER else "ERROR"
    checks = Answers(
        yes=ACCEPTED,
        no=render_reply_text("ERROR", INCORRECT_PASSWORD),
        cannot_tell=render_reply_text(temporary, TEMPORARY_FAILURE),
    )
    found = dict.fromkeys((VrfyRequest.command, SaslRequest.command), checks)
    if dialect is Dialect.HELPER:
        found[NewRequest.command] = Answers(
            yes=ACCEPTED if config.new.known_is_enough else render_reply_text("FAILURE", NOT_CREATED),
            no=render_reply_text("ERROR", UNKNOWN_ACCOUNT),
            cannot_tell=render_reply_text("FAILURE", TEMPORARY_FAILURE),
            level_of_no=Level.LOW_LEVEL,  # mail to whatever address makes the server ask
        )
        found[ReadPlainRequest.command] = _READPLAIN
    return found
