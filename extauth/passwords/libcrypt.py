"""crypt(3) of the system's libcrypt. Only this file calls libcrypt through ctypes.

libcrypt is the only library here that knows yescrypt. It computes without holding the interpreter's lock.
"""

from __future__ import annotations

import ctypes
import functools
import threading
from collections.abc import Callable

MAX_PASSWORD = 511
"""Bytes of the longest password that crypt(3) accepts."""

_LIBRARIES = ("libcrypt.so.1", "libcrypt.so.2")  # fixed names, because ctypes.util.find_library starts a process
_SIZE_OF_CRYPT_DATA = 131_232  # bytes of `struct crypt_data` in glibc's libcrypt, where it is largest
_PAGE = 4096  # bytes

_thread = threading.local()  # each thread's `crypt_r`: the function (or None) and its working memory


def crypt(password: bytes, setting: bytes) -> bytes | None:
    """Call crypt(3) with arguments that have no NUL. Return None if it fails or there is no libcrypt.

    It fails if it does not know the scheme and if memory is missing. libxcrypt sets errno to EINVAL in both cases.
    """
    if type(password) is not bytes or type(setting) is not bytes:
        raise TypeError("crypt(3) takes bytes")  # ctypes would take other values as addresses
    try:
        crypt_r, data = _thread.crypt_r
    except AttributeError:
        crypt_r, data = _thread.crypt_r = _find_crypt_r(), _working_memory()
    if crypt_r is None:
        return None
    result = crypt_r(password, setting, data)
    return None if result is None or result[:1] == b"*" else result


def _working_memory() -> ctypes.Array[ctypes.c_char]:
    """Return working memory that begins at a page. Otherwise md5-crypt takes up to 7 percent longer."""
    memory = ctypes.create_string_buffer(_SIZE_OF_CRYPT_DATA + _PAGE)
    return (ctypes.c_char * _SIZE_OF_CRYPT_DATA).from_buffer(memory, -ctypes.addressof(memory) % _PAGE)


@functools.cache
def _find_crypt_r() -> Callable[[bytes, bytes, ctypes.Array[ctypes.c_char]], bytes | None] | None:
    for name in _LIBRARIES:
        try:
            function = ctypes.CDLL(name).crypt_r
        except (OSError, AttributeError):
            continue
        function.restype = ctypes.c_char_p
        return function  # has no argtypes: with them a call takes three times as long
    return None
