"""The command line of `extauth serve`."""

from __future__ import annotations

import pytest

from tests.helper import Site


@pytest.mark.parametrize("spelling", [("-c", "{}"), ("-c{}",), ("--config", "{}"), ("--config={}",)])
def test_config_option_accepts_every_spelling(site: Site, spelling: tuple[str, ...]) -> None:
    site.write("passwd", site.ACCOUNTS)
    option = [part.format(site.configure()) for part in spelling]
    done = site.run("serve", *option, input=b"1 VRFY alice@example.com wrong\n2 QUIT\n")
    replies = [line for line in done.stdout.splitlines() if not line.startswith(b"* ")]
    assert (done.returncode, done.stderr) == (0, b"")
    assert replies == [b"1 ERROR incorrect password", b"2 OK"]


@pytest.mark.parametrize("option", ["-c", "--config"])
def test_missing_file_error_is_the_same_for_both_options(site: Site, option: str) -> None:
    done = site.run("serve", option, "nowhere.toml", input=b"1 VRFY alice@example.com x\n")
    error = f"extauth: {site.folder / 'nowhere.toml'}: No such file or directory\n".encode()
    assert (done.returncode, done.stdout, done.stderr) == (1, b"", error)


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
def test_invalid_command_line_is_refused(site: Site, arguments: list[str], error: str) -> None:
    site.write("passwd", site.ACCOUNTS)
    site.configure()
    done = site.run(*arguments, input=b"1 VRFY alice@example.com x\n")
    assert (done.returncode, done.stdout) == (2, b"")
    assert error in done.stderr.decode()
