"""The file of accounts."""

from __future__ import annotations

from pathlib import Path

import pytest

from extauth.harness.load.accounts import LoadAccountsError, read_load_accounts
from tests.harness.load.load_runs import load


@pytest.mark.parametrize(
    ("line", "sentence"),
    [
        (b"b@d", "must be name@domain:password"),
        (b"tiger:tiger", "must be name@domain:password"),
        (b"b c@d:tiger", "must be name@domain:password"),
        (b"\xff@d:tiger", "the name is not UTF-8"),
        (b"b@d:", "the password is empty, or contains NUL or CR"),
        (b"b@d:ti\0ger", "the password is empty, or contains NUL or CR"),
        (b"a@d:tiger", "this account is in the file already"),
    ],
)
def test_an_error_names_the_line_but_does_not_repeat_it(line: bytes, sentence: str, tmp_path: Path) -> None:
    path = tmp_path / "accounts"
    path.write_bytes(b"a@d:tiger\n" + line + b"\n")
    with pytest.raises(LoadAccountsError) as error:
        read_load_accounts(path)
    assert str(error.value) == f"{path}, line 2: {sentence}"


def test_a_file_without_accounts_is_an_error(tmp_path: Path) -> None:
    path = tmp_path / "accounts"
    assert load(path, ["true"]).log == [f"Error: {path}: No such file or directory"]
    path.write_text("# no accounts\n")
    outcome = load(path, ["true"])
    assert outcome.log == [f"Error: {path}: no accounts; each line must be name@domain:password"]
    assert outcome.status == 2
