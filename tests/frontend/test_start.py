"""What is done before the first answer: only what has to be."""

from __future__ import annotations

import os

import pytest

from tests.helper import Site

NOT_NEEDED = {
    *("argon2", "argparse", "asyncio", "bcrypt", "click", "concurrent", "ctypes.util", "email", "http", "idna"),
    *("importlib.metadata", "json", "ldap", "ldap3", "multiprocessing", "pam", "passlib", "pyasn1"),
    *("rich", "ssl", "subprocess", "tempfile", "twisted", "unittest", "xml"),
    *("extauth.backends.files", "extauth.harness", "extauth.frontend.frontend"),
}
"""Modules that take their time, and that some backends need, other commands, or the front process alone."""


@pytest.fixture
def imported(site: Site) -> set[str]:
    """What the helper has imported when it forks its first keeper, after it has put standard error out of reach."""
    site.write("passwd", site.ACCOUNTS)
    site.configure()
    helper = site.serve(env=os.environ | {"PYTHONPROFILEIMPORTTIME": "1"})
    status = helper.end()
    errors = helper.errors()
    assert status == 0, errors
    return {line.rpartition("|")[2].strip() for line in errors.splitlines() if "|" in line}


def test_nothing_large_is_imported_before_the_first_keeper_is_forked(imported: set[str]) -> None:
    assert imported & NOT_NEEDED == set()


def test_later_keepers_have_the_code_of_the_first_in_memory(imported: set[str]) -> None:
    assert {"extauth.chain.build", "extauth.workers.supervisor", "extauth.workers.worker"} <= imported


@pytest.mark.parametrize("spelling", [("-c", "{}"), ("-c{}",), ("--config", "{}"), ("--config={}",)])
def test_the_option_may_be_written_as_the_command_line_has_it(site: Site, spelling: tuple[str, ...]) -> None:
    site.write("passwd", site.ACCOUNTS)
    option = [part.format(site.configure()) for part in spelling]
    done = site.run("serve", *option, input=b"1 VRFY alice@example.com wrong\n2 QUIT\n")
    replies = [line for line in done.stdout.splitlines() if not line.startswith(b"* ")]
    assert (done.returncode, done.stderr) == (0, b"")
    assert replies == [b"1 ERROR incorrect password", b"2 OK"]


@pytest.mark.parametrize("option", ["-c", "--config"])
def test_what_is_wrong_is_said_alike_however_the_option_is_written(site: Site, option: str) -> None:
    done = site.run("serve", option, "nowhere.toml", input=b"1 VRFY alice@example.com x\n")
    said = f"extauth: {site.folder / 'nowhere.toml'}: No such file or directory\n".encode()
    assert (done.returncode, done.stdout, done.stderr) == (1, b"", said)


@pytest.mark.parametrize(
    ("arguments", "error"),
    [
        (["serve"], "Missing option '-c'"),
        (["serve", "-c"], "Option '-c' requires an argument"),
        (["serve", "-c", "extauth.toml", "more"], "unexpected extra argument"),
        (["serve", "-x", "extauth.toml"], "No such option"),
        (["sevre", "-c", "extauth.toml"], "No such command 'sevre'"),
    ],
)
def test_a_command_line_that_is_none_serves_nobody(site: Site, arguments: list[str], error: str) -> None:
    site.write("passwd", site.ACCOUNTS)
    site.configure()
    done = site.run(*arguments, input=b"1 VRFY alice@example.com x\n")
    assert (done.returncode, done.stdout) == (2, b"")
    assert error in done.stderr.decode()
