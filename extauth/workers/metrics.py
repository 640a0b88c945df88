"""The metrics for Prometheus, made of a snapshot of the counters."""

from __future__ import annotations

from collections.abc import Iterable
from typing import TYPE_CHECKING

from extauth.version import VERSION
from extauth.workers.status_messages import BUCKETS, Snapshot

if TYPE_CHECKING:
    from prometheus_client.core import Metric


class SnapshotCollector:
    """Turns the last snapshot into metrics. Prometheus asks in a thread of its own."""

    def __init__(self) -> None:
        self.snapshot: Snapshot | None = None

    def collect(self) -> Iterable[Metric]:
        """Return the metrics."""
        snapshot = self.snapshot
        return [] if snapshot is None else [*_of_helper(snapshot), *_of_requests(snapshot), *_of_backends(snapshot)]


def _of_helper(snapshot: Snapshot) -> Iterable[Metric]:
    from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, InfoMetricFamily

    yield InfoMetricFamily("extauth_build", "The version of extauth.", {"version": VERSION})
    yield GaugeMetricFamily("extauth_start_time_seconds", "When the helper started (Unix time).", snapshot.start_time)
    workers = GaugeMetricFamily("extauth_workers", "Worker processes by state.", labels=["state"])
    for state in sorted({"SERVING", *(worker.state for worker in snapshot.workers)}):
        workers.add_metric([state], sum(worker.state == state for worker in snapshot.workers))
    yield workers
    yield CounterMetricFamily("extauth_worker_restarts", "Workers that died or hung.", snapshot.worker_restarts)
    reloads = CounterMetricFamily("extauth_reloads", "Reloads by result.", labels=["result"])
    reloads.add_metric(["done"], snapshot.reloads.done)
    reloads.add_metric(["failed"], snapshot.reloads.failed)
    yield reloads
    failed = float(bool(snapshot.reloads.last_error))
    yield GaugeMetricFamily("extauth_last_reload_failed", "1 if the last reload failed.", failed)


def _of_requests(snapshot: Snapshot) -> Iterable[Metric]:
    from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, HistogramMetricFamily

    requests = CounterMetricFamily("extauth_requests", "Replies by command and verdict.", labels=["command", "verdict"])
    for command, verdicts in snapshot.requests.items():
        for verdict, count in verdicts.items():
            requests.add_metric([command, verdict], count)
    yield requests
    yield CounterMetricFamily("extauth_invalid_requests", "Lines that were no valid request.", snapshot.refused)
    yield GaugeMetricFamily("extauth_waiting_requests", "Requests that have no reply yet.", snapshot.waiting)
    total, buckets = 0, []
    for bound, count in zip([*map(str, BUCKETS), "+Inf"], snapshot.buckets, strict=True):
        total += count
        buckets.append((bound, total))
    name = "extauth_request_duration_seconds"
    yield HistogramMetricFamily(name, "Time from request to reply.", buckets=buckets, sum_value=snapshot.seconds)
    if (cache := snapshot.cache) is not None:
        lookups = CounterMetricFamily(
            "extauth_cache_lookups", "Password checks by use of the cache.", labels=["result"]
        )
        for result, count in (("hit", cache.hits), ("shared", cache.shared), ("miss", cache.misses)):
            lookups.add_metric([result], count)
        yield lookups
    if (throttle := snapshot.throttle) is not None:
        yield CounterMetricFamily("extauth_throttle_delayed", "Requests that were delayed.", throttle.delayed)
        text = "Requests that were refused because too many of the account waited."
        yield CounterMetricFamily("extauth_throttle_refused", text, throttle.refused)
    if (handover := snapshot.handover) is not None:
        text = "Passwords for the mail server by result."
        passwords = CounterMetricFamily("extauth_handover_passwords", text, labels=["result"])
        for result, count in (("set", handover.done), ("failed", handover.failed), ("dropped", handover.dropped)):
            passwords.add_metric([result], count)
        yield passwords
        yield GaugeMetricFamily(
            "extauth_handover_waiting", "Passwords that wait for the mail server.", handover.waiting
        )


def _of_backends(snapshot: Snapshot) -> Iterable[Metric]:
    from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily

    labels = ["backend", "verdict"]
    calls = CounterMetricFamily("extauth_backend_requests", "Results of backends by verdict.", labels=labels)
    text = "1 if the last result of the backend was a temporary failure."
    failing = GaugeMetricFamily("extauth_backend_failing", text, labels=["backend"])
    for backend in snapshot.backends:
        failing.add_metric([backend.name], float(backend.failing_time is not None))
        for verdict, count in backend.verdicts.items():
            calls.add_metric([backend.name, verdict], count)
    yield calls
    yield failing
