"""The rules for backend classes. Tests of plugins show the errors, through the real program."""

from __future__ import annotations

import functools
import inspect
from pathlib import Path
from typing import Any

import pytest

from extauth import Account, Backend, Secret, Settings, Verdict
from extauth.chain.backend_rules import check_class, is_async
from extauth.chain.plugins import BUILT_IN, backend_class


@pytest.mark.parametrize("type_name", BUILT_IN)
def test_built_in_backends_keep_to_the_rules(type_name: str, tmp_path: Path) -> None:
    # They are not checked at the start: the check imports `inspect`, which delays the first reply.
    cls = backend_class(type_name, tmp_path)
    check_class(cls, type_name)
    assert is_async(cls) is inspect.iscoroutinefunction(cls.verify_password)


class _Sync(Backend[Settings]):
    def verify_password(self, account: Account, password: Secret) -> Verdict:
        return Verdict.OK


class _Async(Backend[Settings]):
    async def verify_password(self, account: Account, password: Secret) -> Verdict:
        return Verdict.OK


async def _verify_with_limit(limit: int, account: Account, password: Secret) -> Verdict:
    return Verdict.OK


@pytest.mark.parametrize(
    ("method", "expected"),
    [
        pytest.param(_Sync.verify_password, False, id="def"),
        pytest.param(_Async.verify_password, True, id="async def"),
        pytest.param(functools.wraps(_Async.verify_password)(lambda *_: None), False, id="a wrapper with def"),
        pytest.param(functools.partial(_verify_with_limit, 3), True, id="a part of async def"),
    ],
)
def test_async_def_is_recognized(method: Any, expected: bool) -> None:
    cls: type[Backend[Any]] = type("Own", (Backend,), {"Settings": Settings, "verify_password": method})
    assert is_async(cls) is expected
