"""crypt(3) of the system's libcrypt, which alone knows yescrypt and computes outside the interpreter's lock."""

from __future__ import annotations

import ctypes
import functools
import threading
from collections.abc import Callable

MAX_PASSWORD = 511
"""Bytes of the longest password that crypt(3) takes."""

_LIBRARIES = ("libcrypt.so.1", "libcrypt.so.2")  # named, because ctypes.util.find_library starts a process
_SIZE_OF_CRYPT_DATA = 131_232  # bytes in glibc's libcrypt, the largest of them
_PAGE = 4096  # bytes

_own = threading.local()  # to each thread the function, if there is one, and the room it works in


def crypt(password: bytes, setting: bytes) -> bytes | None:
    """crypt(3), for arguments without a NUL; None where it fails or there is no libcrypt.

    It fails for a scheme that it does not know as for a lack of memory, and libxcrypt's errno is EINVAL for both.
    """
    if type(password) is not bytes or type(setting) is not bytes:
        raise TypeError("crypt(3) takes bytes")  # the call below would take anything for a place in memory
    try:
        crypt_r, data = _own.way
    except AttributeError:
        crypt_r, data = _own.way = _crypt_r(), _room()
    if crypt_r is None:
        return None
    result = crypt_r(password, setting, data)
    return None if result is None or result[:1] == b"*" else result


def _room() -> ctypes.Array[ctypes.c_char]:
    """Room to work in that begins where a page does: where it does not, md5-crypt takes up to 7 percent longer."""
    memory = ctypes.create_string_buffer(_SIZE_OF_CRYPT_DATA + _PAGE)
    return (ctypes.c_char * _SIZE_OF_CRYPT_DATA).from_buffer(memory, -ctypes.addressof(memory) % _PAGE)


@functools.cache
def _crypt_r() -> Callable[[bytes, bytes, ctypes.Array[ctypes.c_char]], bytes | None] | None:
    for name in _LIBRARIES:
        try:
            function = ctypes.CDLL(name).crypt_r
        except (OSError, AttributeError):
            continue
        function.restype = ctypes.c_char_p
        return function  # without argtypes, by which a call takes three times as long
    return None
