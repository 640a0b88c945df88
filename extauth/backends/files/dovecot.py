"""`format = "dovecot"`: passwd-file, `user:password:uid:gid:gecos:home:shell:extra fields`.

A passdb extra field may keep somebody out (allow_nets, nologin, ...). None of them is honoured, so an entry with one
that is not known to be harmless is disabled.
"""

from __future__ import annotations

from collections.abc import Sequence

from extauth.backends.files.entry import BadLine, Column, Entry, text

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
    for extra in fields[_EXTRA:]:
        restriction = _restriction(extra)
        if restriction is not None:
            known = "fields"  # what is not known may be part of a password
            if restriction in _RESTRICTING:
                known = f"field {restriction.decode()}"
            raise BadLine(f"its extra {known} may restrict the account, and nothing like that is honoured", address)
    return address, fields[1]


def columns(lines: Sequence[bytes]) -> tuple[Column, Column]:
    """The addresses and the stored passwords of usual lines, which restrict nothing; none for others.

    Raises ValueError where they have not all as many fields.
    """
    addresses, stored, *others = zip(*[line.split(b":", _EXTRA) for line in lines], strict=True)
    for extra in others[_EXTRA - 2 :]:
        odd = {fields for fields in set(extra) if _restriction(fields) is not None}
        if odd:
            stored = tuple(b"" if fields in odd else text for fields, text in zip(extra, stored, strict=True))
    return addresses, stored


def _restriction(extra: bytes) -> bytes | None:
    """The first of the extra fields that is not known to be harmless, by its name."""
    for field in extra.split():
        name = field.partition(b"=")[0].lower()
        if name not in _HARMLESS and not name.startswith(b"userdb_"):
            return name
    return None
