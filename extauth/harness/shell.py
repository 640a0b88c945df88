"""Send requests that a person types, or that a script writes into a pipe."""

from __future__ import annotations

import os
import re
import select
from typing import Protocol

from extauth.errors import MalformedRequest
from extauth.harness.events import Event, LineReceived
from extauth.harness.masking import Masker
from extauth.harness.program import EventHandler, ProgramSettings
from extauth.harness.program_manager import ProgramManager
from extauth.harness.protocol_checker import Violation
from extauth.harness.report import ShowLine, event_lines, violation_line
from extauth.model import Secret
from extauth.protocol.requests import VrfyRequest, render_request

_CHUNK = 65_536
_LACKS_NUMBER = re.compile(rb"(?:VRFY|SASL|NEW|READPLAIN|INTF|QUIT)(?:[ (]|$)")
_LONG_WAIT = 60.0  # seconds, when nothing happens

HELP = """\
verify name@domain    send a VRFY request; the password comes from the terminal, or from the next line
VRFY name@domain ...  send this request; it gets a number if it has none
help, ?               show this list
quit                  close the program's standard input, and end; the end of input does the same
Other lines are sent as they are."""
"""The commands of the shell."""


class Terminal(Protocol):
    """The terminal of a person."""

    def prompt(self) -> None:
        """Show the prompt for the next request."""

    def ask_password(self) -> bytes:
        """Read a password and do not show it."""


class Shell:
    """Sends typed requests. Shows each reply and its time. HELP lists the commands of its own.

    The password of `verify` comes from the terminal, or from the next line.
    """

    def __init__(
        self,
        settings: ProgramSettings,
        masker: Masker,
        terminal: Terminal | None,
        on_event: EventHandler,
        show: ShowLine,
    ) -> None:
        self.manager = ProgramManager(settings, self._handle_event)
        self._masker = masker
        self._terminal = terminal
        self._on_event = on_event
        self._show_line = show
        self._last_number = 0
        self._verifying: str | None = None
        self._prompted = False
        self._has_quit = False

    def run(self, descriptor: int) -> None:
        """Send lines from `descriptor` until its end or the program's end, then wait for the program's end.

        Raises CannotStart.
        """
        with self.manager:
            self._run(descriptor)

    def _run(self, descriptor: int) -> None:
        rest = b""
        while self.manager.serving:
            self._prompt()
            self.manager.run_once(_LONG_WAIT, descriptor)
            if not select.select([descriptor], [], [], 0)[0]:
                continue
            chunk = os.read(descriptor, _CHUNK)
            *lines, rest = (rest + chunk).split(b"\n")
            for line in lines:
                self._handle_line(line)
            if not chunk or self._has_quit:
                break
        if rest and not self._has_quit:
            self._handle_line(rest)
        self.manager.finish()

    def _prompt(self) -> None:
        if self._terminal and not self._prompted:
            self._terminal.prompt()
            self._prompted = True

    def _handle_line(self, line: bytes) -> None:
        if self._has_quit:
            return
        self._execute(line)
        self.manager.run_once()  # this line may change the dialect of the next one

    def _execute(self, line: bytes) -> None:
        self._prompted = False
        word, _, address = line.strip().partition(b" ")
        if self._verifying is not None:
            self._verify(line)
        elif line.strip() in (b"help", b"?"):
            for text in HELP.splitlines():
                self._show(text)
        elif line.strip() in (b"quit", b"exit"):
            self._has_quit = True
        elif word == b"verify" and not address:
            self._show("verify needs name@domain")
        elif word == b"verify":
            self._verifying = address.decode(errors="replace")
            if self._terminal:
                self._verify(self._terminal.ask_password())
        elif _LACKS_NUMBER.match(line):
            self.manager.send(b"%s %s" % (self._next_number(), line))
        elif line:
            self.manager.send(line)

    def _next_number(self) -> bytes:
        self._last_number += 1
        return b"%06d" % self._last_number

    def _verify(self, password: bytes) -> None:
        address, self._verifying = self._verifying or "", None
        request = VrfyRequest(self._next_number(), address, Secret(password))
        try:
            self.manager.send(render_request(request, self._masker.dialect).removesuffix(b"\n"))
        except MalformedRequest as error:
            self._show(f"cannot be sent: {error}")

    def _handle_event(self, event: Event | Violation) -> None:
        self._on_event(event)
        if isinstance(event, Violation):
            self._show(violation_line(event, self._masker))
            return
        for line in event_lines(event, self._masker):
            self._show(line + _duration(event))

    def _show(self, text: str) -> None:
        self._show_line(f"\r{text}" if self._prompted else text)
        self._prompted = False


def _duration(event: Event) -> str:
    if not isinstance(event, LineReceived) or event.request is None:
        return ""
    return f"    ({event.at - event.request.at:.3f} s)"
