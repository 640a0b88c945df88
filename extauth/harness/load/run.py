"""One program under load, from its start to its end."""

from __future__ import annotations

import sys
import time
from collections.abc import Callable
from dataclasses import dataclass

from extauth.harness.events import Event, Sent
from extauth.harness.judge import Complaint
from extauth.harness.life import ServerSettings, Watch
from extauth.harness.load.answers import Answers
from extauth.harness.load.bulk import Bulk
from extauth.harness.load.consumption import Consumption
from extauth.harness.load.pace import Pace
from extauth.harness.load.traffic import Traffic
from extauth.harness.masking import Masker
from extauth.harness.statistics import Statistics
from extauth.harness.supervisor import Supervisor
from extauth.protocol.requests import IntfRequest, render_request

Progress = Callable[[float], None]
"""Called with the share that is done, from 0 to 1."""

_TELL_EVERY = 0.1  # seconds
_ZEROTH = b"000000"  # the others are counted from 1


@dataclass(frozen=True)
class Plan:
    """What a program is driven with, and how long: so many requests or seconds, whichever comes first."""

    traffic: Callable[[], Traffic]
    pace: Callable[[], Pace]
    interface: int | None = None
    requests: int | None = None
    seconds: float | None = None


@dataclass(frozen=True)
class Measurement:
    """What came of it.

    `first_reply` is how many seconds after its start the program gave its first one, None where it gave none before the
    load; `harness_cpu` the seconds of CPU that the harness itself took: near `seconds`, it is the harness that was
    measured.
    """

    first_reply: float | None
    seconds: float
    harness_cpu: float
    statistics: Statistics
    consumption: Consumption
    supervisor: Supervisor
    wrong: Answers
    untold: Answers
    interrupted: bool
    """Whether somebody had enough of it: the program was killed, and the figures are those up to then."""

    @property
    def is_well(self) -> bool:
        """Whether every answer was right, and nothing is complained about."""
        return not (self.wrong.first or self.untold.first or self.supervisor.complained)


def measure(settings: ServerSettings, plan: Plan, masker: Masker, watch: Watch, progress: Progress) -> Measurement:
    """Start a program, drive it, and see it to its end. Raises CannotStart, and MalformedRequest for an account.

    KeyboardInterrupt is raised only where nothing is measured yet, or the program does not end.
    """
    traffic = plan.traffic()
    bulk = Bulk(traffic)

    def see(event: Event | Complaint) -> None:
        if isinstance(event, Sent):
            masker.sent(event.line)
        watch(event)
        bulk.see(event)

    began = time.monotonic()
    with Supervisor(settings, see) as supervisor:
        if plan.interface is not None:
            supervisor.send(render_request(IntfRequest(_ZEROTH, plan.interface), supervisor.dialect).rstrip(b"\n"))
            supervisor.wait_for_answers()
            traffic.dialect = supervisor.dialect
        first_reply = time.monotonic() - began if bulk.warm_up(supervisor) else None
        interrupted = False
        with Consumption(supervisor.life.program.process.id if supervisor.life else None) as consumption:
            began, cpu = time.monotonic(), time.process_time()
            try:
                bulk.run(supervisor, settings.time_out, plan.pace(), _Clock(plan, progress).left)
            except KeyboardInterrupt:
                interrupted = True
            seconds, cpu = time.monotonic() - began, time.process_time() - cpu
        if not interrupted:
            supervisor.finish()
    return Measurement(
        first_reply,
        seconds,
        cpu,
        bulk.statistics,
        consumption,
        supervisor,
        bulk.wrong,
        bulk.untold,
        interrupted,
    )


class _Clock:
    """Tells how much of a plan is left, and the progress from time to time."""

    def __init__(self, plan: Plan, progress: Progress) -> None:
        self._plan = plan
        self._progress = progress
        self._told_at = 0.0

    def left(self, sent: int, since: float) -> int:
        requests, seconds = self._plan.requests, self._plan.seconds
        if since - self._told_at >= _TELL_EVERY:
            self._told_at = since
            self._progress(min(1.0, max(sent / requests if requests else 0.0, since / seconds if seconds else 0.0)))
        if seconds is not None and since >= seconds:
            return 0
        return sys.maxsize if requests is None else requests - sent
