"""A helper as samples for mail servers are written: one loop over lines, and Net::LDAP. sample.pl says it in Perl."""

from __future__ import annotations

from pathlib import Path

from benchmarks.directory import Directory
from benchmarks.peers.ours import MailServerDialect
from benchmarks.peers.peer import PipePeer

_PROGRAM = Path(__file__).with_name("sample.pl")


def perl_sample(directory: Directory) -> PipePeer:
    """Asks a directory for what it has not in its cache of clear texts."""
    where = [directory.url, directory.people, directory.reader, directory.reader_password]
    return PipePeer("line loop, Perl", MailServerDialect(), ["perl", _PROGRAM, *where])


def perl_sample_without_cache(directory: Directory) -> PipePeer:
    """Asks a directory each time."""
    where = [directory.url, directory.people, directory.reader, directory.reader_password]
    return PipePeer("line loop, Perl", MailServerDialect(), ["perl", _PROGRAM, *where, "0"])
