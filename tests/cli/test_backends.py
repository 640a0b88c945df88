"""`extauth backends`: which types of backends there are, and from where."""

from __future__ import annotations

import json
import subprocess
import sys
import sysconfig
import venv
from pathlib import Path

import pytest

from tests.chain.support import PLUGIN
from tests.helper import Site
from tests.paths import ROOT

SETTINGS = """
class OwnSettings(Settings, frozen=True):
    table: str
    limit: float = 2.5
"""


def test_built_in_backends_are_listed_with_their_settings(site: Site) -> None:
    done = site.run("backends")
    assert (done.returncode, done.stderr) == (0, b"")
    lines = done.stdout.decode().splitlines()
    assert [line.split(", from extauth ")[0] for line in lines if line[0] != " "] == [
        "files",
        "imap",
        "ldap",
        "pam",
        "pop3",
    ]
    assert '    format          "dovecot" or "plain" or "shadow", default "plain"' in lines
    assert "    servers              list of strings, required" in lines


def test_backends_of_a_configuration_are_listed_with_their_problems(site: Site) -> None:
    site.write("own.py", PLUGIN.replace("[Settings]", "[OwnSettings]").replace("class Own", f"{SETTINGS}\nclass Own"))
    site.write("own.py", (site.folder / "own.py").read_text() + "    Settings = OwnSettings\n")
    site.write("broken.py", "import no_such_module\n")
    site.configure(
        'x = 1\n[[backend]]\ntype = "own.py:Own"\n[[backend]]\ntype = "broken.py:B"\n[[backend]]\ntype = "flies"\n'
    )
    done = site.run("backends", "-c", "extauth.toml", "--json")
    assert (done.returncode, done.stderr) == (1, b"")
    own, broken, unknown = json.loads(done.stdout)["backends"][5:]
    assert own == {
        "type": "own.py:Own",
        "origin": f"{site.folder}/own.py",
        "settings": [
            {"name": "table", "type": "string", "required": True, "default": None},
            {"name": "limit", "type": "number", "required": False, "default": "2.5"},
        ],
        "problem": None,
    }
    assert broken["problem"] == f"{site.folder}/broken.py: No module named 'no_such_module'"
    assert "did you mean files?" in unknown["problem"]


@pytest.fixture(scope="module")
def python_with_a_plugin(tmp_path_factory: pytest.TempPathFactory) -> str:
    """A Python that has extauth and a package with two backends, of which one does not import."""
    folder = tmp_path_factory.mktemp("venv")
    venv.create(folder, symlinks=True)
    (packages,) = folder.glob("lib/python*/site-packages")
    (packages / "extauth.pth").write_text(f"{sysconfig.get_path('purelib')}\n{ROOT}\n")
    (packages / "office.py").write_text(PLUGIN)
    information = packages / "office_backends-1.2.dist-info"
    information.mkdir()
    (information / "METADATA").write_text("Metadata-Version: 2.1\nName: office-backends\nVersion: 1.2\n")
    (information / "entry_points.txt").write_text("[extauth.backends]\noffice = office:Own\nbad = office:None\n")
    return str(Path(folder, "bin", Path(sys.executable).name))


def test_a_package_offers_backends_as_entry_points(site: Site, python_with_a_plugin: str) -> None:
    site.configure('[[backend]]\ntype = "office"\n')
    command = [python_with_a_plugin, "-m", "extauth"]
    done = subprocess.run([*command, "backends"], capture_output=True, text=True, check=False)
    assert (done.returncode, done.stderr) == (1, "")
    assert "\noffice, from office-backends 1.2" in done.stdout
    assert "\nbad, from office-backends 1.2\n    does not load: office has no backend None; it has: Own" in done.stdout
    request = b"1 VRFY a@example.com x\n"
    served = subprocess.run(
        [*command, "serve", "-c", str(site.config)], input=request, capture_output=True, check=False
    )
    assert b"1 OK\n" in served.stdout
