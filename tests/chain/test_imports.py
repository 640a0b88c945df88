"""Other users cannot put code into extauth, into plugins, or into what plugins import."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

import extauth
from tests.chain.support import PLUGIN, configure
from tests.helper import Helper, Site
from tests.needs import needs_root

NOBODY = 65534
REQUEST = b"1 VRFY alice@example.com x"
USES_A_LIBRARY = "import library.words\n" + PLUGIN
CACHED = f"words.{sys.implementation.cache_tag}.pyc"
WRITES_BYTECODE = {name: value for name, value in os.environ.items() if name != "PYTHONDONTWRITEBYTECODE"}


@pytest.fixture
def plugin(site: Site) -> Site:
    """A site with a plugin in a package, which imports a module of another package."""
    site.write("mine/__init__.py", "")
    site.write("mine/own.py", USES_A_LIBRARY)
    site.write("library/__init__.py", "")
    site.write("library/words.py", "")
    configure(site, "mine.own:Own")
    return site


def error_at_start(site: Site) -> str:
    """Start a helper that must fail. Return its error."""
    done = site.run("serve", "-c", str(site.config), input=REQUEST + b"\n")
    assert done.returncode == 1, done.stdout
    return done.stderr.decode()


def compiled(folder: Path) -> Path:
    """Compile the modules of a folder. Return the folder with the bytecode."""
    subprocess.run([sys.executable, "-m", "compileall", "-q", str(folder)], check=True)
    return folder / "__pycache__"


def test_no_bytecode_of_plugins_is_written(plugin: Site) -> None:
    helper = plugin.serve(umask=0, env=WRITES_BYTECODE)
    assert helper.ask(REQUEST) == b"OK"
    assert helper.end() == 0
    assert plugin.run("check", "-c", str(plugin.config), environment=WRITES_BYTECODE).returncode == 0
    assert list(plugin.folder.rglob("__pycache__")) == []


@pytest.mark.parametrize("unsafe", ["library/words.py", "library/__init__.py", "library"])
def test_unsafe_modules_that_a_plugin_imports_are_refused(plugin: Site, unsafe: str) -> None:
    path = plugin.folder / unsafe
    path.chmod(path.stat().st_mode | 0o002)
    assert f"run: chmod o-w {path}\n" in error_at_start(plugin)
    plugin.configure(plugin.config.read_text() + "[helper]\nallow_unsafe_files = true\n")
    assert plugin.session(REQUEST) == [b"1 OK"]


def test_an_unsafe_module_imported_for_a_login_does_not_run(plugin: Site) -> None:
    indented = "        import library.words\n        return Verdict.OK"
    plugin.write("mine/own.py", PLUGIN.replace("        return Verdict.OK", indented))
    plugin.write("library/words.py", "", mode=0o602)
    helper = plugin.serve()
    assert helper.ask(REQUEST) == b"ERROR temporary failure"
    helper.wait_for_information("words.py: this file is writable by everyone")


@pytest.mark.parametrize("folder", ["library", "mine"])
def test_a_writable_bytecode_folder_is_repaired_and_reported(plugin: Site, folder: str) -> None:
    bytecode = compiled(plugin.folder / folder)
    bytecode.chmod(0o777)
    helper = plugin.serve()
    helper.wait_for_information(rf"{bytecode}: was writable by other users \(mode 0777\); this is repaired")
    assert helper.ask(REQUEST) == b"OK"
    assert bytecode.stat().st_mode & 0o777 == 0o755


@needs_root
@pytest.mark.parametrize("folder", ["library", "mine"])
def test_bytecode_of_another_user_is_refused_at_every_start(plugin: Site, folder: str) -> None:
    bytecode = compiled(plugin.folder / folder)
    bytecode.chmod(0o777)
    os.chown(next(bytecode.glob("__init__.*.pyc")), NOBODY, NOBODY)
    for _ in range(2):
        error = error_at_start(plugin)
        assert f"belongs to uid {NOBODY} (nobody), and Python would run it; run: rm -r {bytecode}\n" in error
    shutil.rmtree(bytecode)
    assert plugin.session(REQUEST) == [b"1 OK"]


def test_bytecode_that_everyone_can_write_is_refused(plugin: Site) -> None:
    file = compiled(plugin.folder / "library") / CACHED
    file.chmod(0o646)
    assert f"{file.name} in this folder (mode 0755) is writable by everyone (mode 0646)" in error_at_start(plugin)


def test_reload_is_refused_if_a_module_has_become_unsafe(plugin: Site) -> None:
    helper = plugin.serve()
    helper.wait_for_information("serving")
    (plugin.folder / "library/words.py").chmod(0o602)
    helper.process.send_signal(1)
    helper.wait_for_information("reload failed, .*words.py: this file is writable by everyone")
    assert helper.ask(REQUEST) == b"OK"


def test_a_module_in_a_zip_file_is_checked(plugin: Site) -> None:
    archive = shutil.make_archive(str(plugin.folder / "library"), "zip", plugin.folder, "library")
    shutil.rmtree(plugin.folder / "library")
    plugin.write("mine/own.py", f"import sys\nsys.path.append({archive!r})\n{USES_A_LIBRARY}")
    assert plugin.session(REQUEST) == [b"1 OK"]
    Path(archive).chmod(0o602)
    assert f"run: chmod o-w {archive}\n" in error_at_start(plugin)


# --- extauth itself -----------------------------------------------------------------------------------


@pytest.fixture
def copy(tmp_path: Path) -> Path:
    """A copy of extauth that has no bytecode."""
    source = Path(extauth.__file__).parent
    copied = tmp_path / "copy" / "extauth"
    shutil.copytree(source, copied, ignore=shutil.ignore_patterns("__pycache__"))
    return copied


def serve_copy(copy: Path, site: Site) -> Helper:
    """Start a helper from the copy as the mail server's script does: with the umask 0."""
    site.write("passwd", site.ACCOUNTS)
    site.configure()
    return site.serve(umask=0, env=WRITES_BYTECODE | {"PYTHONPATH": str(copy.parent)})


def test_bytecode_folders_of_extauth_are_repaired_and_reported(copy: Path, site: Site) -> None:
    helper = serve_copy(copy, site)
    helper.wait_for_information(f"{copy}/__pycache__: was writable by other users .mode 0777.; this is repaired")
    assert helper.ask(b"1 VRFY bob password") == b"OK"
    helper.end()
    folders = list(copy.rglob("__pycache__"))
    assert folders
    assert [folder for folder in folders if folder.stat().st_mode & 0o022] == []
    assert not (copy / "frontend" / "__pycache__").exists()  # written only by code that runs before extauth


@needs_root
def test_foreign_bytecode_of_extauth_is_refused_at_every_start(copy: Path, site: Site) -> None:
    folder = copy / "frontend" / "__pycache__"
    folder.mkdir()
    folder.chmod(0o777)
    (folder / "frontend.pyc").touch()
    os.chown(folder / "frontend.pyc", NOBODY, NOBODY)
    for _ in range(2):
        helper = serve_copy(copy, site)
        assert helper.wait_for_end() == 1
        assert helper.errors().startswith(f"extauth: {folder}: frontend.pyc in this folder (mode 0")


def test_bytecode_of_extauth_that_others_can_write_is_refused(copy: Path, site: Site) -> None:
    folder = copy / "frontend" / "__pycache__"
    folder.mkdir()
    (folder / "frontend.pyc").touch()
    (folder / "frontend.pyc").chmod(0o646)
    helper = serve_copy(copy, site)
    assert helper.wait_for_end() == 1
    assert f"extauth: {folder}: frontend.pyc in this folder" in helper.errors()
