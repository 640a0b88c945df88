"""`format = "dovecot"`: passwd-file, `user:password:uid:gid:gecos:home:shell:extra fields`.

A passdb extra field may keep somebody out (allow_nets, nologin, ...). None of them is honoured, so an entry with one
that is not known to be harmless is disabled.
"""

from __future__ import annotations

from extauth.backends.files.entry import BadLine, Entry, text

_EXTRA = 7
_HARMLESS = {"nodelay", "user", "original_user", "uid", "gid", "home", "mail", "quota_rule"}


def parse(line: bytes) -> tuple[str, Entry]:
    """The address and the stored password of a line. Raises BadLine."""
    fields = line.split(b":", _EXTRA)
    address = text(fields[0])
    if len(fields) < 2:
        raise BadLine("has no colon")
    if len(fields) > _EXTRA:
        for field in fields[_EXTRA].split():
            name = field.partition(b"=")[0].decode(errors="replace").lower()
            if name not in _HARMLESS and not name.startswith("userdb_"):
                raise BadLine(f"its extra field {name} is not honoured, and may restrict the account", address)
    return address, fields[1]
