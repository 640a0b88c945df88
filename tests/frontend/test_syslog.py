"""The log in syslog. The helper has a /dev of its own, where `log` is a socket of the test."""

from __future__ import annotations

import contextlib
import re
import socket
from collections.abc import Iterator

import pytest

from tests.helper import EXTAUTH, Helper, Site, wait_until
from tests.needs import needs_mounts

pytestmark = needs_mounts

OWN_DEV = """\
set -e
mkdir "$1"
mount --rbind /dev "$1"
mount -t tmpfs tmpfs /dev
for device in full null random urandom zero; do
    touch /dev/$device
    mount --bind "$1/$device" /dev/$device
done
ln -s "$2" /dev/log
shift 2
exec "$@"
"""
"""Starts a command with a /dev of its own. $1: a new folder for the usual /dev. $2: the target of /dev/log."""


def serve(site: Site, log: str) -> Helper:
    """Start a helper with these lines in `[log]`. Its /dev/log is the socket `syslog` in its folder."""
    site.write("passwd", site.ACCOUNTS)
    site.configure(f'[log]\n{log}\n[[backend]]\ntype = "files"\npath = "passwd"\n')
    own_dev = ["unshare", "--mount", "sh", "-c", OWN_DEV, "sh", f"{site.folder}/dev", f"{site.folder}/syslog"]
    return site.serve([*own_dev, *EXTAUTH])


@pytest.fixture
def syslog(site: Site) -> Iterator[socket.socket]:
    """What receives the records. It does not wait for them."""
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM | socket.SOCK_NONBLOCK) as listener:
        listener.bind(f"{site.folder}/syslog")
        yield listener


def test_syslog_records_have_facility_and_severity(site: Site, syslog: socket.socket) -> None:
    helper = serve(site, 'syslog = "local3"')
    helper.send(b"1 VRFY bob@example.com no", b"2 VRFY bob@example.com password")
    helper.wait_for_replies(2)
    records: list[str] = []
    head = rf"extauth\[{helper.process.pid}\]: account=bob@example.com command=VRFY verdict="
    for expected in (rf"<{19 * 8 + 6}>{head}OK ", rf"<{19 * 8 + 4}>{head}PASSWORD_MISMATCH "):

        def has_come(pattern: str = expected) -> bool:
            records.extend(received(syslog))
            return any(re.match(pattern, record) for record in records)

        wait_until(has_come, expected)


def test_missing_syslog_is_reported(site: Site) -> None:
    helper = serve(site, 'syslog = "local3"')
    assert helper.ask(b"1 VRFY bob@example.com password") == b"OK"
    helper.wait_for_information("cannot write the log: log.syslog: /dev/log: No such file or directory")


def test_syslog_that_does_not_read_delays_no_other_log(site: Site, syslog: socket.socket) -> None:
    helper = serve(site, 'file = "log"\nsyslog = "mail"')
    helper.send(*(b"%d VRFY bob@example.com no" % number for number in range(1000)))
    helper.wait_for_replies(1000)
    helper.wait_for_information("cannot write the log: log.syslog: /dev/log: it does not read")
    log = site.folder / "log"
    wait_until(lambda: log.exists() and log.read_text().count("verdict=") == 1000, "all records in the file")
    records: list[str] = []

    def works_again() -> bool:
        records.extend(received(syslog))
        assert helper.ask(b"1000 VRFY bob@example.com password") == b"OK"
        return any(re.search(r"/dev/log: works again; \d+ records were lost", x) for x in helper.information)

    wait_until(works_again, "a syslog that works again")
    assert records
    assert helper.end() == 0


def received(syslog: socket.socket) -> Iterator[str]:
    """Yield the records that have come."""
    with contextlib.suppress(BlockingIOError):
        while record := syslog.recv(4096):
            yield record.decode()
