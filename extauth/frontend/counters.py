"""Counters for `extauth status` and the metrics. They only grow, and adding to them is all that a request pays."""

from __future__ import annotations

import time
from bisect import bisect_left
from collections import defaultdict
from collections.abc import Iterable, Mapping
from enum import Enum

from extauth.model import Result, Verdict, VerdictResult
from extauth.workers.status_messages import BUCKETS, BackendStatus


class Event(Enum):
    """What happens to a request, beside its reply."""

    REFUSED = "not a valid request"
    CACHE_HIT = "its verdict was in the cache"
    CACHE_SHARED = "it waits for an equal check that is under way"
    CACHE_MISS = "a backend is asked"
    DELAYED = "the throttle delays it"
    DELAY_REFUSED = "too many of its account are delayed"

    __hash__ = object.__hash__  # an enum hashes its name, in Python code


Outcome = Verdict | None
"""A verdict, or None for a temporary failure."""

_NAMES: dict[Outcome, str] = {**{verdict: verdict.name for verdict in Verdict}, None: "TEMPORARY_FAILURE"}


def outcome_of(result: Result) -> Outcome:
    """Return what a result counts as."""
    return result.verdict if isinstance(result, VerdictResult) else None


def name_of(outcome: Outcome) -> str:
    """Return the name of an outcome, as the log shows it."""
    return _NAMES[outcome]


class _BackendCounts:
    """What one backend has said. Times are Unix times."""

    def __init__(self) -> None:
        self.outcomes: defaultdict[Outcome, int] = defaultdict(int)
        self.failing_time: float | None = None
        self.last_error, self.last_error_time = "", 0.0

    def add(self, outcome: Outcome, reason: str, count: int) -> None:
        self.outcomes[outcome] += count
        if outcome is None:
            self.last_error, self.last_error_time = reason or "no reason was given", time.time()
            self.failing_time = self.failing_time or self.last_error_time
        elif self.failing_time is not None:
            self.failing_time = None


class Counters:
    """Counts replies, and what the cache, the throttle and the backends did."""

    def __init__(self) -> None:
        self.events = dict.fromkeys(Event, 0)
        self.buckets = [0] * (len(BUCKETS) + 1)
        self.seconds = 0.0
        self._replies: defaultdict[tuple[str, Outcome], int] = defaultdict(int)
        self._backends: defaultdict[str, _BackendCounts] = defaultdict(_BackendCounts)

    def count(self, event: Event, times: int = 1) -> None:
        """Count an event."""
        self.events[event] += times

    def count_replies(self, command: str, outcome: Outcome, count: int, seconds: float) -> None:
        """Count replies that came together, so many seconds after their requests."""
        self._replies[command, outcome] += count
        self.buckets[bisect_left(BUCKETS, seconds)] += count
        self.seconds += count * seconds

    def count_backends(self, result: Result, count: int) -> None:
        """Count what the backends said that were asked for this result, for so many requests."""
        if result.steps:
            for step in result.steps:
                self._backends[step.backend].add(step.verdict, step.reason, count)
        elif result.backend:
            self._backends[result.backend].add(outcome_of(result), result.reason, count)

    def count_known_lines(self, count: int, rejected: list[Verdict], seconds: float) -> None:
        """Count `VRFY` lines that got their replies from the cache without being parsed."""
        self.count(Event.CACHE_HIT, count)
        self.count_replies("VRFY", Verdict.OK, count - len(rejected), seconds)
        for verdict in rejected:
            self.count_replies("VRFY", verdict, 1, seconds)

    def by_command(self) -> dict[str, dict[str, int]]:
        """Return the replies by command and verdict."""
        by_command: dict[str, dict[Outcome, int]] = {}
        for (command, outcome), count in self._replies.items():
            by_command.setdefault(command, {})[outcome] = count
        return {command: _named(counts) for command, counts in by_command.items()}

    def backends(self, names: Iterable[str]) -> list[BackendStatus]:
        """Return the status of these backends."""
        return [self._backend(name, self._backends.get(name) or _BackendCounts()) for name in names]

    def _backend(self, name: str, counts: _BackendCounts) -> BackendStatus:
        error_time = counts.last_error_time or None
        return BackendStatus(name, _named(counts.outcomes), counts.failing_time, counts.last_error, error_time)


def _named(counts: Mapping[Outcome, int]) -> dict[str, int]:
    """Return counts that are not 0 with the names of the outcomes, always in the same order."""
    return {name: count for outcome, name in _NAMES.items() if (count := counts.get(outcome, 0))}
