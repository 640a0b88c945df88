"""A site's own backends: how they are found, what they are held to, and how little their bugs can do."""

from __future__ import annotations

import contextlib
import itertools
import os
import subprocess
import sys
import time
from collections.abc import Iterator

import pytest

from tests.helper import EXTAUTH, Helper, Site, is_alive, wait_until
from tests.plugins import Stage, plugin
from tests.plugins.answers import EMPTY, KNOWS, LEAKS, LOOKUP, VERIFY

TEMPORARY = b"ERROR temporary failure"
NEGATIVE = b"ERROR incorrect password"

# printf '<1@example.com>open sesame' | openssl dgst -md5
APOP = b"f8f7a1bb5f0c204cc1f7fead5fe1ee6b <1@example.com>"

# printf '<1@example.com>' | openssl dgst -md5 -hmac ''
CRAM_MD5_OF_NOTHING = b"dae31f2136f48abfc66a25907f64c9ae <1@example.com>"

OWN = """\
from extauth import Account, Backend, Secret, Settings, Verdict

class Own(Backend[Settings]):
    def verify_password(self, account: Account, password: Secret) -> Verdict:
        return Verdict.OK
"""


def configure(site: Site, type_name: str = "own.py:Own", more: str = "") -> None:
    site.configure(f'[[backend]]\ntype = "{type_name}"\n{more}\n')


def configure_one_worker(site: Site) -> None:
    configure(site, more="[helper]\nworkers = 1")


def test_check_has_backends_try_what_they_ask_and_says_what_came_of_it(site: Site) -> None:
    site.write(
        "own.py",
        OWN.replace("import Account", "import BackendUnavailable, Account")
        + """
    def self_test(self):
        self.log.info("%s tries", self.context.name)
        if self.context.name == "away":
            raise BackendUnavailable("nobody is there")
        if self.context.name == "broken":
            raise ValueError("a secret")
""",
    )
    site.configure(
        "".join(f'[[backend]]\ntype = "own.py:Own"\nname = "{name}"\n' for name in ("well", "away", "broken"))
    )
    done = site.run("check", "-c", str(site.config))
    assert (done.returncode, done.stderr) == (0, b"")
    assert done.stdout.decode().splitlines()[:-1] == [
        "well serves every domain",
        "well tries",
        "away serves every domain",
        "away tries",
        "nobody is there",
        "broken serves every domain",
        "broken tries",
        f"ValueError at {site.folder}/own.py, line 12, in self_test",
    ]


# --- the contract -------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def answers(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Helper]:
    """A helper whose backend breaks its contract; its deadline is beyond every test's patience."""
    site = Site(tmp_path_factory.mktemp("answers"))
    site.write("answers.py", plugin("answers.py"))
    site.configure('[helper]\ndeadline = 60\n[[backend]]\ntype = "answers.py:Answers"\nreadplain = true\n')
    helper = site.serve()
    assert helper.ask(b"intf INTF 3") == b"INTF 3"
    yield helper
    try:
        assert helper.end() == 0
        assert helper.errors() == ""
    finally:
        helper.kill()


_numbers = itertools.count()


def ask(helper: Helper, request: bytes) -> bytes:
    """Ask under a number that no other test has: a reply that never came then may still come."""
    return helper.ask(b"%d %s" % (next(_numbers), request))


@pytest.mark.parametrize("password", VERIFY)
def test_what_is_no_verdict_is_temporary(answers: Helper, password: str) -> None:
    assert ask(answers, b"VRFY alice@example.com " + password.encode()) == TEMPORARY
    assert ask(answers, b"VRFY alice@example.com any") == b"OK"


@pytest.mark.parametrize("account", LOOKUP)
def test_what_is_no_stored_password_is_temporary(answers: Helper, account: str) -> None:
    assert ask(answers, b"SASL(APOP) %s@example.com %s" % (account.encode(), APOP)) == TEMPORARY
    assert ask(answers, b"SASL(APOP) alice@example.com " + APOP) == b"OK"
    assert ask(answers, b"READPLAIN %s@example.com" % account.encode()) == b"FAILURE not available"
    assert ask(answers, b"READPLAIN alice@example.com") == b'PLAIN "open sesame"'


@pytest.mark.parametrize("account", EMPTY)
def test_an_empty_stored_password_lets_nobody_in(answers: Helper, account: str) -> None:
    response = b"SASL(CRAM-MD5) %s@example.com " % account.encode() + CRAM_MD5_OF_NOTHING
    assert ask(answers, response) == NEGATIVE
    answers.wait_for_information(f"account={account}@example.com .*verdict=USER_DISABLED .*password is empty")
    assert ask(answers, b"READPLAIN %s@example.com" % account.encode()) == b"FAILURE not available"


@pytest.mark.parametrize("account", KNOWS)
def test_what_says_nothing_of_an_account_bounces_no_mail(answers: Helper, account: str) -> None:
    assert ask(answers, b"NEW %s@example.com" % account.encode()) == b"FAILURE temporary failure"
    assert ask(answers, b"NEW alice@example.com") == b"ERROR unknown account"


@pytest.mark.parametrize("account", LEAKS)
def test_no_password_comes_out_of_a_backend(site: Site, account: str) -> None:
    site.write("answers.py", plugin("answers.py"))
    site.configure("""\
[log]
mail_server_level = "All Info"
level = "All Info"
file = "log"
[[backend]]
type = "answers.py:Answers"
""")
    helper = site.serve()
    password = """'\\"ünsägbar"""
    assert helper.ask(f"1 VRFY {account}@example.com {password}".encode()) in (TEMPORARY, NEGATIVE)
    assert helper.end() == 0
    log = (site.folder / "log").read_text()
    assert f"account={account}@example.com" in log
    for told in (*helper.information, log, helper.errors()):
        assert "gbar" not in told


def test_the_log_says_what_a_backend_did_and_where(answers: Helper) -> None:
    ask(answers, b"VRFY alice@example.com True")
    answers.wait_for_information("backend=Answers .*verify_password returned bool")
    ask(answers, b"VRFY alice@example.com an exception without a message")
    answers.wait_for_information(r"backend=Answers .*Unspeakable at .*answers\.py, line \d+")


@pytest.mark.parametrize("more", ["", "    concurrency_per_thread = 4\n", "    verify_fast = verify_password\n"])
def test_a_thread_that_fails_takes_its_worker_along_and_nobody_waits_for_it(site: Site, more: str) -> None:
    site.write("own.py", _UNSPEAKABLE + more)
    configure_one_worker(site)
    helper = site.serve()
    for number in range(2):
        assert helper.ask(b"%d VRFY alice@example.com say it" % number) == TEMPORARY
        assert helper.ask(b"%d VRFY alice@example.com x" % number) == b"OK"
    thread = "main" if "fast" in more else "Own-[0-3]"
    helper.wait_for_information(
        f"thread {thread} failed: ValueError at .*own.py, line 5, in __bool__; ending this worker"
    )
    helper.wait_for_information("account=alice@.*worker 1, which had the request, ended with status 1")


_UNSPEAKABLE = """\
from extauth import Backend, BackendUnavailable, Settings, Verdict

class Text(str):
    def __bool__(self):
        raise ValueError

class Unspeakable(BackendUnavailable):
    def __str__(self):
        return Text("x")

class Own(Backend[Settings]):
    def verify_password(self, account, password):
        if password.matches("say it"):
            raise Unspeakable
        return Verdict.OK

    def verify_in_steps(self, account, password):
        return self.verify_password(account, password)
        yield

"""


def test_one_thread_is_one_request_at_a_time(stage: Stage) -> None:
    stage.site.write("obeys.py", plugin("obeys.py").replace("def open(", "concurrency = 1\n\n    def open("))
    helper = stage.serve()
    helper.send(*(b"%d VRFY alice@example.com wait" % number for number in range(3)))
    for number in range(1, 4):
        stage.wait_for("wait", number)
        assert helper.ask(b"x VRFY bob@example.org password") == b"OK"
        assert len(stage.processes("wait")) == number
        stage.release()
    assert sorted(helper.wait_for_replies(3)) == [b"0 OK", b"1 OK", b"2 OK"]
    assert helper.end() == 0


def test_a_backend_is_opened_and_closed_once_in_each_worker(stage: Stage) -> None:
    helper = stage.serve(server="workers = 2")
    helper.send(*(b"%d VRFY alice@example.com yes" % number for number in range(100)))
    helper.wait_for_replies(100)
    _, *workers = helper.descendants()
    assert helper.end() == 0
    assert sorted(stage.processes("open")) == sorted(stage.processes("close")) == sorted(workers)


def test_a_backend_that_cannot_connect_is_asked_again(site: Site) -> None:
    site.write(
        "own.py",
        OWN
        + """
    def open(self) -> None:
        from extauth import BackendUnavailable
        from pathlib import Path
        if not (Path(__file__).parent / "up").exists():
            raise BackendUnavailable("nobody listens")
""",
    )
    configure(site)
    helper = site.serve()
    assert helper.ask(b"1 VRFY alice@example.com x") == TEMPORARY
    (site.folder / "up").touch()
    wait_until(lambda: helper.ask(b"2 VRFY alice@example.com x") == b"OK", "an attempt that succeeds")
    assert helper.end() == 0


@pytest.mark.parametrize(
    ("quick", "reply"),
    [
        ("Verdict.OK", b"OK"),
        ("Verdict.PASSWORD_MISMATCH", NEGATIVE),
        ("Verdict.USER_DISABLED.because('on leave')", NEGATIVE),
        ("None", b"OK"),  # as verify_password says
        ("True", TEMPORARY),
        ("1 / 0", TEMPORARY),
        ("sys.exit()", TEMPORARY),
        ("exec('raise BackendUnavailable')", TEMPORARY),
        ("exec('raise TemporaryFailure')", TEMPORARY),
    ],
)
def test_what_a_backend_says_if_it_is_quick_counts(site: Site, quick: str, reply: bytes) -> None:
    site.write(
        "own.py",
        f"import sys\nfrom extauth import BackendUnavailable, TemporaryFailure\n{OWN}\n"
        f"    def verify_fast(self, account: Account, password: Secret):\n        return {quick}\n",
    )
    configure_one_worker(site)
    helper = site.serve()
    helper.ask(b"0 VRFY alice@example.com x")  # it may come before the backend is open, and go to a thread
    for number in range(1, 4):
        assert helper.ask(b"%d VRFY alice@example.com x" % number) == reply
    assert helper.end() == 0


def test_who_is_quick_and_who_is_not_may_come_together(site: Site) -> None:
    site.write(
        "own.py",
        OWN + "\n    def verify_fast(self, account: Account, password: Secret):\n"
        "        return {'a': Verdict.OK, 'b': Verdict.PASSWORD_MISMATCH, 'd': None}[account.name]\n",
    )
    configure_one_worker(site)
    helper = site.serve()
    expected = {"a": b"OK", "b": NEGATIVE, "c": TEMPORARY, "d": b"OK"}  # of `c` it knows nothing, which is a bug
    assert helper.ask(b"0 VRFY d@example.com x") == b"OK"
    names = "abcddcba" * 25
    helper.send(*(b"%d VRFY %s@example.com x" % (n, name.encode()) for n, name in enumerate(names, 1)))
    replies = dict(line.split(b" ", 1) for line in helper.wait_for_replies(len(names)))
    assert [replies[b"%d" % n] for n in range(1, len(names) + 1)] == [expected[name] for name in names]
    assert helper.end() == 0


# --- how they are found -------------------------------------------------------------------------------

VAULT = '''\
from __future__ import annotations

import dataclasses
from pathlib import Path

from extauth import Account, Backend, Secret, Settings, Verdict


@dataclasses.dataclass
class Words:
    """Types that are looked up by name, in the module that they are in."""

    words: list[str]


class VaultSettings(Settings, frozen=True):
    words: Path
    folded: bool = False


class Vault(Backend[VaultSettings]):
    Settings = VaultSettings

    def load(self) -> None:
        self.known = Words(self.read_file(self.settings.words).decode().split())

    def verify_password(self, account: Account, password: Secret) -> Verdict:
        word = password.reveal().decode()
        if self.settings.folded:
            word = word.lower()
        return Verdict.OK if word in self.known.words else Verdict.PASSWORD_MISMATCH
'''


@pytest.fixture
def vault(site: Site) -> Site:
    """A backend with settings, as a file and in a package."""
    site.write("backends/vault.py", VAULT)
    site.write("mine/__init__.py", "")
    site.write("mine/vault.py", VAULT)
    site.write("words", "sesame")
    return site


@pytest.mark.parametrize("type_name", ["backends/vault.py:Vault", "mine.vault:Vault"])
def test_a_file_or_a_package_beside_the_configuration_is_a_backend(vault: Site, type_name: str) -> None:
    configure(vault, type_name, 'words = "words"\nfolded = true')
    assert vault.session(b"1 VRFY alice@example.com SESAME", b"2 VRFY alice@example.com open") == [
        b"1 OK",
        b"2 " + NEGATIVE,
    ]


@pytest.mark.parametrize(
    ("settings", "told"),
    [
        ('words = "words"\nfoldet = true', "foldet: unknown key; did you mean folded?"),
        ('words = "words"\nfolded = "yes"', "folded = 'yes': must be true or false"),
        ("", "words: is missing"),
        ('words = "wrods"', "wrods: No such file"),
    ],
)
def test_settings_that_a_backend_does_not_take_are_refused(vault: Site, settings: str, told: str) -> None:
    configure(vault, "mine.vault:Vault", settings)
    assert told in refusal(vault)


def refusal(site: Site) -> str:
    """What a helper says that does not start: the reason, after it has said and served nothing else."""
    helper = site.serve()
    with contextlib.suppress(BrokenPipeError):  # it may have ended by now
        helper.send(b"1 VRFY alice@example.com x")
    assert helper.wait_for_end() == 1
    assert helper.replies == []
    reason = helper.errors()
    assert reason.startswith("extauth: ")
    assert reason.count("\n") == 1
    return reason


@pytest.mark.parametrize(
    ("source", "told"),
    [
        ("import nothing_of_this_name", "No module named 'nothing_of_this_name'"),
        ("x =", "own.py, line 1: invalid syntax"),
        ("x = '\0'", "own.py"),
        ("\n1 / 0", "ZeroDivisionError at {folder}/own.py, line 2"),
        ("raise SystemExit(0)", "SystemExit at {folder}/own.py, line 1"),
        (OWN.replace("Own", "Other"), "own.py has no backend Own; it has: Other"),
        ("class Own: pass", "own.py has no backend Own; it has: no backend"),
        ("Own = 1", "own.py has no backend Own"),
        (OWN + "    def __init__(self, *_): 1 / 0", "ZeroDivisionError at {folder}/own.py, line 6"),
        (OWN + "    def load(self): 1 / 0", "ZeroDivisionError at {folder}/own.py, line 6"),
        (OWN + "    def load(self): raise SystemExit", "SystemExit at {folder}/own.py, line 6"),
        (OWN + "    Settings = dict", "Own.Settings"),
        (OWN + "    concurrency = 0", "Own.concurrency"),
        (OWN + "    concurrency_per_thread = 0", "Own.concurrency_per_thread"),
        (OWN + "    concurrency_per_thread = 2", "verify_in_steps"),
        (OWN.replace("verify_password", "verify"), "verify_password"),
        ("print('1 OK', flush=True)\nimport os\nos.write(1, b'1 OK')\nos.write(2, b'x')\n1 / 0", "ZeroDivisionError"),
    ],
)
def test_a_backend_that_is_none_is_refused_by_file_key_and_value(site: Site, source: str, told: str) -> None:
    site.write("own.py", source)
    configure(site)
    reason = refusal(site)
    assert told.format(folder=site.folder) in reason
    assert f"{site.config}: [[backend]] number 1, type = 'own.py:Own'" in reason


def test_what_a_refused_backend_has_started_is_not_left(site: Site) -> None:
    child = site.folder / "child"
    start = "import pathlib, subprocess\nchild = subprocess.Popen(['sleep', '1000'])\n"
    site.write("own.py", f"{start}pathlib.Path({str(child)!r}).write_text(str(child.pid))\n1 / 0")
    configure(site)
    assert "ZeroDivisionError" in refusal(site)
    wait_until(lambda: not is_alive(int(child.read_text())), "the end of the child")


def test_a_backend_that_ends_the_process_while_it_is_loaded_is_refused(site: Site) -> None:
    site.write("own.py", "import os\nos._exit(0)")
    configure(site)
    assert f"{site.config}: " in refusal(site)


@pytest.mark.parametrize(
    ("type_name", "told"),
    [
        ("missing.py:Own", "missing.py: No such file"),
        ("folder.py:Own", "folder.py: is a folder; it must be a regular file"),
        ("missing:Own", "no module missing in the installation or in {folder}"),
        ("mine.missing:Own", "no module mine.missing"),
        ("own.py", "unknown backend"),
        (":Own", "unknown backend"),
        ("own.py:", "unknown backend"),
        ("flies", "did you mean files?"),
    ],
)
def test_a_type_that_names_no_backend_is_refused_by_file_key_and_value(site: Site, type_name: str, told: str) -> None:
    site.write("mine/__init__.py", "")
    (site.folder / "folder.py").mkdir()
    configure(site, type_name)
    reason = refusal(site)
    assert told.format(folder=site.folder) in reason
    assert f"{site.config}: [[backend]] number 1, type = '{type_name}'" in reason


@pytest.mark.parametrize(
    ("type_name", "unsafe"),
    [
        ("backends/vault.py:Vault", "backends/vault.py"),
        ("backends/vault.py:Vault", "backends"),
        ("mine.vault:Vault", "mine/vault.py"),
        ("mine.vault:Vault", "mine/__init__.py"),
        ("mine.vault:Vault", "mine"),
    ],
)
def test_a_backend_that_everyone_can_write_is_refused_unless_that_is_allowed(
    vault: Site, type_name: str, unsafe: str
) -> None:
    configure(vault, type_name, 'words = "words"')
    path = vault.folder / unsafe
    path.chmod(path.stat().st_mode | 0o002)
    assert f"{path}: this " in (reason := refusal(vault))
    assert f"run: chmod o-w {path}" in reason
    vault.configure("[helper]\nallow_unsafe_files = true\n" + vault.config.read_text())
    assert vault.session(b"1 VRFY alice@example.com sesame") == [b"1 OK"]


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
def test_no_backend_comes_from_the_working_directory_or_from_pythonpath(
    site: Site, python_path: str | None, folder: str, command: list[str]
) -> None:
    elsewhere = site.write("elsewhere/intruder.py", OWN).parent
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


def test_a_backend_that_hangs_while_it_is_loaded_does_not_hold_the_end(stage: Stage) -> None:
    folder = stage.site.folder
    note = f"import os\nwith open({str(folder / 'notes')!r}, 'a') as notes: notes.write(f'import {{os.getpid()}}\\n')\n"
    hang = f"open({str(folder / 'gate')!r}).read()\n"
    stage.configure()
    sources = [
        note + hang,
        note + "import ctypes\nctypes.PyDLL(None).pause()",
        "import subprocess\nsubprocess.Popen(['sleep', '1000'])\n" + note + hang,
        note + "os.closerange(0, 1024)\n" + hang,
    ]
    helpers = []
    for count, source in enumerate(sources, start=1):
        stage.site.write("obeys.py", source)
        helpers.append(stage.site.serve())
        helpers[-1].send(b"1 VRFY alice@example.com x")
        stage.wait_for("import", count)
    processes = [process for helper in helpers for process in helper.descendants()]
    told = time.monotonic()
    for helper in helpers:
        helper.close()
    ends = [helper.wait_for_end() for helper in helpers]
    assert time.monotonic() - told < 5
    assert ends == [0, 0, 0, 1]  # the last one's is taken for dead
    wait_until(lambda: not any(map(is_alive, processes)), "the end of every process")
    assert [helper.replies for helper in helpers[:3]] == [[b"1 " + TEMPORARY]] * 3
