"""`format = "dovecot"`: passwd-file, `user:password:uid:gid:gecos:home:shell:extra fields`.

A passdb extra field may keep somebody out (allow_nets, nologin, ...). None of them is honoured, so an entry with one
that is not known to be harmless is disabled.
"""

from __future__ import annotations

from extauth.backends.files.entry import BadLine, Entry, text

_EXTRA = 7
_HARMLESS = {b"nodelay", b"user", b"original_user", b"uid", b"gid", b"home", b"mail", b"quota_rule"}
_RESTRICTING = {
    b"allow_nets",
    b"allow_real_nets",
    b"delay_until",
    b"noauthenticate",
    b"nologin",
    b"nopassword",
    b"proxy",
}


def parse(line: bytes) -> tuple[str, Entry]:
    """The address and the stored password of a line. Raises BadLine."""
    fields = line.split(b":", _EXTRA)
    address = text(fields[0])
    if len(fields) < 2:
        raise BadLine("has no colon")
    if len(fields) > _EXTRA:
        for field in fields[_EXTRA].split():
            name = field.partition(b"=")[0].lower()
            if name not in _HARMLESS and not name.startswith(b"userdb_"):
                known = f"field {name.decode()}" if name in _RESTRICTING else "fields"  # it may be part of a password
                raise BadLine(f"its extra {known} may restrict the account, and nothing like that is honoured", address)
    return address, fields[1]
