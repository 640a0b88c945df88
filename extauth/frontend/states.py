"""The lives of the frontend, a generation, a worker and a side process: docs/architecture.md has a picture."""

from __future__ import annotations

import enum


class FrontendState(enum.Enum):
    """The life of the frontend. Each state leads only to later ones."""

    STARTING = 1
    """Requests are left unread until the first generation is loaded, or `timeouts.START` is over."""

    SERVING = 2
    """Requests are read and get replies."""

    ENDING = 3
    """The input has ended, or a signal or `QUIT` has come. Requests get replies until `timeouts.REPLY` is over."""

    FAILING = 4
    """Requests that are left get "temporary failure"."""

    STOPPING = 5
    """Nothing is read or written any more. The other processes end."""

    ENDED = 6
    """No other process is left, except those that wait for a disk."""


class GenerationState(enum.Enum):
    """The life of a generation. Each state leads only to later ones."""

    LOADING = 1
    """The supervisor reads the configuration and all files."""

    REFUSED = 2
    """The configuration cannot be served; `refusal` says why."""

    LOADED = 3
    """The supervisor has workers: the generation serves, or is ready to."""

    DRAINING = 4
    """It gets no more requests. Workers that end are not replaced."""

    STOPPING = 5
    """The workers were told to disconnect and end."""

    CLOSING = 6
    """The supervisor was told to kill the remaining workers and to end."""

    ENDED = 7
    """The supervisor has ended or was killed, and its workers with it. A process that waits for a disk ends later."""


class WorkerState(enum.Enum):
    """The life of a worker, as the frontend sees it."""

    STARTING = "the supervisor was told to fork it"
    SPARE = "it is ready, and gets no requests yet"
    SERVING = "it gets requests"
    ISOLATED = "it has one request that may have killed a worker, and gets no other"
    RETIRED = "it hangs: it gets no more requests"
    DISCONNECTED = "it has closed its socket: it is ending, and the supervisor will say how"
    KILLED = "the supervisor was told to kill it"

    def may_become(self, state: WorkerState) -> bool:
        """Return whether `state` may come next."""
        return state in _NEXT[self]

    @property
    def is_retired(self) -> bool:
        """Whether the worker gets no more requests for good."""
        return self in _LAST


_LAST = {WorkerState.RETIRED, WorkerState.DISCONNECTED, WorkerState.KILLED}
_NEXT = {
    WorkerState.STARTING: {WorkerState.SPARE, *_LAST},
    WorkerState.SPARE: {WorkerState.SERVING, WorkerState.ISOLATED, *_LAST},
    WorkerState.SERVING: _LAST,
    WorkerState.ISOLATED: {WorkerState.SPARE, *_LAST},
    WorkerState.RETIRED: {WorkerState.DISCONNECTED, WorkerState.KILLED},
    WorkerState.DISCONNECTED: set[WorkerState](),
    WorkerState.KILLED: set[WorkerState](),
}


class SideProcessState(enum.Enum):
    """The life of a process beside the generations: log writer, status server, failure counter or handover."""

    OFF = "none is wanted"
    WAITING = "one is wanted, and starts when the pause is over"
    RUNNING = "it gets messages; if it dies, the next state is `WAITING`"
    FINISHING = "it gets no more messages: it does what it has, and ends; the next state is `OFF`"
