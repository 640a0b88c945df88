"""The example chains. The harness plays a session with each of them, with a real LDAP server."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from tests.backends.ldap.ldap_site import ENTRIES, PEOPLE
from tests.backends.ldap.slapd import Slapd
from tests.backends.pam.services import Services
from tests.helper import EXTAUTH, Site
from tests.paths import TESTS

EXAMPLES = TESTS.parent / "examples" / "chains"
SESSIONS = TESTS / "sessions" / "chains"

FILE = "bob@example.com:{PLAIN}of the file\ncarol@example.com:{PLAIN}of the file\nbob@example.org:{PLAIN}of the file\n"


@pytest.fixture(scope="module")
def slapd(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Slapd]:
    slapd = Slapd(tmp_path_factory.mktemp("slapd"), ENTRIES + PEOPLE)
    yield slapd
    slapd.kill()


@pytest.mark.parametrize("session", sorted(path.stem for path in SESSIONS.iterdir()))
def test_example_chain_behaves_as_its_session_says(site: Site, slapd: Slapd, session: str) -> None:
    example, _, without = session.partition("-without-")
    configuration = (EXAMPLES / f"{example}.toml").read_text()
    configuration = configuration.replace("127.0.0.1:3389", f"127.0.0.1:{1 if without else slapd.port}")
    site.configure(configuration.replace('service = "extauth"', 'service = "extauth"\nservice_folder = "pam.d"'))
    site.write("passwd", FILE)
    site.write("emergency-passwd", "postmaster@example.com:{PLAIN}in need\nbob@example.com:{PLAIN}of the file\n")
    Services(site.folder / "pam.d").pwdfile("extauth", {"bob": "of PAM"})
    played = site.run(
        "harness", "replay", str(SESSIONS / f"{session}.txt"), "--", *EXTAUTH, "serve", "-c", str(site.config)
    )
    assert played.returncode == 0, played.stdout.decode()


def test_every_example_chain_has_a_session() -> None:
    assert {path.stem for path in EXAMPLES.iterdir()} <= {path.stem for path in SESSIONS.iterdir()}
