"""Why a command fails. The texts go to the client, so they hold nothing that a client sent."""

from __future__ import annotations


class Bad(Exception):
    """The command breaks the rules of the protocol: the reply is BAD."""


class No(Exception):
    """The command cannot be carried out: the reply is NO, with a response code in brackets if there is one.

    code: such as `TRYCREATE` (RFC 3501, section 7.1; RFC 5530)
    """

    def __init__(self, text: str, code: str = "") -> None:
        super().__init__(f"[{code}] {text}" if code else text)
