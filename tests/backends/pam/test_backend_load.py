"""What the PAM backend needs to load, through the real program: libpam, python-pam, privilege."""

from __future__ import annotations

import os
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.backends.pam.configuration import LOG, NEGATIVE, OK, TEMPORARY, backend, check
from tests.backends.pam.services import Services
from tests.helper import Site
from tests.needs import needs_root
from tests.ordinary_user import run_as_nobody
from tests.paths import TESTS


def test_libpam_is_found_without_running_a_program(site: Site, services: Services) -> None:
    services.pwdfile("extauth", {"alice": "pw9"})
    alone = "import subprocess\nsubprocess.Popen = None\nfrom extauth.backends.pam import Pam\n"
    site.write("alone.py", f"{alone}class Alone(Pam):\n    pass\n")
    site.configure(backend(type="alone.py:Alone"))
    assert site.session(b"1 VRFY alice@example.com pw9") == [b"1 OK"]


def test_a_missing_python_pam_is_named_in_the_error(site: Site) -> None:
    site.write(
        "without.py",
        "import sys\nsys.modules['pam'] = None\nfrom extauth.backends.pam import Pam\nclass Without(Pam):\n    pass\n",
    )
    site.configure(backend(type="without.py:Without"))
    done = site.run("check", "-c", str(site.config))
    assert done.returncode == 1
    remedy = f"{sys.prefix}/bin/pip install python-pam"
    assert done.stderr.decode().endswith(f"python-pam is missing; install it with: {remedy}\n")


def test_check_reports_access_to_etc_shadow(site: Site, services: Services) -> None:
    services.pwdfile("extauth", {"alice": "pw9"})
    site.configure(backend())
    can = "can" if os.access("/etc/shadow", os.R_OK) else "cannot"
    report = f"uid {os.geteuid()} {can} read /etc/shadow: pam_unix {can} check the passwords of "
    assert report in check(site)


@pytest.fixture
def open_site() -> Iterator[Site]:
    """A site. Every user may enter its folder."""
    with tempfile.TemporaryDirectory() as folder:
        site = Site(Path(folder))
        site.folder.chmod(0o755)
        yield site
        for helper in site.helpers:
            helper.kill()


def test_without_privilege_pam_unix_fails_and_pam_pwdfile_works(open_site: Site) -> None:
    services = Services(open_site.folder / "pam.d")
    services.write("unix", "auth required pam_unix.so", "account required pam_unix.so")
    services.pwdfile("pwdfile", {"alice": "pw9"})
    open_site.write("pam_as_nobody.py", (TESTS / "plugins" / "pam_as_nobody.py").read_bytes(), mode=0o644)
    kind = "pam_as_nobody.py:PamAsNobody"
    open_site.configure(
        LOG
        + backend(service="unix", type=kind, name="unix", domains=["unix.example"], min_uid=0)
        + backend(service="pwdfile", type=kind, name="pwdfile", domains=["pwdfile.example"])
    )
    helper = open_site.serve()
    assert helper.ask(b"1 VRFY daemon@unix.example pw9") == TEMPORARY
    helper.wait_for_information(r"account=daemon@unix.example .* cannot retrieve authentication info \(code 9\)")
    helper.wait_for_information(
        "cannot read /etc/shadow: pam_unix cannot check the passwords of other users. Run extauth "
    )
    assert helper.ask(b"2 VRFY nosuchuser@unix.example pw9") == NEGATIVE
    assert helper.ask(b"3 VRFY alice@pwdfile.example pw9") == OK
    assert helper.ask(b"4 VRFY alice@pwdfile.example no") == NEGATIVE


@needs_root
def test_check_warns_an_ordinary_user_that_setuid_programs_cannot_start(
    open_site: Site, monkeypatch: pytest.MonkeyPatch
) -> None:
    run_as_nobody(monkeypatch)
    Services(open_site.folder / "pam.d").pwdfile("extauth", {"alice": "pw9"})
    warning = "if your PAM service needs it, set helper.allow_setuid = true"
    for setting, warned in (("", True), ("[helper]\nallow_setuid = true\n", False)):
        open_site.write("extauth.toml", setting + backend(domains=["example.com"]), mode=0o644)
        assert (warning in check(open_site)) is warned
