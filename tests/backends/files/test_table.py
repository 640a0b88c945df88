"""Tables of few and of many accounts, through the real program and alone."""

from __future__ import annotations

import hmac

from hypothesis import given
from hypothesis import strategies as st

from extauth.backends.files.table import CompactTable
from extauth.passwords import Packed
from tests.helper import Site
from tests.passwords.stored_passwords import SCHEMES

NEGATIVE = b"ERROR incorrect password"


def test_each_of_many_accounts_has_its_own_password(site: Site) -> None:
    lines = [f"user{number}@plain.example:{{PLAIN}}pw{number}\n" for number in range(60_000)]
    lines += ["bare:{PLAIN}bare\n", "user5:{PLAIN}bare\n", "user6@plain.example:{PLAIN}twice\n", "bare@x.example:!\n"]
    schemes = ["SHA", "SSHA", "SHA256", "SSHA512", "SMD5", "MD5", "SHA.HEX", "SSHA.B64", "BLF-CRYPT", "PBKDF2"]
    for scheme in schemes:
        lines.append(f"{scheme}@any.example:{dict(SCHEMES)[f'doveadm-{scheme}'](b'open sesame').decode()}\n")
    lines += ["default@any.example:open sesame\n", "locked@any.example:{SSHA}!\n"]
    site.write("passwd", "".join(lines))
    files = '[[backend]]\ntype = "files"\npath = "passwd"\ndefault_scheme = "PLAIN"\n'
    site.configure(f'[log]\nmail_server_level = "Failures"\n{files}')
    helper = site.serve()
    numbers = [*range(0, 60_000, 97), 59_999]
    for number in numbers:
        helper.send(b"r%d VRFY user%d@plain.example pw%d" % (number, number, number))
        helper.send(b"w%d VRFY user%d@plain.example pw%d" % (number, number, number + 1))
    replies = helper.wait_for_replies(2 * len(numbers))
    assert sorted(replies) == sorted(
        reply for number in numbers for reply in (b"r%d OK" % number, b"w%d " % number + NEGATIVE)
    )
    for address, password, reply in [
        (b"bare@any.example", b"bare", b"OK"),
        (b"bare@x.example", b"bare", NEGATIVE),
        (b"user5@plain.example", b"pw5", b"OK"),
        (b"user5@plain.example", b"bare", NEGATIVE),
        (b"user5@any.example", b"bare", b"OK"),
        (b"user6@plain.example", b"pw6", NEGATIVE),
        (b"user6@plain.example", b"twice", NEGATIVE),
        (b"user60000@plain.example", b"pw60000", NEGATIVE),
        (b"user7@any.example", b"pw7", NEGATIVE),
        (b"locked@any.example", b"!", NEGATIVE),
        *((b"%b@any.example" % name.encode(), b"open sesame", b"OK") for name in (*schemes, "default")),
        *((b"%b@any.example" % name.encode(), b"Open sesame", NEGATIVE) for name in (*schemes, "default")),
    ]:
        assert helper.ask(b"1 VRFY " + address + b" " + password) == reply
    response = hmac.new(b"open sesame", b"<1@x.example>", "md5").hexdigest().encode()
    for name, reply in [(b"default", b"OK"), (b"user5", NEGATIVE), (b"SHA", NEGATIVE)]:
        assert helper.ask(b"1 SASL(CRAM-MD5) %b@any.example %b <1@x.example>" % (name, response)) == reply


_NAME = st.text(st.characters(exclude_categories=["Cc", "Cs"]), min_size=1, max_size=4)
_PACKED = st.tuples(st.integers(0, 31), st.binary(max_size=4)).map(lambda parts: Packed(bytes(parts[:1]) + parts[1]))


@given(st.dictionaries(_NAME, _PACKED), _NAME)
def test_a_compact_table_finds_its_names_and_no_other(entries: dict[str, Packed], other: str) -> None:
    table = CompactTable(entries)
    assert {name: table.find(name) for name in entries} == entries
    assert (table.find(other) is None) == (other not in entries)
