"""Replies to requests, and their log records."""

from __future__ import annotations

import time
from itertools import groupby
from operator import attrgetter

from extauth.frontend.cache import CachedVerdict, PasswordCache
from extauth.frontend.counters import Counters, Event, outcome_of
from extauth.frontend.log import Log, RequestRecord
from extauth.frontend.pending_requests import PendingRequest, RequestGroup, last_fields
from extauth.log_levels import Level
from extauth.model import Result, SecretResult, Verdict, VerdictResult
from extauth.protocol.replies import Reply, render_plain, render_reply
from extauth.workers.frontend_config import FrontendConfig

_GROUP = attrgetter("group")
_TOO_LONG = "the password does not fit into a reply"


class Responder:
    """Adds replies to `replies`, writes log records, and lets the cache know the lines that got a cached verdict."""

    def __init__(self, log: Log, cache: PasswordCache, counters: Counters) -> None:
        self._log = log
        self._cache = cache
        self._counters = counters
        self.replies: list[bytes] = []

    def configure(self, config: FrontendConfig) -> None:
        """Use this configuration."""
        self._backends = config.backends

    def refuse(self, number: bytes, text: str, why: str = "") -> None:
        """Reply with an error to a line that is not a valid request. `why`: for the log; it must repeat no field."""
        self._counters.count(Event.REFUSED)
        self.replies.append(render_reply(Reply(number, "ERROR", text)))
        if self._log.wants(Level.PROBLEMS):
            seq = number.decode()
            self._log.write(Level.PROBLEMS, f"request {seq} refused: {text}{why and f': {why}'}", seq=seq)

    def reply_all(self, requests: list[PendingRequest], result: Result, cached: CachedVerdict | None = None) -> None:
        """Reply to requests that have the same result."""
        if type(result) is VerdictResult and cached is None and not self._log.is_json:
            self._reply_alike(requests, result)
            return
        for pending in requests:
            if type(result) is SecretResult:
                self._disclose(pending, result)
            else:
                self.reply(pending, result, cached)

    def reply(
        self, pending: PendingRequest, result: Result, cached: CachedVerdict | None = None, *, from_cache: bool = False
    ) -> None:
        """Reply to a request. `cached`: its verdict in the cache, if it is there."""
        group = pending.group
        reply, level = group.replies.for_result(result)
        seconds = time.monotonic() - group.time
        self._counters.count_replies(group.command, outcome_of(result), 1, seconds)
        if group.on_result is None:
            self.replies.append(pending.number + reply)
        else:
            group.on_result(pending, result, reply, from_cache)
        record = None
        if self._log.wants(level):
            record = self._record(pending, level, result, from_cache=from_cache)
            self._log.write_request(record, pending.number, seconds)
        if cached is not None and pending.line is not None and (from_cache or record is None):
            self._cache.add_line(pending.line, cached, reply, record)

    def _record(
        self, pending: PendingRequest, level: Level, result: Result, *, from_cache: bool = False
    ) -> RequestRecord:
        return pending.record(level, result, self._backends, from_cache=from_cache, as_json=self._log.is_json)

    def _reply_alike(self, requests: list[PendingRequest], result: VerdictResult) -> None:
        """Reply to requests with the same verdict: the common parts of replies and records are made once."""
        log, replies = self._log, self.replies
        now, last = time.monotonic(), last_fields(result)
        for group, alike in _by_group(requests):
            reply, level = group.replies.for_result(result)
            seconds = now - group.time
            self._counters.count_replies(group.command, result.verdict, len(alike), seconds)
            if group.on_result is None:
                replies += [pending.number + reply for pending in alike]
            else:
                group.on_result(alike[0], result, reply, False)
            if log.wants(level):
                middle = f"{group.log_fields(result, result.backend)}{seconds:.6f} seq="
                for pending in alike:
                    log.write_line(level, f"account={pending.shown_account}{middle}{pending.number.decode()}{last}")

    def _disclose(self, pending: PendingRequest, result: SecretResult) -> None:
        """Reply with the account's password."""
        line = render_plain(pending.number, result.secret)
        if line is None:
            self.reply(pending, VerdictResult(Verdict.SCHEME_NOT_AVAILABLE, result.backend, _TOO_LONG))
        else:
            seconds = time.monotonic() - pending.group.time
            self._counters.count_replies(pending.group.command, result.verdict, 1, seconds)
            self.replies.append(line)
            if self._log.wants(Level.LOW_LEVEL):
                record = self._record(pending, Level.LOW_LEVEL, result)
                self._log.write_request(record, pending.number, seconds)


def _by_group(requests: list[PendingRequest]) -> list[tuple[RequestGroup, list[PendingRequest]]]:
    """Return the requests by their groups, in order. Nearly always all have the same one: that costs least."""
    groups = [pending.group for pending in requests]
    if groups and groups.count(groups[0]) == len(groups):
        return [(groups[0], requests)]
    return [(group, list(together)) for group, together in groupby(requests, _GROUP)]
