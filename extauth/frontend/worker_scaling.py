"""How many workers serve and how many are spare: more than usual while workers are silent or die."""

from __future__ import annotations

from collections.abc import Callable, Mapping

from extauth.frontend import timeouts
from extauth.frontend.states import WorkerState
from extauth.frontend.worker_handle import WorkerHandle

_MAX_EXTRA = 64  # workers beyond `helper.workers`: spares, isolated ones, and retired ones with requests
_MAX_SPARES = 8


class WorkerScaler:
    """Keeps enough of these workers. `start` starts one more; it returns False if that is not possible now."""

    def __init__(self, workers: Mapping[int, WorkerHandle], start: Callable[[float], bool]) -> None:
        self._workers = workers
        self._start = start
        self._trouble_at = 0.0  # when more workers than usual were needed last

    def in_state(self, state: WorkerState) -> list[WorkerHandle]:
        """Return the workers in this state."""
        return [worker for worker in self._workers.values() if worker.state is state]

    def maintain(self, count: int, suspects: int, now: float) -> None:
        """Have `count` workers serve, and as many spares as needed: one, and one for each of the `suspects`."""
        serving = self.in_state(WorkerState.SERVING)
        silent = sum(worker.silent_for(now) >= timeouts.MOVE for worker in serving)
        responsive = len(serving) - silent
        while responsive < count and self.promote_spare():
            responsive += 1
        isolated = len(self.in_state(WorkerState.ISOLATED))
        spares = self.in_state(WorkerState.SPARE)
        wanted = max(0, count - responsive) + max(1, min(1 + suspects, _MAX_SPARES - isolated))
        coming = len(self.in_state(WorkerState.STARTING)) + len(spares)
        while coming < wanted and len(self._workers) < count + _MAX_EXTRA and self._start(now):
            coming += 1
        if silent or isolated or suspects:
            self._trouble_at = now
        elif now - self._trouble_at > timeouts.SURPLUS:
            self._stop_surplus(serving[count:] + spares[1:])

    def promote_spare(self) -> list[WorkerHandle]:
        """Let a spare worker serve. Return it, or an empty list without spares."""
        for worker in self.in_state(WorkerState.SPARE):
            worker.change(WorkerState.SERVING)
            return [worker]
        return []

    def _stop_surplus(self, workers: list[WorkerHandle]) -> None:
        """Stop workers that were needed only while others were silent or died, if they have no requests."""
        for worker in workers:
            if not len(worker):
                worker.change(WorkerState.RETIRED)
