"""Plays a session to a program."""

from __future__ import annotations

from extauth.harness.events import Event, Received
from extauth.harness.expectations import Expectations
from extauth.harness.judge import Complaint
from extauth.harness.life import ServerSettings, Watch
from extauth.harness.masking import Masker
from extauth.harness.report import Show, event_lines
from extauth.harness.session import Close, Send, Session, Wait, WaitForAnswers
from extauth.harness.statistics import Statistics
from extauth.harness.supervisor import Supervisor


class Replay:
    """Plays a session as fast as the program takes it, and shows every line."""

    def __init__(self, session: Session, settings: ServerSettings, masker: Masker, watch: Watch, show: Show) -> None:
        self.supervisor = Supervisor(settings, self._see)
        self.expectations = Expectations(session.expected)
        self.statistics = Statistics()
        self._steps = session.steps
        self._masker = masker
        self._watch = watch
        self._show = show

    def run(self) -> None:
        """Play every step as far as the program goes along, then see it to its end."""
        with self.supervisor as supervisor:
            for step in self._steps:
                match step:
                    case Send():
                        supervisor.send(step.line)
                    case WaitForAnswers():
                        supervisor.wait_for_answers()
                    case Wait():
                        supervisor.wait(step.seconds)
                    case Close():
                        supervisor.close()
            supervisor.finish()

    def _see(self, event: Event | Complaint) -> None:
        self._watch(event)
        self.statistics.see(event)
        if isinstance(event, Received):
            self.expectations.see(event)
        if not isinstance(event, Complaint):
            for line in event_lines(event, self._masker):
                self._show(line)
