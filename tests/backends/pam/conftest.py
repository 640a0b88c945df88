"""Fixtures of the PAM tests: service folders, a scripted module, users of the system."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from tests.backends.pam.configuration import LOG, SHADOW, backend
from tests.backends.pam.services import Services, build, hashed
from tests.helper import Helper, Site


@pytest.fixture
def services(site: Site) -> Services:
    """The service folder of the site."""
    return Services(site.folder / "pam.d")


@pytest.fixture(scope="module")
def scripted(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The module scripted.c, compiled. It does what the user name says. The right password is "right"."""
    return build("scripted.c", tmp_path_factory.mktemp("scripted"))


@pytest.fixture
def script(site: Site, services: Services, scripted: Path) -> Helper:
    """A helper with one service, which uses this module."""
    services.write("extauth", f"auth required {scripted}", f"account required {scripted}")
    site.configure(LOG + backend())
    return site.serve()


@pytest.fixture
def users(site: Site) -> dict[str, str]:
    """An environment where the system has users with the entries of SHADOW."""
    stored = hashed("pw9")[0]
    shadow = {name: entry.replace("{hash}", stored) for name, entry in SHADOW.items()}
    shadow["system"] = shadow["right"]
    site.write("passwd", "".join(f"{name}:x:{999 if name == 'system' else 2000}:2000::/:/bin/sh\n" for name in shadow))
    site.write("shadow", "".join(f"{name}:{entry}\n" for name, entry in shadow.items()))
    return os.environ | {"LD_PRELOAD": str(build("users.c", site.folder)), "PAM_USERS": str(site.folder)}


@pytest.fixture
def unix(site: Site, services: Services, users: dict[str, str]) -> Helper:
    """A helper that asks pam_unix about these users. The stack accepts empty passwords."""
    services.write("extauth", "auth required pam_unix.so nullok nullresetok", "account required pam_unix.so")
    site.configure(LOG + backend())
    return site.serve(env=users)
