"""Secure methods: did somebody who knows the password answer the challenge? One mechanism per file.

cram_md5, apop   the mechanisms
credentials      what a response is checked with (md5: digests that begin with a state that was kept)
"""

from __future__ import annotations

from collections.abc import Callable

from extauth.mechanisms import apop, cram_md5
from extauth.mechanisms.credentials import Credentials
from extauth.model import Secret, Verdict, VerdictResult

MECHANISMS: dict[str, Callable[[Credentials, Secret, Secret], Verdict | VerdictResult]] = {
    "CRAM-MD5": cram_md5.verify,
    "APOP": apop.verify,
}
"""Name, as the server says it in `SASL(name)`, to `verify(credentials, response, challenge)`."""
