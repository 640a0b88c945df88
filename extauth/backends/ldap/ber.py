"""BER, the encoding of LDAP messages (X.690; RFC 4511, section 5.1). An element is a tag, a length and a content.

Reading is strict: an element must end inside of the one around it. What comes from a server may be hostile.
"""

from __future__ import annotations

MAX_MESSAGE = 1 << 20
"""The longest message that extauth accepts, in bytes. An entry with its groups has some kilobytes."""

INTEGER, OCTETS, ENUMERATED, SEQUENCE, SET = 0x02, 0x04, 0x0A, 0x30, 0x31

_LONGEST_LENGTH = 4  # bytes of a length; Active Directory sends that many even for short elements
_LONGEST_NUMBER = 4  # bytes; all numbers of LDAP fit

Element = tuple[int, int, int]
"""The tag of an element, and where its content begins and ends."""


class InvalidResponse(Exception):
    """A message that LDAP does not allow there. The text says why, and repeats nothing of it."""


def element(tag: int, content: bytes) -> bytes:
    """Encode an element."""
    size = len(content)
    if size < 0x80:
        return bytes((tag, size)) + content
    long_size = size.to_bytes((size.bit_length() + 7) // 8, "big")
    return bytes((tag, 0x80 | len(long_size))) + long_size + content


def octets(value: bytes) -> bytes:
    """Encode an OCTET STRING."""
    return element(OCTETS, value)


def integer(value: int) -> bytes:
    """Encode a number that is not negative. The first bit is the sign."""
    size = value.bit_length() // 8 + 1
    return bytes((INTEGER, size)) + value.to_bytes(size, "big")


def message_size(data: bytes | bytearray, start: int) -> int:
    """Return the size of the message at `start`, with its header; 0 if too few bytes have come to tell.

    Raises InvalidResponse if it is no message, or longer than MAX_MESSAGE.
    """
    if len(data) < start + 2:
        return 0
    if data[start] != SEQUENCE:
        raise InvalidResponse("not an LDAP message")
    size = data[start + 1]
    if size < 0x80:
        return size + 2
    header = 2 + _size_of_length(size)
    if len(data) < start + header:
        return 0
    size = header + int.from_bytes(data[start + 2 : start + header], "big")
    if size > MAX_MESSAGE:
        raise InvalidResponse(f"a message of {size} bytes; at most {MAX_MESSAGE} are allowed")
    return size


def read_elements(data: bytes, start: int, end: int) -> list[Element]:
    """Read the elements between `start` and `end`. Raises InvalidResponse."""
    found = []
    while start < end:
        content = start + 2
        size = data[start + 1] if content <= end else end
        if size >= 0x80 and content <= end:
            content += _size_of_length(size)
            size = int.from_bytes(data[start + 2 : content], "big")
        if content + size > end:
            raise InvalidResponse("an element ends too early")
        found.append((data[start], content, content + size))
        start = content + size
    return found


def read_sequence(data: bytes, element: Element, least: int, tag: int = SEQUENCE) -> list[Element]:
    """Read the elements in this one, at least `least`. Raises InvalidResponse, also if it has another tag."""
    found = read_elements(data, element[1], element[2])
    if element[0] != tag or len(found) < least:
        raise InvalidResponse(f"an element {element[0]:#04x} with {len(found)} parts")
    return found


def read_number(data: bytes, element: Element, tag: int = INTEGER) -> int:
    """Return the number in this element. Raises InvalidResponse if it is empty, too long, or has another tag."""
    found, content, stop = element
    if found != tag or not 0 < stop - content <= _LONGEST_NUMBER:
        raise InvalidResponse(f"an element {found:#04x} of {stop - content} bytes instead of a number")
    return int.from_bytes(data[content:stop], "big", signed=True)


def read_octets(data: bytes, element: Element) -> bytes:
    """Return the content of an OCTET STRING. Raises InvalidResponse if it has another tag."""
    if element[0] != OCTETS:
        raise InvalidResponse(f"an element {element[0]:#04x} instead of octets")
    return data[element[1] : element[2]]


def _size_of_length(first: int) -> int:
    size = first - 0x80
    if not 0 < size <= _LONGEST_LENGTH:
        raise InvalidResponse(f"a length of {size} bytes")
    return size
