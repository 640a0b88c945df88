"""Which worker gets which requests."""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence

from extauth.frontend.worker_handle import WorkerHandle
from extauth.workers.messages import RequestBatch


def share_requests(
    batch: RequestBatch, workers: Sequence[WorkerHandle], now: float
) -> Iterator[tuple[WorkerHandle, RequestBatch]]:
    """Give all requests to a worker that will soon finish them, or share them, so that all workers have as many.

    Each worker gets at most one part. `now`: monotonic seconds.
    """
    for worker in workers:
        if worker.will_finish_soon(len(batch.keys), now):
            yield worker, batch
            return
    even = (sum(map(len, workers)) + len(batch.keys)) / (len(workers) or 1)
    start = 0
    for worker in sorted(workers, key=len):
        end = start + max(0, math.ceil(even - len(worker)))
        part = batch.part(start, end)
        if part.keys:
            yield worker, part
        start = end
