"""How plugins are found and loaded, and which ones are refused."""

from __future__ import annotations

import contextlib
import os
import subprocess
import sys
import time

import pytest

from tests.chain.support import ASYNC_PLUGIN, NEGATIVE, PLUGIN, TEMPORARY, configure
from tests.helper import EXTAUTH, Site, is_alive, wait_until
from tests.plugins import ScriptedSite

WORD_LIST = '''\
from __future__ import annotations

import dataclasses
from pathlib import Path

from extauth import Account, Backend, Secret, Settings, Verdict


@dataclasses.dataclass
class Words:
    """A dataclass: Python looks up its types in its own module."""

    words: list[str]


class WordListSettings(Settings, frozen=True):
    words: Path
    folded: bool = False


class WordList(Backend[WordListSettings]):
    Settings = WordListSettings

    def load(self) -> None:
        self.accepted = Words(self.read_file(self.settings.words).decode().split())

    def verify_password(self, account: Account, password: Secret) -> Verdict:
        word = password.reveal().decode()
        if self.settings.folded:
            word = word.lower()
        return Verdict.OK if word in self.accepted.words else Verdict.PASSWORD_MISMATCH
'''


@pytest.fixture
def word_list(site: Site) -> Site:
    """A site with a backend that has settings: as a file and in a package."""
    site.write("backends/word_list.py", WORD_LIST)
    site.write("mine/__init__.py", "")
    site.write("mine/word_list.py", WORD_LIST)
    site.write("words", "sesame")
    return site


@pytest.mark.parametrize("type_name", ["backends/word_list.py:WordList", "mine.word_list:WordList"])
def test_plugin_is_found_beside_the_configuration(word_list: Site, type_name: str) -> None:
    configure(word_list, type_name, 'words = "words"\nfolded = true')
    assert word_list.session(b"1 VRFY alice@example.com SESAME", b"2 VRFY alice@example.com open") == [
        b"1 OK",
        b"2 " + NEGATIVE,
    ]


@pytest.mark.parametrize(
    ("settings", "error"),
    [
        ('words = "words"\nfoldet = true', "foldet: unknown key; did you mean folded?"),
        ('words = "words"\nfolded = "yes"', "folded = 'yes': must be true or false"),
        ("", "words: is missing"),
        ('words = "wrods"', "wrods: No such file"),
    ],
)
def test_invalid_plugin_settings_are_refused(word_list: Site, settings: str, error: str) -> None:
    configure(word_list, "mine.word_list:WordList", settings)
    assert error in error_at_start(word_list)


def error_at_start(site: Site) -> str:
    """Start a helper that must fail. Return its only error line."""
    helper = site.serve()
    with contextlib.suppress(BrokenPipeError):  # it may have ended already
        helper.send(b"1 VRFY alice@example.com x")
    assert helper.wait_for_end() == 1
    assert helper.replies == []
    reason = helper.errors()
    assert reason.startswith("extauth: ")
    assert reason.count("\n") == 1
    return reason


def errors_of_types(site: Site, *types: str) -> list[str]:
    """Configure one backend of each type, start a helper that must fail, and return its error for each backend."""
    site.configure("".join(f'[[backend]]\ntype = "{type_}"\n' for type_ in types))
    reasons = error_at_start(site).split(f"{site.config}: ")[1:]
    for number, (reason, type_) in enumerate(zip(reasons, types, strict=True), start=1):
        assert reason.startswith(f"[[backend]] number {number}, type = '{type_}'")
    return reasons


INVALID = [
    ("import nothing_of_this_name", "No module named 'nothing_of_this_name'"),
    ("x =", "{file}, line 1: invalid syntax"),
    ("x = '\0'", "{file}"),
    ("\n1 / 0", "ZeroDivisionError at {folder}/{file}, line 2"),
    ("raise SystemExit(0)", "SystemExit at {folder}/{file}, line 1"),
    (PLUGIN.replace("Own", "Other"), "{file} has no backend Own; it has: Other"),
    ("class Own: pass", "{file} has no backend Own; it has: no backend"),
    ("Own = 1", "{file} has no backend Own"),
    (PLUGIN + "    def __init__(self, *_): 1 / 0", "ZeroDivisionError at {folder}/{file}, line 6"),
    (PLUGIN + "    Settings = dict", "Own.Settings"),
    (PLUGIN + "    class Settings(Settings, frozen=True):\n        timeout: float = 1.0", "Own.Settings.timeout"),
    (PLUGIN + "    concurrency = 0", "Own.concurrency = 0: must be a whole number, 1 or more"),
    (PLUGIN + "    concurrency = '4'", "Own.concurrency = '4'"),
    (PLUGIN + "    concurrency = True", "Own.concurrency = True"),
    (PLUGIN + "    repeatable = 1", "Own.repeatable = 1: must be True or False"),
    (PLUGIN + "    def __init__(self, settings, context): pass", "super().__init__(settings, context)"),
    (PLUGIN + "    def __init__(self, settings): pass", "Own.__init__: extauth calls it with the arguments"),
    (PLUGIN + "    def verify_password(self, password): pass", "(self, account, password): too many"),
    (PLUGIN + "    def verify_password(self, account, password, realm): pass", "missing a required"),
    (PLUGIN + "    def lookup_secret(self): pass", "Own.lookup_secret: extauth calls it with"),
    (PLUGIN + "    def knows_account(account): pass\n    open = 3", "Own.open = 3: must be a method"),
    (PLUGIN + "    async def lookup_secret(self, account): pass", "Own.verify_password is written with def"),
    (PLUGIN + "    async def load(self): pass", "Own.load is written with async def"),
    (PLUGIN + "    async def on_idle(self): pass", "Own.on_idle is written with async def"),
    (ASYNC_PLUGIN + "    def knows_account(self, account): pass", "Own.verify_password is written with async def"),
    (ASYNC_PLUGIN + "    def is_fast(self, account): pass", "Own.is_fast"),
    (PLUGIN.replace("verify_password", "verify"), "Own has no method verify_password"),
    ("print('1 OK', flush=True)\nimport os\nos.write(1, b'1 OK')\nos.write(2, b'x')\n1 / 0", "ZeroDivisionError"),
]
"""The source of a plugin, and a part of the error."""

FAIL_TO_LOAD = [
    (PLUGIN + "    def load(self): 1 / 0", "ZeroDivisionError at {folder}/{file}, line 6"),
    (PLUGIN + "    def load(self): raise SystemExit", "SystemExit at {folder}/{file}, line 6"),
]
"""The same for errors of `load`. extauth calls it after it has looked at all plugins."""


@pytest.mark.parametrize("mistakes", [INVALID, FAIL_TO_LOAD], ids=["invalid", "fail to load"])
def test_invalid_plugin_is_refused_with_file_key_and_value(site: Site, mistakes: list[tuple[str, str]]) -> None:
    for number, (source, _) in enumerate(mistakes, start=1):
        site.write(f"own{number}.py", source)
    reasons = errors_of_types(site, *(f"own{number}.py:Own" for number in range(1, len(mistakes) + 1)))
    for number, (reason, (_, error)) in enumerate(zip(reasons, mistakes, strict=True), start=1):
        assert error.format(file=f"own{number}.py", folder=site.folder) in reason


def test_refused_plugin_leaves_no_process(site: Site) -> None:
    child = site.folder / "child"
    start = "import pathlib, subprocess\nchild = subprocess.Popen(['sleep', '1000'])\n"
    site.write("own.py", f"{start}pathlib.Path({str(child)!r}).write_text(str(child.pid))\n1 / 0")
    configure(site)
    assert "ZeroDivisionError" in error_at_start(site)
    wait_until(lambda: not is_alive(int(child.read_text())), "the end of the child")


def test_plugin_that_exits_during_loading_is_refused(site: Site) -> None:
    site.write("own.py", "import os\nos._exit(0)")
    configure(site)
    assert f"{site.config}: " in error_at_start(site)


UNKNOWN_TYPES = {
    "missing.py:Own": "missing.py: No such file",
    "folder.py:Own": "folder.py: is a folder; it must be a regular file",
    "missing:Own": "no module missing in the installation or in {folder}",
    "mine.missing:Own": "no module mine.missing",
    "own.py": "unknown backend",
    ":Own": "unknown backend",
    "own.py:": "unknown backend",
    "flies": "did you mean files?",
    "htpasswd": 'did you mean type = "files"?',
    "passwd-file": 'did you mean type = "files" with format = "dovecot"?',
}
"""The type of a backend, and a part of the error."""


def test_unknown_backend_type_is_refused_with_file_key_and_value(site: Site) -> None:
    site.write("mine/__init__.py", "")
    (site.folder / "folder.py").mkdir()
    reasons = errors_of_types(site, *UNKNOWN_TYPES)
    for reason, error in zip(reasons, UNKNOWN_TYPES.values(), strict=True):
        assert error.format(folder=site.folder) in reason


@pytest.mark.parametrize(
    ("type_name", "unsafe"),
    [
        ("backends/word_list.py:WordList", "backends/word_list.py"),
        ("backends/word_list.py:WordList", "backends"),
        ("mine.word_list:WordList", "mine/word_list.py"),
        ("mine.word_list:WordList", "mine/__init__.py"),
        ("mine.word_list:WordList", "mine"),
    ],
)
def test_world_writable_plugin_is_refused_unless_allowed(word_list: Site, type_name: str, unsafe: str) -> None:
    configure(word_list, type_name, 'words = "words"')
    path = word_list.folder / unsafe
    path.chmod(path.stat().st_mode | 0o002)
    assert f"{path}: this " in (reason := error_at_start(word_list))
    assert f"run: chmod o-w {path}" in reason
    word_list.configure("[helper]\nallow_unsafe_files = true\n" + word_list.config.read_text())
    assert word_list.session(b"1 VRFY alice@example.com sesame") == [b"1 OK"]


@pytest.mark.parametrize(
    ("python_path", "folder", "command"),
    [
        (None, "elsewhere", EXTAUTH),
        (None, "elsewhere", ["-m", "extauth"]),
        ("{elsewhere}", ".", EXTAUTH),
        ("/:{elsewhere}/", ".", EXTAUTH),
        (".", "elsewhere", EXTAUTH),
        (":", "elsewhere", EXTAUTH),
    ],
)
def test_plugins_are_not_imported_from_cwd_or_pythonpath(
    site: Site, python_path: str | None, folder: str, command: list[str]
) -> None:
    elsewhere = site.write("elsewhere/intruder.py", PLUGIN).parent
    configure(site, "intruder:Own")
    environment = dict(os.environ)
    if python_path is not None:
        environment["PYTHONPATH"] = python_path.format(elsewhere=elsewhere)
    done = subprocess.run(
        [sys.executable, *command, "serve", "-c", str(site.config)],
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        check=False,
        cwd=site.folder / folder,
        env=environment,
    )
    assert "no module intruder" in done.stderr
    assert done.returncode == 1


def test_hanging_plugin_load_does_not_delay_shutdown(scripted: ScriptedSite) -> None:
    folder = scripted.site.folder
    note = f"import os\nwith open({str(folder / 'notes')!r}, 'a') as notes: notes.write(f'import {{os.getpid()}}\\n')\n"
    hang = f"open({str(folder / 'gate')!r}).read()\n"
    scripted.configure()
    sources = [
        note + hang,
        note + "import ctypes\nctypes.PyDLL(None).pause()",
        "import subprocess\nsubprocess.Popen(['sleep', '1000'])\n" + note + hang,
        note + "os.closerange(0, 1024)\n" + hang,
    ]
    helpers = []
    for count, source in enumerate(sources, start=1):
        scripted.site.write("scripted_backend.py", source)
        helpers.append(scripted.site.serve())
        helpers[-1].send(b"1 VRFY alice@example.com x")
        scripted.wait_for("import", count)
    processes = [process for helper in helpers for process in helper.descendants()]
    started = time.monotonic()
    for helper in helpers:
        helper.close()
    ends = [helper.wait_for_end() for helper in helpers]
    assert time.monotonic() - started < 5
    assert ends == [0, 0, 0, 1]  # the last one closed its socket, so it counts as dead
    wait_until(lambda: not any(map(is_alive, processes)), "the end of every process")
    assert [helper.replies for helper in helpers[:3]] == [[b"1 " + TEMPORARY]] * 3
