"""Measures what extauth does beside what others do: pairs of runs, one after the other, and their ratios.

    .venv/bin/python -m benchmarks.against_peers [--only GLOB] [--pairs N] [--seconds S]

In every second pair extauth runs first, so that a machine that drifts hits both alike. Every run is a program that is
started afresh.
"""

from __future__ import annotations

import statistics
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import partial

from benchmarks.options import Options, options
from benchmarks.peers.crypt_limit import CryptLimit
from benchmarks.peers.dovecot import dovecot_file, dovecot_ldap, dovecot_pam
from benchmarks.peers.line_loop import line_loop
from benchmarks.peers.ours import extauth
from benchmarks.peers.peer import Peer, PipePeer
from benchmarks.peers.perl_sample import perl_sample, perl_sample_without_cache
from benchmarks.peers.saslauthd import saslauthd_ldap, saslauthd_pam
from benchmarks.peers.squid import squid_ldap, squid_ncsa, squid_pam
from benchmarks.programs import FailedError
from benchmarks.runs import LimitRunner, Run, Runner
from benchmarks.scratch import PAM_SERVICE, Scratch, scratch
from benchmarks.workloads import WARM_UP, everybody, mixed

HITS_OF = 1_000
"""Accounts that log in again and again."""


@dataclass(frozen=True, slots=True)
class Workload:
    """Logins, extauth's configuration for them, and whom to compare it with.

    `quickest` is how many logins a second the quickest of them may answer: there are as many as that for each second.
    """

    name: str
    ours: Callable[[Scratch], PipePeer]
    others: tuple[Callable[[Scratch], Peer | CryptLimit], ...]
    quickest: int
    cached: bool = False


def _files(scheme: str, scratch: Scratch) -> PipePeer:
    path = scratch.password_file(scheme)
    return extauth(f"files-{scheme}", scratch.folder, f'[[backend]]\ntype = "files"\npath = "{path}"\n')


def _pam(scratch: Scratch) -> PipePeer:
    section = f'[[backend]]\ntype = "pam"\nservice = "{PAM_SERVICE}"\nservice_folder = "{scratch.pam_services}"\n'
    return extauth("pam", scratch.folder, section)


def _ldap(engine: str, cache: str, scratch: Scratch) -> PipePeer:
    it = scratch.directory
    secret = scratch.folder / "reader.secret"
    secret.write_text(it.reader_password)
    secret.chmod(0o600)
    section = (
        f'[[backend]]\ntype = "ldap"\nengine = "{engine}"\nservers = ["{it.url}"]\nbind_dn = "{it.reader}"\n'
        f'bind_password_file = "{secret}"\nbase = "{it.people}"\nfilter = "(uid={{name}})"\n'
    )
    return extauth(f"{engine}{'-hits' if cache else ''}", scratch.folder, cache + section)


def _crypt(scheme: str, scratch: Scratch) -> CryptLimit:
    return CryptLimit(scratch.folder, scratch.password_file(scheme))


def _squid_ncsa(scheme: str, scratch: Scratch) -> Peer:
    return squid_ncsa(scratch.password_file(scheme))


def _dovecot_file(scheme: str, scratch: Scratch) -> Peer:
    return dovecot_file(scratch.folder, scratch.password_file(scheme))


def _hashes(scheme: str, quickest: int) -> Workload:
    others = (partial(_dovecot_file, scheme), partial(_squid_ncsa, scheme), partial(_crypt, scheme))
    return Workload(f"files/{scheme}", partial(_files, scheme), others, quickest)


WORKLOADS = (
    Workload(
        "hits",
        partial(_ldap, "ldap3", "[cache]\n"),
        (
            lambda at: perl_sample(at.directory),
            lambda at: dovecot_ldap(at.folder, at.directory, cache=True),
            lambda at: saslauthd_ldap(at.folder, at.directory, cache=True),
            lambda at: line_loop(),
        ),
        quickest=700_000,
        cached=True,
    ),
    _hashes("sha512", 20_000),
    _hashes("bcrypt", 20_000),
    _hashes("md5crypt", 100_000),
    Workload("files/sha", partial(_files, "sha"), (partial(_dovecot_file, "sha"),), quickest=500_000),
    Workload(
        "ldap/ldap3",
        partial(_ldap, "ldap3", ""),
        (
            lambda at: perl_sample_without_cache(at.directory),
            lambda at: dovecot_ldap(at.folder, at.directory),
        ),
        quickest=50_000,
    ),
    Workload(
        "ldap/python-ldap",
        partial(_ldap, "python-ldap", ""),
        (
            lambda at: dovecot_ldap(at.folder, at.directory),
            lambda at: saslauthd_ldap(at.folder, at.directory),
            lambda at: squid_ldap(at.directory),
        ),
        quickest=50_000,
    ),
    Workload(
        "pam/md5",
        _pam,
        (
            lambda at: saslauthd_pam(at.folder, at.pam_services, PAM_SERVICE),
            lambda at: dovecot_pam(at.folder, at.pam_services, PAM_SERVICE),
            lambda at: squid_pam(at.pam_services, PAM_SERVICE),
        ),
        quickest=100_000,
    ),
)


def compare(workload: Workload, other: Peer | CryptLimit, at: Scratch, chosen: Options) -> Iterator[tuple[Run, Run]]:
    """Pairs of runs, extauth's and the other's. Raises FailedError."""
    count = int(workload.quickest * chosen.seconds)
    # nobody is compared with an answer that is put off, or that is always OK
    all_right = workload.cached or (isinstance(other, Peer) and not other.refuses_at_once)
    logins = mixed(count, accounts=HITS_OF, wrong=0) if workload.cached else mixed(count, wrong=0 if all_right else 0.1)
    warm_up = everybody(HITS_OF if workload.cached else WARM_UP)
    ours = Runner(workload.ours(at), logins, warm_up)
    theirs = LimitRunner(other) if isinstance(other, CryptLimit) else Runner(other, logins, warm_up)
    for pair in range(chosen.pairs):
        if pair % 2:
            first = ours.run(chosen.seconds)
            yield first, theirs.run(chosen.seconds)
        else:
            first = theirs.run(chosen.seconds)
            yield ours.run(chosen.seconds), first


HEADING = f"""\
{"":28}   ratio of rates         answers a second  CPU us an answer     memory MiB   first answer ms   driver
{"workload":16} {"beside":19} {"median   min   max":>18} {"ours":>9} {"theirs":>9} {"ours":>7} {"theirs":>8} \
{"ours":>6} {"theirs":>7} {"ours":>7} {"theirs":>8}    %"""


def row(name: str, beside: str, pairs: list[tuple[Run, Run]]) -> str:
    """Medians of the pairs; what is no answer, or a wrong one, is counted at the end of the line."""
    ratios = [ours.rate / theirs.rate for ours, theirs in pairs]
    cells = [
        f"{name:16} {beside:22}{statistics.median(ratios):6.2f}{min(ratios):6.2f}{max(ratios):6.2f}",
        *_cells(pairs, lambda run: run.rate, "10,.0f", "10,.0f"),
        *_cells(pairs, lambda run: None if run.cpu is None else run.cpu * 1e6, "8,.1f", "9,.1f"),
        *_cells(pairs, lambda run: run.memory, "7.0f", "8.0f"),
        *_cells(pairs, lambda run: None if run.first_answer is None else run.first_answer * 1000, "8.0f", "9.0f"),
        format(max(statistics.median(run.driver or 0 for run in runs) for runs in zip(*pairs, strict=True)), "5.0%"),
    ]
    for who, runs in zip(("ours", "theirs"), zip(*pairs, strict=True), strict=True):
        faults = {name: sum(getattr(run.checked, name) for run in runs) for name in ("wrong", "missing", "strange")}
        cells += [f"  {who}: {count:,} {name}" for name, count in faults.items() if count]
    return "".join(cells)


def _cells(
    pairs: list[tuple[Run, Run]], figure: Callable[[Run], float | None], ours: str, theirs: str
) -> Iterator[str]:
    for runs, width in zip(zip(*pairs, strict=True), (ours, theirs), strict=True):
        figures = [it for run in runs if (it := figure(run)) is not None]
        yield format(statistics.median(figures), width) if figures else "-".rjust(int(width.split(".")[0].rstrip(",")))


def measure(chosen: Options) -> None:
    """Print the table, row by row."""
    workloads = [workload for workload in WORKLOADS if chosen.wants(workload.name)]
    if not workloads:
        return
    print(HEADING)
    with scratch() as at:
        for workload in workloads:
            for make in workload.others:
                other = make(at)
                try:
                    pairs = list(compare(workload, other, at, chosen))
                except FailedError as error:
                    print(f"{workload.name:16} {other.name:22}left out: {error}", flush=True)
                    continue
                print(row(workload.name, other.name, pairs), flush=True)


if __name__ == "__main__":
    measure(options(__doc__))
