"""What the frontend and the handover process say to each other, and the start of the process (`[handover]`).

The process sets passwords at the mail server that were right at a login. It may wait for the mail server, and the
frontend never does. A password goes there after the reply to its login was written.
"""

from __future__ import annotations

import socket
from typing import NoReturn

import msgspec

from extauth.config import CliSettings, HandoverSettings
from extauth.model import Account, Secret
from extauth.workers.child_process import ChildProcess, start_child


class HandoverConfig(msgspec.Struct, frozen=True):
    """What the process needs to know of the configuration."""

    handover: HandoverSettings
    mail_server: CliSettings
    allow_unsafe_files: bool


class Handover(msgspec.Struct, frozen=True, array_like=True):
    """Frontend to process: set the password of an account. `key`: a number that comes back with the outcome."""

    key: int
    account: Account
    password: Secret


class HandoverDone(msgspec.Struct, frozen=True, array_like=True, tag=0):
    """Process to frontend: a password is set. `problem`: why it is not, if so."""

    key: int
    problem: str = ""


class MailServerState(msgspec.Struct, frozen=True, array_like=True, tag=1):
    """Process to frontend: no password can be set now, and why; an empty text: it works again."""

    problem: str


FromHandover = HandoverDone | MailServerState


def start_handover(config: HandoverConfig) -> ChildProcess:
    """Fork a handover process. Raise OSError."""

    def run(sock: socket.socket) -> NoReturn:
        from extauth.workers.handover_process import HandoverProcess  # here because it imports asyncio

        HandoverProcess(sock, config).run()

    return start_child("handover", run, dies_with_parent=True)
