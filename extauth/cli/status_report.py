"""The status of running helpers as text, as JSON, and as one line for Nagios and Icinga."""

from __future__ import annotations

import time
from collections.abc import Iterator, Sequence
from typing import Any

import msgspec

from extauth.cli.running import RunningHelper
from extauth.protocol.replies import one_line
from extauth.workers.status_messages import BackendStatus, ReloadStatus, Snapshot, StatusReport

OK, WARNING, CRITICAL, UNKNOWN = range(4)
"""The exit statuses of a check of Nagios and Icinga."""

_NAMES = ("OK", "WARNING", "CRITICAL", "UNKNOWN")
_LABEL = 14  # characters


def as_text(helpers: Sequence[RunningHelper]) -> str:
    """Return the report for people."""
    return "\n\n".join("\n".join(_lines(helper)) for helper in helpers)


def as_json(helpers: Sequence[RunningHelper]) -> str:
    """Return one JSON object: all values of every helper."""
    listed: list[dict[str, Any]] = []
    for helper in helpers:
        values: dict[str, Any] = {"pid": helper.pid, "problem": helper.problem or None}
        if (report := helper.report) is not None:
            values |= msgspec.to_builtins(report)
            values |= {"uptime": report.snapshot.uptime, "replies": report.snapshot.replies}
            values.pop("type", None)
        listed.append(values)
    return msgspec.json.format(msgspec.json.encode({"helpers": listed}), indent=2).decode()


def as_check(helpers: Sequence[RunningHelper]) -> tuple[str, int]:
    """Return one line with performance data, and the exit status."""
    if not helpers:
        return "EXTAUTH CRITICAL - no helper runs", CRITICAL
    found = [problem for helper in helpers for problem in _problems(helper)]
    status = max((severity for severity, _ in found), default=OK)
    reports = [helper.report for helper in helpers if helper.report is not None]
    text = "; ".join(text for _, text in sorted(found, key=lambda each: -each[0])) or _summary(reports)
    return f"EXTAUTH {_NAMES[status]} - {text.replace('|', '/')} | {_performance(reports)}", status


def _problems(helper: RunningHelper) -> Iterator[tuple[int, str]]:
    """Yield what is wrong with a helper, and how bad it is."""
    name = f"helper {helper.pid}"
    if helper.report is None:
        yield CRITICAL, f"{name} does not answer: {helper.problem}"
        return
    snapshot = helper.report.snapshot
    if not any(worker.state == "SERVING" for worker in snapshot.workers):
        yield CRITICAL, f"{name}: no worker serves"
    failing = [backend for backend in snapshot.backends if backend.failing_time is not None]
    for backend in failing:
        severity = CRITICAL if len(failing) == len(snapshot.backends) else WARNING
        yield severity, f"{name}: backend {backend.name} fails: {one_line(backend.last_error)}"
    if snapshot.reloads.last_error:
        yield WARNING, f"{name}: reload failed: {one_line(snapshot.reloads.last_error)}"
    for problem in helper.report.problems:
        yield WARNING, f"{name}: {problem}"


def _summary(reports: Sequence[StatusReport]) -> str:
    workers = sum(worker.state == "SERVING" for report in reports for worker in report.snapshot.workers)
    rate = sum(report.rates[0] for report in reports)
    return f"{_count(len(reports), 'helper')}, {_count(workers, 'worker')}, {rate:.1f} requests/s"


def _performance(reports: Sequence[StatusReport]) -> str:
    """Return the performance data: sums over all helpers, and of times the longest."""
    snapshots = [report.snapshot for report in reports]
    failures = sum(v.get("TEMPORARY_FAILURE", 0) for each in snapshots for v in each.requests.values())
    values = {
        "requests": f"{sum(each.replies for each in snapshots)}c",
        "temporary_failures": f"{failures}c",
        "rate1": f"{sum(report.rates[0] for report in reports):g}",
        "p95": f"{max((report.percentiles.get('95', 0.0) for report in reports), default=0.0):g}s",
        "waiting": str(sum(each.waiting for each in snapshots)),
        "worker_restarts": f"{sum(each.worker_restarts for each in snapshots)}c",
    }
    return " ".join(f"{name}={value}" for name, value in values.items())


# --- text ---------------------------------------------------------------------------------------------


def _lines(helper: RunningHelper) -> Iterator[str]:
    report = helper.report
    if report is None:
        yield f"helper {helper.pid} does not answer: {helper.problem}"
        yield "Wait 15 seconds: extauth replaces a status server that hangs. Logins are not affected."
        return
    snapshot = report.snapshot
    state = snapshot.state.lower()
    yield f"extauth {report.version}, pid {report.pid}: {state}, runs for {_duration(snapshot.uptime)}"
    yield _line("configuration", report.config_file)
    yield from _requests(report)
    yield from _workers(snapshot)
    for backend in snapshot.backends:
        yield from _backend(backend)
    if (cache := snapshot.cache) is not None:
        all_checks = cache.hits + cache.shared + cache.misses
        share = f" ({cache.hits / all_checks:.0%} hits)" if all_checks else ""
        yield _line("cache", f"{cache.hits:,} hits, {cache.shared:,} shared checks, {cache.misses:,} misses{share}")
    if (throttle := snapshot.throttle) is not None:
        text = f"{throttle.delayed:,} delayed, {throttle.refused:,} refused, {throttle.waiting:,} wait now"
        yield _line("throttle", text)
    if (handover := snapshot.handover) is not None:
        counts = f"{handover.done:,} set, {handover.failed:,} failed, {handover.dropped:,} dropped"
        yield _line("handover", f"{counts}, {handover.waiting:,} wait now")
    yield _line("reloads", _reloads(snapshot.reloads))
    for problem in report.problems:
        yield _line("problem", problem)


def _requests(report: StatusReport) -> Iterator[str]:
    snapshot = report.snapshot
    one, five, fifteen = report.rates
    rates = f"{one:.1f}, {five:.1f}, {fifteen:.1f} a second in 1, 5, 15 min"
    yield _line("requests", f"{snapshot.replies:,}; {rates}; {snapshot.waiting:,} wait")
    for command, verdicts in snapshot.requests.items():
        yield _line(f"  {command}", _counts(verdicts))
    if snapshot.refused:
        yield _line("  invalid", f"{snapshot.refused:,}")
    if report.percentiles:
        times = ", ".join(f"{name} % within {_milliseconds(value)}" for name, value in report.percentiles.items())
        yield _line("reply times", f"{times} (last 5 min)")


def _workers(snapshot: Snapshot) -> Iterator[str]:
    yield _line("workers", f"{len(snapshot.workers)}; {snapshot.worker_restarts} died or hung since the start")
    for worker in snapshot.workers:
        requests = _count(worker.requests, "request")
        yield _line(f"  worker {worker.number}", f"pid {worker.pid or '-'}, {worker.state.lower()}, {requests}")


def _backend(backend: BackendStatus) -> Iterator[str]:
    health = "not used yet" if not backend.verdicts else "works"
    if backend.failing_time is not None:
        health = f"fails since {_date(backend.failing_time)}"
    counts = _counts(backend.verdicts)
    yield _line("backend", f"{backend.name}: {health}{'; ' if counts else ''}{counts}")
    if backend.last_error_time is not None:
        yield _line("  last error", f"{_date(backend.last_error_time)}: {one_line(backend.last_error)}")


def _reloads(reloads: ReloadStatus) -> str:
    text = f"{reloads.done} done, {reloads.failed} failed"
    if reloads.last_time is not None:
        result = f"failed: {one_line(reloads.last_error)}" if reloads.last_error else "succeeded"
        text += f"; the last one, at {_date(reloads.last_time)}, {result}"
    return text


def _line(label: str, text: str) -> str:
    return f"{label:<{_LABEL}} {text}"


def _counts(verdicts: dict[str, int]) -> str:
    return ", ".join(f"{count:,} {verdict}" for verdict, count in verdicts.items())


def _count(number: int, what: str) -> str:
    return f"{number:,} {what}{'' if number == 1 else 's'}"


def _milliseconds(seconds: float) -> str:
    return f"{seconds:.3g} s" if seconds >= 1 else f"{seconds * 1e3:.3g} ms"


def _date(seconds: float) -> str:
    return time.strftime("%Y-%m-%d %H:%M:%S", time.localtime(seconds))


def _duration(seconds: float) -> str:
    """Return a time as days, hours, minutes and seconds."""
    minutes, second = divmod(int(seconds), 60)
    hours, minute = divmod(minutes, 60)
    days, hour = divmod(hours, 24)
    return f"{_count(days, 'day')} {hour:02}:{minute:02}:{second:02}" if days else f"{hour:02}:{minute:02}:{second:02}"
