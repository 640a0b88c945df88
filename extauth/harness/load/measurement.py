"""Measure one program under load: from its start to its end, with the resources that it uses."""

from __future__ import annotations

import sys
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass
from types import TracebackType

from extauth.harness.events import Event, LineSent
from extauth.harness.load.driver import LoadDriver, UnexpectedReplies
from extauth.harness.load.pace import Pace
from extauth.harness.load.traffic import RequestGenerator
from extauth.harness.masking import Masker
from extauth.harness.processes import ProcessInfo, proportional_set_size, tree
from extauth.harness.program import EventHandler, ProgramSettings
from extauth.harness.program_manager import ProgramManager
from extauth.harness.protocol_checker import Violation
from extauth.harness.statistics import Statistics
from extauth.protocol.requests import IntfRequest, render_request

ShowProgress = Callable[[float], None]
"""Is called with the share that is done, from 0 to 1."""

_PROGRESS_EVERY = 0.1  # seconds
_MEMORY_EVERY = 0.5  # seconds
_INTERFACE_NUMBER = b"000000"  # the other requests are counted from 1


@dataclass(frozen=True)
class LoadPlan:
    """The load for a program. It ends after a number of requests or of seconds, whichever comes first."""

    generator: Callable[[], RequestGenerator]
    pace: Callable[[], Pace]
    interface: int | None = None
    requests: int | None = None
    seconds: float | None = None


@dataclass(frozen=True)
class Measurement:
    """The results for one program.

    `first_reply` is the seconds from the start of the program to its first reply. None if the first request got no
    reply. `harness_cpu` is the CPU time of the harness in seconds. If it is near `seconds`, the harness was the limit.
    """

    first_reply: float | None
    seconds: float
    harness_cpu: float
    statistics: Statistics
    resources: ResourceUsage
    manager: ProgramManager
    wrong: UnexpectedReplies
    temporary_failures: UnexpectedReplies
    interrupted: bool
    """Whether the user pressed Ctrl-C. Then the program was killed, and the figures end there."""

    @property
    def is_success(self) -> bool:
        """Whether each reply was right and there is no violation."""
        return not (self.wrong.first or self.temporary_failures.first or self.manager.violation_count)


def measure(
    settings: ProgramSettings, plan: LoadPlan, masker: Masker, on_event: EventHandler, progress: ShowProgress
) -> Measurement:
    """Start a program, send it requests and wait for its end.

    Raises CannotStart, and MalformedRequest for an account. KeyboardInterrupt is raised only before the measurement,
    and while the program ends.
    """
    generator = plan.generator()
    driver = LoadDriver(generator)

    def handle_event(event: Event | Violation) -> None:
        if isinstance(event, LineSent):
            masker.sent(event.line)
        on_event(event)
        driver.handle_event(event)

    began = time.monotonic()
    with ProgramManager(settings, handle_event) as manager:
        if plan.interface is not None:
            request = render_request(IntfRequest(_INTERFACE_NUMBER, plan.interface), manager.dialect)
            manager.send(request.rstrip(b"\n"))
            manager.wait_for_replies()
            generator.dialect = manager.dialect
        first_reply = time.monotonic() - began if driver.warm_up(manager) else None
        interrupted = False
        with ResourceUsage(manager.program_run.program.process.id if manager.program_run else None) as resources:
            began, cpu = time.monotonic(), time.process_time()
            try:
                driver.run(manager, settings.time_out, plan.pace(), _PlanClock(plan, progress).left)
            except KeyboardInterrupt:
                interrupted = True
            seconds, cpu = time.monotonic() - began, time.process_time() - cpu
        if not interrupted:
            manager.finish()
    return Measurement(
        first_reply,
        seconds,
        cpu,
        driver.statistics,
        resources,
        manager,
        driver.wrong,
        driver.temporary_failures,
        interrupted,
    )


class ResourceUsage:
    """CPU and memory of the process `root` and all processes that it started, while the context is open.

    A thread measures the memory twice a second. Values that /proc does not have are None.
    """

    def __init__(self, root: int | None) -> None:
        self.cpu: float | None = None
        """Seconds of CPU in user and system mode."""
        self.memory: int | None = None
        """Bytes at the end: the sum of the proportional set sizes, so that shared memory counts once."""
        self.peak: int | None = None
        """The largest measured number of bytes."""
        self.processes = 0
        """The number of processes at the end."""
        self._root = root
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._run, name="resource usage")

    def __enter__(self) -> ResourceUsage:
        self._cpu_before = sum(process.cpu for process in self._tree())
        self._thread.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._stop.set()
        self._thread.join()
        alive = self._tree()
        self._measure_memory()
        self.processes = len(alive)
        if any(process.id == self._root for process in alive):
            self.cpu = sum(process.cpu for process in alive) - self._cpu_before

    def _run(self) -> None:
        while not self._stop.wait(_MEMORY_EVERY):
            self._measure_memory()

    def _tree(self) -> list[ProcessInfo]:
        return [] if self._root is None else tree(self._root)

    def _measure_memory(self) -> None:
        sizes = [size for process in self._tree() if (size := proportional_set_size(process.id)) is not None]
        if sizes:
            self.memory = sum(sizes)
            self.peak = max(self.peak or 0, self.memory)


class _PlanClock:
    """Returns how much of a plan is left, and shows the progress."""

    def __init__(self, plan: LoadPlan, progress: ShowProgress) -> None:
        self._plan = plan
        self._progress = progress
        self._shown_at = 0.0

    def left(self, sent: int, since: float) -> int:
        requests, seconds = self._plan.requests, self._plan.seconds
        if since - self._shown_at >= _PROGRESS_EVERY:
            self._shown_at = since
            self._progress(min(1.0, max(sent / requests if requests else 0.0, since / seconds if seconds else 0.0)))
        if seconds is not None and since >= seconds:
            return 0
        return sys.maxsize if requests is None else requests - sent
