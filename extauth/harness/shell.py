"""Requests that somebody types, or a script writes into a pipe."""

from __future__ import annotations

import os
import select
from typing import Protocol

from extauth.errors import MalformedRequest
from extauth.harness.conversation import Conversation, Watch
from extauth.harness.events import Event, InputClosed, Received, Sent
from extauth.harness.judge import Complaint
from extauth.harness.masking import Masker
from extauth.harness.program import Program
from extauth.harness.report import Show, complaint_text
from extauth.harness.under_way import UnderWay
from extauth.harness.wire import number_of
from extauth.model import Secret
from extauth.protocol.requests import PasswordRequest, render_request

_CHUNK = 65_536


class Terminal(Protocol):
    """Where a person types."""

    def prompt(self) -> None:
        """Show that the next request can be typed."""

    def ask_password(self) -> bytes:
        """Ask for a password without showing it."""


class Shell:
    """Sends what is typed, and shows the replies and how long each took.

    `verify name@domain` makes a request of its own: its password comes from the terminal, or else from the next line.
    """

    def __init__(
        self, program: Program, time_out: float, masker: Masker, terminal: Terminal | None, watch: Watch, show: Show
    ) -> None:
        self.conversation = Conversation(program, time_out, self._see)
        self._masker = masker
        self._terminal = terminal
        self._watch = watch
        self._show = show
        self._under_way = UnderWay()
        self._last_number = 0
        self._verifying: str | None = None
        self._prompted = False

    def run(self, descriptor: int) -> None:
        """Take lines from `descriptor` until it or the program ends, then see the program to its end."""
        rest = b""
        while self.conversation.serving:
            self._prompt()
            self.conversation.turn()
            if not select.select([descriptor], [], [], 0)[0]:
                continue
            chunk = os.read(descriptor, _CHUNK)
            *lines, rest = (rest + chunk).split(b"\n")
            for line in lines:
                self._take(line)
            if not chunk:
                break
        if rest:
            self._take(rest)
        self.conversation.finish()

    def _prompt(self) -> None:
        if self._terminal and not self._prompted:
            self._terminal.prompt()
            self._prompted = True

    def _take(self, line: bytes) -> None:
        self._do(line)
        self.conversation.turn()  # so that the next line is in the dialect that this one may switch to

    def _do(self, line: bytes) -> None:
        self._prompted = False
        word, _, address = line.partition(b" ")
        if self._verifying is not None:
            self._verify(line)
        elif word == b"verify" and not address:
            self._say("verify takes name@domain")
        elif word == b"verify":
            self._verifying = address.decode(errors="replace")
            if self._terminal:
                self._verify(self._terminal.ask_password())
        elif line:
            self.conversation.send(line)

    def _verify(self, password: bytes) -> None:
        address, self._verifying = self._verifying or "", None
        self._last_number += 1
        request = PasswordRequest(b"%06d" % self._last_number, address, Secret(password))
        try:
            self.conversation.send(render_request(request, self._masker.dialect).removesuffix(b"\n"))
        except MalformedRequest as error:
            self._say(f"cannot be sent: {error}")

    def _see(self, event: Event | Complaint) -> None:
        self._watch(event)
        match event:
            case Sent():
                if number := number_of(event.line):
                    self._under_way.add(number, event.at)
                self._say(f"I: {self._masker.sent(event.line)}")
            case Received():
                self._say(f"O: {self._masker.received(event.line)}{self._took(event)}")
            case InputClosed():
                self._say("# standard input closed")
            case Complaint():
                self._say(f"complaint: {complaint_text(event, self._masker)}")

    def _took(self, event: Received) -> str:
        number = number_of(event.line)
        if number is None or number not in self._under_way:
            return ""
        return f"    ({event.at - self._under_way.answer(number):.3f} s)"

    def _say(self, text: str) -> None:
        self._show(f"\r{text}" if self._prompted else text)
        self._prompted = False
