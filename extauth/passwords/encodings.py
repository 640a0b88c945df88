"""Text to bytes, strictly: what is not exactly the encoding raises UnusableHash."""

from __future__ import annotations

import binascii

from extauth.passwords.stored import UnusableHash


def base64(text: bytes) -> bytes:
    """RFC 4648 base64 with its padding."""
    try:
        return binascii.a2b_base64(text, strict_mode=True)
    except binascii.Error:
        raise UnusableHash("malformed base64") from None


def unpadded_base64(text: bytes) -> bytes:
    """RFC 4648 base64 without padding, as `$argon2id$` and `$scrypt$` have it."""
    return base64(text + b"=" * (-len(text) % 4))


def dotted_base64(text: bytes) -> bytes:
    """Unpadded base64 that has `.` in place of `+`, as `$pbkdf2$` has it."""
    return unpadded_base64(text.replace(b".", b"+"))


def hexadecimal(text: bytes) -> bytes:
    """Pairs of hexadecimal digits, in either case of letters."""
    try:
        return binascii.a2b_hex(text)
    except binascii.Error:
        raise UnusableHash("malformed hexadecimal") from None


SUFFIXES = {b"HEX": hexadecimal, b"B64": base64, b"BASE64": base64}
"""What may follow a scheme's name after a dot, as in `{SHA256.HEX}`."""
