"""The passwords of successful logins, on their way to the mail server (`[handover]`), and which of them it already has.

Nothing here waits. Of a password whose outcome is known, only a keyed digest is kept.
"""

from __future__ import annotations

import time
from collections import OrderedDict, deque
from collections.abc import Collection, Iterable

from extauth.config import HandoverSettings
from extauth.frontend.cache.lines import KeyedDigest, new_keyed_hash
from extauth.frontend.children import forget_in_children
from extauth.frontend.log import Log, log_value
from extauth.frontend.pending_requests import PendingRequest
from extauth.log_levels import Level
from extauth.model import Account, PasswordRequest, Verdict, VerdictResult
from extauth.workers.handover import Handover
from extauth.workers.status_messages import HandoverStatus

MOST_WAITING = 1_000
"""Passwords that may wait for the mail server. Further ones are dropped; they are set after later logins."""

REPEAT = 600.0
"""Seconds until a password that the mail server has refused is sent again, with a login."""

_MAX_ACCOUNTS = 100_000  # of about 300 bytes
_FOREVER = float("inf")


class Handovers:
    """Takes the passwords of successful logins, each once, and logs the outcomes."""

    def __init__(self, log: Log) -> None:
        self._log = log
        self._settings: HandoverSettings | None = None
        self._hash = new_keyed_hash()
        self._known: OrderedDict[Account, tuple[KeyedDigest, float]] = OrderedDict()  # until when (monotonic seconds)
        self._waiting: deque[Handover] = deque()  # for the replies to be written, or for another process
        self._sent: dict[int, Handover] = {}  # by key: those whose outcome is not known
        self._next_key = 0
        self._done = self._failed = self._dropped = 0
        self._is_dropping = False
        forget_in_children(self)

    def forget(self) -> None:
        """Release everything, in a process that was forked from this one."""
        vars(self).clear()

    def configure(self, settings: HandoverSettings | None) -> None:
        """Use these settings from now on. If they have changed, all passwords are sent again."""
        if settings != self._settings:
            self._settings = settings
            self._known.clear()
            if settings is None:
                self.lose_waiting()

    @property
    def is_enabled(self) -> bool:
        """Whether there is a `[handover]` section."""
        return self._settings is not None

    @property
    def status(self) -> HandoverStatus | None:
        """The counters, if there is a `[handover]` section."""
        if self._settings is None:
            return None
        return HandoverStatus(self._done, self._failed, self._dropped, self._count_waiting())

    def add(self, requests: Iterable[PendingRequest], result: VerdictResult) -> None:
        """Take the passwords of requests that a backend has accepted.

        Provisional verdicts do not count: an emergency backend may have an old password. An administrator's check
        (`extauth verify`) is no login.
        """
        settings = self._settings
        if settings is None or result.verdict is not Verdict.OK or result.provisional:
            return
        if settings.backends is not None and result.backend not in settings.backends:
            return
        for pending in requests:
            if isinstance(pending.request, PasswordRequest) and pending.group.on_result is None:
                self._add(pending.request)

    @property
    def has_sent(self) -> bool:
        """Whether the outcome of some that were sent is not known."""
        return bool(self._sent)

    def take(self) -> list[Handover]:
        """Return the passwords that wait to be sent. Call it when the replies are written."""
        taken = list(self._waiting)
        self._waiting.clear()
        self._sent.update((handover.key, handover) for handover in taken)
        return taken

    def finish(self, key: int, problem: str) -> None:
        """Take an outcome. `problem`: why the password is not set."""
        handover = self._sent.pop(key, None)
        if handover is None:
            return
        account = handover.account
        shown, member = log_value(account.address), account.address
        if not problem:
            self._done += 1
            text = f"handover: the mail server has the password of {shown}"
            self._log.write(Level.LOW_LEVEL, text, account=member)
        else:
            self._failed += 1
            if account in self._known:
                self._known[account] = self._known[account][0], time.monotonic() + REPEAT
            text = f"handover: cannot set the password of {shown}: {problem}"
            self._log.write(Level.FAILURES, text, account=member)
        if self._is_dropping and self._count_waiting() < MOST_WAITING // 2:
            self._is_dropping = False
            text = f"handover: dropping no more passwords; {self._dropped} were dropped since the start"
            self._log.write(Level.MAJOR, text)

    def take_back(self) -> None:
        """Let those that were sent and have no outcome wait again: their process has ended.

        Those whose time is over are lost: one of them may be what kills the processes.
        """
        sent, now = list(self._sent.values()), time.monotonic()
        self._sent.clear()
        self._waiting.extendleft(handover for handover in reversed(sent) if not handover.is_old(now))
        self._lose([handover for handover in sent if handover.is_old(now)])
        if self._settings is None:
            self.lose_waiting()

    def lose_waiting(self) -> None:
        """Forget all that wait: a later login brings them again."""
        self._lose(self._waiting)
        self._waiting.clear()

    def _lose(self, handovers: Collection[Handover]) -> None:
        for handover in handovers:
            self._known.pop(handover.account, None)
        self._failed += len(handovers)
        if lost := len(handovers):
            text = f"{lost} waiting passwords are lost; they are set after later logins"
            self._log.write(Level.PROBLEMS, f"handover: {text}")

    def _add(self, request: PasswordRequest) -> None:
        keyed = self._hash.copy()
        keyed.update(request.password.reveal())
        digest, now = keyed.digest(), time.monotonic()
        known, until = self._known.get(request.account, (b"", 0.0))
        if known == digest and now < until:
            return
        if self._count_waiting() >= MOST_WAITING:
            self._drop()
            return
        self._known[request.account] = digest, _FOREVER
        self._known.move_to_end(request.account)
        if len(self._known) > _MAX_ACCOUNTS:
            self._known.popitem(last=False)
        self._waiting.append(Handover(self._next_key, request.account, request.password, now))
        self._next_key += 1

    def _drop(self) -> None:
        self._dropped += 1
        if not self._is_dropping:
            self._is_dropping = True
            text = f"handover: {MOST_WAITING} passwords wait for the mail server; dropping further ones"
            self._log.write(Level.FAILURES, text)

    def _count_waiting(self) -> int:
        return len(self._waiting) + len(self._sent)
