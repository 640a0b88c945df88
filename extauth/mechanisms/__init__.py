"""Secure methods: did somebody who knows the password answer the challenge? One mechanism per file."""

from __future__ import annotations

from collections.abc import Callable

from extauth.mechanisms import apop, cram_md5
from extauth.model import Secret

MECHANISMS: dict[str, Callable[[Secret, Secret, Secret], bool]] = {
    "CRAM-MD5": cram_md5.verify,
    "APOP": apop.verify,
}
"""Name, as the server says it in `SASL(name)`, to `verify(password, response, challenge)`."""
