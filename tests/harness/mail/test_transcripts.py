"""Dialogues of POP, IMAP, SMTP and PWD, played against the mail server.

The files of `transcripts/` have the dialogues of each protocol. Each begins with `== title`. Then come these lines:

    C: text      the client sends a line; several in a row are sent in one packet
    C-LF: text   the same, with LF instead of CRLF
    C-END        the client closes its sending half
    S: text      the mail server sends this line; `*` stands for any text
    S-END        the mail server closes the connection

`\\xNN` is a byte.
"""

from __future__ import annotations

import re
import socket
from collections.abc import Iterable, Iterator
from pathlib import Path

import pytest

from extauth.harness.mail.imap.commands import COMMANDS as IMAP_COMMANDS
from extauth.harness.mail.pop3 import COMMANDS as POP3_COMMANDS
from extauth.harness.mail.pwd.connection import CONNECTION_COMMANDS
from extauth.harness.mail.smtp import COMMANDS as SMTP_COMMANDS
from tests.harness.mail.server import MailServer
from tests.helper import PATIENCE
from tests.paths import ROOT

_FOLDER = Path(__file__).parent / "transcripts"
_COMMANDS: dict[str, Iterable[bytes]] = {
    "pop3": POP3_COMMANDS,
    "imap": IMAP_COMMANDS,
    "smtp": SMTP_COMMANDS,
    "pwd": CONNECTION_COMMANDS,
}


def _text(service: str) -> str:
    return "".join(file.read_text() for file in sorted(_FOLDER.glob(f"{service}*.txt")))


def _transcripts() -> Iterator[object]:
    for service in _COMMANDS:
        _, *dialogues = re.split(r"^== ", _text(service), flags=re.MULTILINE)
        for dialogue in dialogues:
            title, *lines = [line for line in dialogue.splitlines() if line and not line.startswith("#")]
            yield pytest.param(service, lines, id=f"{service}: {title}")


@pytest.mark.parametrize(("service", "lines"), list(_transcripts()))
def test_a_transcript_is_played(mail_server: MailServer, service: str, lines: list[str]) -> None:
    with socket.create_connection(("127.0.0.1", mail_server.port(service)), PATIENCE) as client:
        replies, packet = client.makefile("rb"), b""
        for line in lines:
            kind, _, text = line.partition(":")
            text = text.removeprefix(" ")
            match kind:
                case "C" | "C-LF":
                    packet += _bytes(text) + (b"\r\n" if kind == "C" else b"\n")
                    continue
                case "C-END":
                    client.sendall(packet)
                    client.shutdown(socket.SHUT_WR)
                    packet = b""
                    continue
            if packet:
                client.sendall(packet)
            packet = b""
            reply = replies.readline()
            expected = rb"" if kind == "S-END" else re.escape(_bytes(text)).replace(rb"\*", b".*") + rb" ?\r\n"
            assert re.fullmatch(expected, reply), (line, reply)


@pytest.mark.parametrize("service", _COMMANDS)
def test_transcripts_and_the_page_have_each_command(service: str) -> None:
    sent: list[str] = re.findall(r"^C[^:]*: (?:[a-d] )?(\w+)", _text(service), re.MULTILINE)
    page = (ROOT / "docs" / f"mail-server-{'pwd' if service == 'pwd' else 'commands'}.md").read_text()
    for command in _COMMANDS[service]:
        assert command.decode() in map(str.upper, sent)
        assert re.search(rf"^\| `{command.decode()}[ `]", page, re.MULTILINE), command


def _bytes(text: str) -> bytes:
    return re.sub(rb"\\x(..)", lambda match: bytes.fromhex(match[1].decode()), text.encode())
