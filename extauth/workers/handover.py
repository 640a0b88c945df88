"""What the frontend and the handover process say to each other, and the start of the process (`[handover]`).

After a successful login, the process sets the password in the mail server. It may wait for the mail server. The
frontend never waits: it sends a password only after the reply to the login is written.
"""

# Without "from __future__ import annotations": msgspec would compile each annotation, which delays the first reply.

import socket
from typing import NoReturn

import msgspec

from extauth.config import CliSettings, HandoverSettings
from extauth.model import Account, Secret
from extauth.workers.process_tree import ChildProcess, start_child

GIVE_UP = 600.0
"""Seconds from a login until its password is dropped, if it cannot be set so long."""


class HandoverConfig(msgspec.Struct, frozen=True):
    """What the process needs to know of the configuration."""

    handover: HandoverSettings
    mail_server: CliSettings
    allow_unsafe_files: bool


class Handover(msgspec.Struct, frozen=True, array_like=True):
    """Frontend to process: set the password of an account.

    `key`: a number that comes back with the outcome. `since`: when the login was (monotonic seconds, the same in all
    processes).
    """

    key: int
    account: Account
    password: Secret
    since: float

    def is_old(self, now: float) -> bool:
        """Return whether its time is over."""
        return now - self.since > GIVE_UP


class HandoverDone(msgspec.Struct, frozen=True, array_like=True, tag=0):
    """Process to frontend: a password is set. `problem`: if it is not set, the reason."""

    key: int
    problem: str = ""


class MailServerState(msgspec.Struct, frozen=True, array_like=True, tag=1):
    """Process to frontend: why no password can be set now. An empty text: it works again."""

    problem: str


FromHandover = HandoverDone | MailServerState


def start_handover(config: HandoverConfig) -> ChildProcess:
    """Fork a handover process. Raise OSError."""

    def run(sock: socket.socket) -> NoReturn:
        from extauth.workers.handover_process import HandoverProcess  # here because it imports asyncio

        HandoverProcess(sock, config).run()

    return start_child("handover", run, dies_with_parent=True)
