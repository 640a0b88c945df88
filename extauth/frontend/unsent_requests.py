"""Requests that wait for a worker: there was none for them, or they lost theirs."""

from __future__ import annotations

from collections import defaultdict, deque
from collections.abc import Callable, Iterable

from extauth.frontend.children import forget_in_children
from extauth.frontend.generation import Generation
from extauth.frontend.worker_group import OnResult
from extauth.model import FailureResult, Request
from extauth.workers.messages import RequestBatch

MoveRequest = Callable[[int], tuple[Request, float] | None]
"""Returns the request with this key and its deadline, for another worker; None if it has its reply."""


class UnsentRequests:
    """Keeps requests until a generation takes them. `on_result` takes a failure for those that none can take."""

    def __init__(self, on_result: OnResult, move_request: MoveRequest) -> None:
        self._on_result = on_result
        self._move_request = move_request
        self._waiting: deque[RequestBatch] = deque()
        self._suspects: deque[RequestBatch] = deque()  # single requests that may have killed a worker
        forget_in_children(self)

    def forget(self) -> None:
        """Release all requests."""
        self._waiting.clear()
        self._suspects.clear()

    @property
    def suspects(self) -> int:
        """How many requests wait for a worker of their own, because they may have killed another one."""
        return len(self._suspects)

    def add(self, batch: RequestBatch) -> None:
        """Keep requests for which there is no worker."""
        self._waiting.append(batch)

    def add_suspects(self, keys: Iterable[int]) -> None:
        """Keep requests that may have killed their worker. Each goes alone to another one."""
        for key in keys:
            self._suspects.extend(self.batches_of([key]))

    def batches_of(self, keys: Iterable[int]) -> list[RequestBatch]:
        """Return lost requests as batches, one for each deadline."""
        by_deadline: dict[float, RequestBatch] = defaultdict(lambda: RequestBatch(0.0, [], []))
        for key in keys:
            found = self._move_request(key)
            if found is None:  # it has its reply, but others may wait for the same check
                self._on_result(FailureResult(reason="the worker that had the request has ended"), [key])
                continue
            request, deadline = found
            by_deadline[deadline].keys.append(key)
            by_deadline[deadline].requests.append(request)
        return [RequestBatch(deadline, batch.keys, batch.requests) for deadline, batch in by_deadline.items()]

    def give_to(self, generation: Generation, now: float) -> None:
        """Give the generation as many requests as it takes. Those whose deadline is over fail."""
        suspects, waiting = self._suspects, self._waiting
        while suspects and (suspects[0].deadline <= now or generation.send_alone(suspects[0])):
            suspects.popleft()
        while waiting:
            batch = waiting[0]
            if batch.deadline > now and not generation.send(batch):
                break
            waiting.popleft()
            if batch.deadline <= now:
                self._on_result(FailureResult(reason="the deadline passed before there was a worker"), batch.keys)
