"""The reply to each command for each result: docs/protocol.md, sections 3 and 4."""

from __future__ import annotations

import msgspec

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
from extauth.workers.frontend_config import FrontendConfig


class ReplyTexts(msgspec.Struct, frozen=True):
    """The replies to one command, without the number, and the levels of the log record."""

    accepted: bytes
    rejected: bytes
    temporary_failure: bytes
    level_if_rejected: Level = Level.PROBLEMS
    level_if_accepted: Level = Level.LOW_LEVEL

    def for_result(self, result: Result) -> tuple[bytes, Level]:
        """Return the reply for a result, and the level of its log record."""
        if not isinstance(result, VerdictResult):
            return self.temporary_failure, Level.FAILURES
        if result.verdict is Verdict.OK:
            return self.accepted, self.level_if_accepted
        return self.rejected, self.level_if_rejected


OK_REPLY = render_reply_text("OK")
"""The reply to a password that is right, in either dialect."""

_NOT_AVAILABLE = render_reply_text("FAILURE", NOT_AVAILABLE)
_READPLAIN = ReplyTexts(_NOT_AVAILABLE, _NOT_AVAILABLE, _NOT_AVAILABLE)  # a password has a reply of its own


def reply_texts(dialect: Dialect, config: FrontendConfig) -> dict[str, ReplyTexts]:
    """Return the replies to each command of a dialect."""
    temporary = config.helper.temporary_reply if dialect is Dialect.HELPER else "ERROR"
    login = ReplyTexts(
        accepted=OK_REPLY,
        rejected=render_reply_text("ERROR", INCORRECT_PASSWORD),
        temporary_failure=render_reply_text(temporary, TEMPORARY_FAILURE),
    )
    texts = {VrfyRequest.command: login, SaslRequest.command: login}
    if dialect is Dialect.HELPER:
        is_in_mail_server = config.new.known_is_enough or config.creates_accounts
        texts[NewRequest.command] = ReplyTexts(
            accepted=OK_REPLY if is_in_mail_server else render_reply_text("FAILURE", NOT_CREATED),
            rejected=render_reply_text("ERROR", UNKNOWN_ACCOUNT),
            temporary_failure=render_reply_text("FAILURE", TEMPORARY_FAILURE),
            level_if_rejected=Level.LOW_LEVEL,  # mail to any invented address leads to such a request
            level_if_accepted=Level.MAJOR if config.creates_accounts else Level.LOW_LEVEL,
        )
        texts[ReadPlainRequest.command] = _READPLAIN
    return texts
