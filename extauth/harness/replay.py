"""Plays a session to a program."""

from __future__ import annotations

from extauth.harness.conversation import Conversation, Watch
from extauth.harness.events import Event, InputClosed, Received, Sent
from extauth.harness.expectations import Expectations
from extauth.harness.judge import Complaint
from extauth.harness.masking import Masker
from extauth.harness.program import Program
from extauth.harness.report import Show
from extauth.harness.session import Close, Send, Session, Wait, WaitForAnswers


class Replay:
    """Plays a session as fast as the program takes it, and shows every line."""

    def __init__(
        self, session: Session, program: Program, time_out: float, masker: Masker, watch: Watch, show: Show
    ) -> None:
        self.conversation = Conversation(program, time_out, self._see)
        self.expectations = Expectations(session.expected)
        self._steps = session.steps
        self._masker = masker
        self._watch = watch
        self._show = show

    def run(self) -> None:
        """Play every step as far as the program goes along, then see it to its end."""
        for step in self._steps:
            match step:
                case Send():
                    self.conversation.send(step.line)
                case WaitForAnswers():
                    self.conversation.wait_for_answers()
                case Wait():
                    self.conversation.wait(step.seconds)
                case Close():
                    self.conversation.close()
        self.conversation.finish()

    def _see(self, event: Event | Complaint) -> None:
        self._watch(event)
        match event:
            case Sent():
                self._show(f"I: {self._masker.sent(event.line)}")
            case Received():
                self.expectations.see(event)
                self._show(f"O: {self._masker.received(event.line)}")
            case InputClosed():
                self._show("# standard input closed")
