"""`extauth verify --running`: let a running helper check a login, and show what it says."""

from __future__ import annotations

from pathlib import Path

import click
import msgspec

from extauth.cli.running import HelperSilent, RunningHelper, ask, find_helpers, none_found
from extauth.cli.verify_report import drawn
from extauth.cli.verify_way import response_to
from extauth.errors import ConfigError
from extauth.model import Secret
from extauth.protocol.replies import one_line
from extauth.workers.process_setup import set_up_process
from extauth.workers.status_messages import VerifyDone, VerifyWanted

_ACCEPTED, _REJECTED, _WRONG, _NONE, _TEMPORARY = 0, 1, 2, 3, 75
_WITHIN = 120.0  # seconds until the helper counts as silent: longer than any usual helper.deadline


def verify_running(config_file: Path, address: str, password: Secret, mechanism: str | None, *, as_json: bool) -> int:
    """Ask the helper, print what it says, and return the exit status. With several helpers, ask the first one."""
    set_up_process()
    try:
        address.encode()
    except UnicodeEncodeError:
        click.echo("extauth: malformed request: the account is not UTF-8", err=True)
        return _REJECTED
    try:
        helpers = find_helpers(config_file)
    except ConfigError as error:
        click.echo(f"extauth: {error}", err=True)
        return _WRONG
    if not helpers:
        click.echo(f"extauth: {none_found(config_file, None)}", err=True)
        return _NONE
    wanted = VerifyWanted(address, password)
    if mechanism is not None:
        challenge, response = response_to(password, mechanism)
        wanted = VerifyWanted(address, response, mechanism, challenge)
    helper = helpers[0]
    try:
        done = _ask(helper, wanted)
    except HelperSilent as error:
        click.echo(f"extauth: helper {helper.pid} does not answer: {error}", err=True)
        return _NONE
    status = _status(done)
    click.echo(_as_json(helper, done, status) if as_json else _as_tree(helper, done, mechanism))
    return status


def _ask(helper: RunningHelper, wanted: VerifyWanted) -> VerifyDone:
    if helper.report is None:
        raise HelperSilent(helper.problem)
    done = ask(helper, wanted, _WITHIN)
    assert isinstance(done, VerifyDone)
    return done


def _status(done: VerifyDone) -> int:
    if done.verdict == "TEMPORARY_FAILURE":
        return _TEMPORARY
    return _ACCEPTED if done.verdict == "OK" else _REJECTED


def _as_tree(helper: RunningHelper, done: VerifyDone, mechanism: str | None) -> str:
    branches = []
    for asked in done.asked:
        seconds = "" if asked.seconds is None else f" in {asked.seconds:.3f} s"
        branches.append([f"{asked.backend}: {asked.verdict}{seconds}", *([asked.reason] if asked.reason else [])])
    if not done.asked and done.reason:
        branches.append([done.reason])
    cache = ", from the cache" if done.from_cache else ""
    branches.append([f"reply to the mail server: {done.reply or 'ERROR'} after {done.seconds:.3f} s{cache}"])
    command = f"SASL({mechanism})" if mechanism else "VRFY"
    return "\n".join([f"{one_line(done.account)}, {command}, helper {helper.pid}", *drawn(branches)])


def _as_json(helper: RunningHelper, done: VerifyDone, status: int) -> str:
    values = msgspec.to_builtins(done) | {"pid": helper.pid, "status": status}
    for key in ("type", "client"):
        values.pop(key, None)
    return msgspec.json.format(msgspec.json.encode(values), indent=2).decode()
