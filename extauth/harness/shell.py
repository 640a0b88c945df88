"""Requests that somebody types, or a script writes into a pipe."""

from __future__ import annotations

import os
import select
from typing import Protocol

from extauth.errors import MalformedRequest
from extauth.harness.events import Event, Received
from extauth.harness.judge import Complaint
from extauth.harness.life import ServerSettings, Watch
from extauth.harness.masking import Masker
from extauth.harness.report import Show, complaint_text, event_lines
from extauth.harness.supervisor import Supervisor
from extauth.model import Secret
from extauth.protocol.requests import VrfyRequest, render_request

_CHUNK = 65_536
_PATIENCE = 60.0  # seconds, where nothing happens


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
        self, settings: ServerSettings, masker: Masker, terminal: Terminal | None, watch: Watch, show: Show
    ) -> None:
        self.supervisor = Supervisor(settings, self._see)
        self._masker = masker
        self._terminal = terminal
        self._watch = watch
        self._show = show
        self._last_number = 0
        self._verifying: str | None = None
        self._prompted = False

    def run(self, descriptor: int) -> None:
        """Take lines from `descriptor` until it or the program ends, then see the program to its end."""
        with self.supervisor:
            self._run(descriptor)

    def _run(self, descriptor: int) -> None:
        rest = b""
        while self.supervisor.serving:
            self._prompt()
            self.supervisor.turn(_PATIENCE, descriptor)
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
        self.supervisor.finish()

    def _prompt(self) -> None:
        if self._terminal and not self._prompted:
            self._terminal.prompt()
            self._prompted = True

    def _take(self, line: bytes) -> None:
        self._do(line)
        self.supervisor.turn()  # so that the next line is in the dialect that this one may switch to

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
            self.supervisor.send(line)

    def _verify(self, password: bytes) -> None:
        address, self._verifying = self._verifying or "", None
        self._last_number += 1
        request = VrfyRequest(b"%06d" % self._last_number, address, Secret(password))
        try:
            self.supervisor.send(render_request(request, self._masker.dialect).removesuffix(b"\n"))
        except MalformedRequest as error:
            self._say(f"cannot be sent: {error}")

    def _see(self, event: Event | Complaint) -> None:
        self._watch(event)
        if isinstance(event, Complaint):
            self._say(f"complaint: {complaint_text(event, self._masker)}")
            return
        for line in event_lines(event, self._masker):
            self._say(line + _took(event))

    def _say(self, text: str) -> None:
        self._show(f"\r{text}" if self._prompted else text)
        self._prompted = False


def _took(event: Event) -> str:
    if not isinstance(event, Received) or event.answers is None:
        return ""
    return f"    ({event.at - event.answers.at:.3f} s)"
