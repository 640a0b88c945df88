"""The workers of one generation: which worker gets which requests, and which one is started, retired or killed."""

from __future__ import annotations

import functools
import time
from collections.abc import Callable, Mapping, Sequence

from extauth.frontend import timeouts
from extauth.frontend.descriptors import Poller
from extauth.frontend.log import Log
from extauth.frontend.states import WorkerState
from extauth.frontend.worker_connection import WorkerConnection
from extauth.frontend.worker_handle import LostRequests, WorkerHandle, share_requests
from extauth.frontend.worker_starter import SendCommand, WorkerScaler, WorkerStarter
from extauth.log_levels import Level
from extauth.model import FailureResult, Result, Step
from extauth.workers.messages import (
    BackendHangs,
    FromWorker,
    RequestBatch,
    RequestsRevoked,
    Results,
    StepsSoFar,
    WorkerCommand,
    WorkerReady,
    encode,
)
from extauth.workers.status_messages import WorkerStatus

OnResult = Callable[[Result, Sequence[int]], None]
OnLost = Callable[[LostRequests], None]
OnSteps = Callable[[int, tuple[Step, ...]], None]


class WorkerGroup:
    """The workers of one generation.

    `on_result` takes their results, `on_lost` the requests of workers that have died or are silent, `on_steps` what the
    backends have said about a request whose deadline is near. `send_command` commands the supervisor. `wake`: something
    has happened that `maintain` must see. `restarts`: how many workers died or were given up.
    """

    def __init__(
        self,
        poller: Poller,
        log: Log,
        on_result: OnResult,
        on_lost: OnLost,
        on_steps: OnSteps,
        send_command: SendCommand,
        wake: Callable[[], None],
    ) -> None:
        self._poller = poller
        self._log = log
        self._on_result = on_result
        self._on_lost = on_lost
        self._on_steps = on_steps
        self._send_command = send_command
        self._wake = wake
        self._workers: dict[int, WorkerHandle] = {}  # by number
        self._connections: dict[int, WorkerConnection] = {}  # by number
        self._revoking: dict[WorkerHandle, float] = {}  # and when their requests were revoked
        self.restarts = 0
        self._starter = WorkerStarter(log, send_command)
        self._scaler = WorkerScaler(self._workers, self._start)

    def __len__(self) -> int:
        return len(self._workers)

    @property
    def under_way(self) -> int:
        """How many requests the workers have."""
        return sum(map(len, self._workers.values()))

    @property
    def ready(self) -> int:
        """How many workers can take requests now."""
        return len(self._scaler.in_state(WorkerState.SERVING)) + len(self._scaler.in_state(WorkerState.SPARE))

    @property
    def needs_attention(self) -> bool:
        """Whether `maintain` is needed soon: a worker has requests, or something is going on."""
        return bool(self._revoking) or any(
            worker.state is WorkerState.STARTING or (len(worker) and not worker.state.is_retired)
            for worker in self._workers.values()
        )

    def statuses(self, processes: Mapping[int, int]) -> list[WorkerStatus]:
        """Return the status of each worker. `processes`: numbers of workers to their process ids."""
        return [
            WorkerStatus(number, processes.get(number), worker.state.name, len(worker))
            for number, worker in self._workers.items()
        ]

    def send(self, batch: RequestBatch) -> bool:
        """Give the requests to a worker that will soon finish them, or share them. Return False without workers."""
        now = time.monotonic()
        serving = self._scaler.in_state(WorkerState.SERVING)
        workers = [worker for worker in serving if worker.silent_for(now) < timeouts.SLOW]
        if not workers and serving:
            workers = self._scaler.promote_spare() or ([] if self._scaler.in_state(WorkerState.STARTING) else serving)
        for worker, part in share_requests(batch, workers, now):
            self._send_to(worker, part, now)
        return bool(workers)

    def send_alone(self, batch: RequestBatch) -> bool:
        """Give one request to a worker that has no other. Return False if there is none at the moment."""
        for worker in self._scaler.in_state(WorkerState.SPARE):
            worker.change(WorkerState.ISOLATED)
            self._send_to(worker, batch, time.monotonic())
            return True
        return False

    def _send_to(self, worker: WorkerHandle, batch: RequestBatch, now: float) -> None:
        slots = worker.add(batch.keys, batch.deadline, now)
        self._connections[worker.number].send(encode(RequestBatch(batch.deadline, slots, batch.requests)))

    def _on_message(self, worker: WorkerHandle, message: FromWorker) -> None:
        if isinstance(message, Results):
            count = sum(len(slots) for _, slots in message.results)
            worker.learn_pace(count, time.monotonic(), fast=message.fast)
            for result, slots in message.results:
                self._on_result(result, worker.remove(slots))
            if worker.state is WorkerState.ISOLATED and not len(worker):
                worker.change(WorkerState.SPARE)
                self._wake()
        elif isinstance(message, WorkerReady):
            if worker.change(WorkerState.SPARE):
                self._starter.end_pauses()
                self._wake()
        elif isinstance(message, RequestsRevoked):
            self._on_lost(LostRequests(worker.remove(message.slots), [], []))
        elif isinstance(message, StepsSoFar):
            key = worker.key_of(message.slot)
            if key is not None:
                self._on_steps(key, message.steps)
        elif isinstance(message, BackendHangs):
            self._retire(worker, message.why)
        else:
            self._log.write(message.level, message.text)

    def _on_end(self, worker: WorkerHandle, is_valid: bool) -> None:
        """Take the requests of a worker that can send no more results. The supervisor will say how it ended."""
        if not is_valid:
            self.restarts += 1
            self._log.write(Level.FAILURES, f"worker {worker.number} sent an invalid message; killing it")
            self._kill(worker)
        elif worker.change(WorkerState.DISCONNECTED):
            self._send_kill(worker)  # a backend's code may have closed the socket of a worker that goes on
            self._revoke(worker, time.monotonic(), in_call=False)
            self._wake()

    # --- lives of the workers -------------------------------------------------------------------------

    def check(self, now: float) -> None:
        """Move requests away from silent workers, retire workers that are silent for long, and kill retired ones."""
        for worker in self._scaler.in_state(WorkerState.SERVING) + self._scaler.in_state(WorkerState.ISOLATED):
            seconds = worker.silent_for(now)
            if seconds >= timeouts.MOVE:
                in_call = seconds >= timeouts.MOVE_CALLED and worker.state is not WorkerState.ISOLATED
                self._revoke(worker, now, in_call=in_call)
            if seconds >= timeouts.RETIRE:
                self._retire(worker, f"worker {worker.number} has shown no sign of life for {seconds:.1f} s")
        for worker, since in list(self._revoking.items()):
            if now - since >= timeouts.REVOKE:
                del self._revoking[worker]
                self._on_lost(worker.take_revoked())
        for worker in self._scaler.in_state(WorkerState.RETIRED):
            if worker not in self._revoking and worker.last_deadline() <= now:
                self._kill(worker)

    def _revoke(self, worker: WorkerHandle, now: float, *, in_call: bool) -> None:
        """Take back the requests that may be sent to another worker; see `WorkerHandle.revoke`."""
        if worker not in self._revoking:
            worker.revoke(in_call=in_call)
            self._revoking[worker] = now

    def start_missing(self, count: int, suspects: int, now: float) -> None:
        """Have `count` workers serve, and spare ones, more of them if there are `suspects`."""
        self._scaler.maintain(count, suspects, now)

    def _start(self, now: float) -> bool:
        started = self._starter.start(now)
        if started is None:
            return False
        worker, sock = started
        on_message, on_end = functools.partial(self._on_message, worker), functools.partial(self._on_end, worker)
        self._workers[worker.number] = worker
        self._connections[worker.number] = WorkerConnection(sock, self._poller, on_message, on_end)
        return True

    def has_late_start(self, now: float) -> bool:
        """Return whether a worker takes too long until it is ready."""
        return any(worker.started + timeouts.READY < now for worker in self._scaler.in_state(WorkerState.STARTING))

    def _retire(self, worker: WorkerHandle, why: str) -> None:
        """Give a worker no more requests. It is killed when its requests have results, or their deadlines are over."""
        if worker.change(WorkerState.RETIRED):
            self.restarts += 1
            self._log.write(Level.FAILURES, f"{why}; worker {worker.number} gets no more requests")
            self._revoke(worker, time.monotonic(), in_call=False)
            self._wake()

    def _kill(self, worker: WorkerHandle) -> None:
        if worker.change(WorkerState.KILLED):
            self._send_kill(worker)

    def _send_kill(self, worker: WorkerHandle) -> None:
        self._send_command(WorkerCommand(kill=True, worker=worker.number))

    def stop(self) -> None:
        """Close the workers' sockets: the workers disconnect from their databases and end."""
        for connection in self._connections.values():
            connection.close()

    def remove_ended(self, number: int, how: str, *, log: bool) -> None:
        """Remove a worker that has ended. `log`: it should not have ended."""
        worker = self._workers.pop(number, None)
        if worker is None:
            return
        self._connections[number].read_rest()  # the results that it had sent count
        self.restarts += log and worker.state not in (WorkerState.KILLED, WorkerState.RETIRED)
        if log and worker.working_state is WorkerState.STARTING:
            self._starter.pause(f"worker {worker.number} {how} before it was ready")
        elif log and worker.state is not WorkerState.KILLED:
            self._log.write(Level.FAILURES, f"worker {worker.number} {how}; it is replaced")
        self._lose_requests(worker, how)

    def remove_all(self, how: str) -> None:
        """Remove all workers: they have ended."""
        workers = list(self._workers.values())
        self._workers.clear()
        for worker in workers:
            self._lose_requests(worker, how)

    def _lose_requests(self, worker: WorkerHandle, how: str) -> None:
        """Pass on the requests of a worker that has ended. A request that was alone there has killed it, and fails."""
        self._connections.pop(worker.number).close()
        self._revoking.pop(worker, None)
        lost = worker.take_lost()
        if worker.working_state is WorkerState.ISOLATED:
            lost = LostRequests(lost.untouched, [], lost.failed + lost.suspects)
        if lost.failed:
            failure = FailureResult(reason=f"worker {worker.number}, which had the request, {how}")
            self._on_result(failure, lost.failed)
        if lost.untouched or lost.suspects:
            self._on_lost(lost)
