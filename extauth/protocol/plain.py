"""The reply to `READPLAIN` that gives a password away: docs/protocol.md, section 3.

Nobody has been seen to answer anything but FAILURE [field], so this form is unverified: `PLAIN`, and the password as
requests of the helper dialect have theirs. Should a server want another one, this is the place to change it.
"""

from __future__ import annotations

import re

from extauth.model import Secret
from extauth.protocol.quoting import quote
from extauth.protocol.replies import MAX_REPLY

_BARE = re.compile(rb'[^\x00-\x20"\\\x7f]+')  # every reader takes this for itself, whatever it thinks of quotes


def render_plain(number: bytes, secret: Secret) -> bytes | None:
    """The line `number PLAIN secret`, the secret quoted unless it is one plain word; None where it does not fit."""
    value = secret.reveal()
    line = b"%s PLAIN %s\n" % (number, value if _BARE.fullmatch(value) else quote(value))
    return line if len(line) <= MAX_REPLY else None
