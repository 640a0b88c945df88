"""Argon2 in the calling thread. Only this file uses `core` of argon2-cffi, which binds `argon2_ctx` of the C library.

`hash_secret_raw` of argon2-cffi starts a thread for each lane. Meanwhile the calling thread uses no processor time, so
its worker would take the call for one that hangs. There is a worker for each core, so more threads compute no more.
"""

from __future__ import annotations

import msgspec


class Argon2Parameters(msgspec.Struct, frozen=True):
    """`variant`: `I`, `D` or `ID`. `memory`: KiB. The lanes are computed one after the other, with the same result."""

    variant: str
    version: int
    memory: int
    passes: int
    lanes: int


def argon2_tag(password: bytes, salt: bytes, size: int, parameters: Argon2Parameters) -> bytes:
    """Return the tag (RFC 9106) of this many bytes. Raise MemoryError if it cannot be computed."""
    from argon2.low_level import Type, core, ffi  # imported here because it is large

    out = ffi.new("uint8_t[]", size)
    password_buffer, salt_buffer = ffi.new("uint8_t[]", password), ffi.new("uint8_t[]", salt)
    context = ffi.new(
        "argon2_context *",
        {
            "out": out,
            "outlen": size,
            "pwd": password_buffer,
            "pwdlen": len(password),
            "salt": salt_buffer,
            "saltlen": len(salt),
            "t_cost": parameters.passes,
            "m_cost": parameters.memory,
            "lanes": parameters.lanes,
            "threads": 1,
            "version": parameters.version,
        },
    )
    if core(context, Type[parameters.variant].value) != 0:
        raise MemoryError  # the parameters have been checked
    return bytes(ffi.buffer(out, size))
