"""`extauth check`: self-tests of backends, and no side effects."""

from __future__ import annotations

import json
import re

import pytest

from tests.chain.support import PLUGIN
from tests.helper import EXTAUTH, Site
from tests.needs import needs_root
from tests.ordinary_user import as_nobody, run_as_nobody


def test_check_runs_the_self_test_of_each_backend(site: Site) -> None:
    site.write(
        "own.py",
        PLUGIN.replace("import Account", "import BackendUnavailable, Account")
        + """
    def self_test(self):
        self.log.info("%s self-test", self.context.name)
        if self.context.name == "down":
            raise BackendUnavailable("connection refused")
        if self.context.name == "broken":
            raise ValueError("a secret")
""",
    )
    site.configure(
        "".join(f'[[backend]]\ntype = "own.py:Own"\nname = "{name}"\n' for name in ("good", "down", "broken"))
    )
    done = site.run("check", "-c", str(site.config))
    assert (done.returncode, done.stderr) == (0, b"")
    assert done.stdout.decode().splitlines()[:-3] == [
        "good serves every domain",
        "good self-test",
        "down serves every domain",
        "down self-test",
        "connection refused",
        "broken serves every domain",
        "broken self-test",
        f"ValueError at {site.folder}/own.py, line 12, in self_test",
    ]


def test_check_creates_no_log_file(site: Site) -> None:
    site.configure('[[backend]]\ntype = "files"\npath = "passwd"\n[log]\nfile = "log"\n')
    site.write("passwd", Site.ACCOUNTS)
    assert b"log.file" not in site.run("check", "-c", str(site.config)).stdout
    assert not (site.folder / "log").exists()


FILES = '[[backend]]\ntype = "files"\nname = "intern"\npath = "passwd"\n'


def test_check_shows_all_mistakes_at_once(site: Site) -> None:
    site.configure("""\
default_domain = "a b"
zzz = 3
[helper]
werkers = 2
deadline = "x"
[sasl]
mechanisms = ["apop"]
[log]
level = "nope"
[[backend]]
type = 3
[[backend]]
type = "files"
name = "intern"
domains = []
""")
    done = site.run("check", "-c", str(site.config))
    assert done.returncode == 1
    lines = done.stderr.decode().splitlines()
    for key in (
        "default_domain: 'a b'",
        "zzz: unknown key",
        "helper.werkers: unknown key",
        "helper.deadline = 'x'",
        "sasl.mechanisms: 'apop'",
        "log.level = 'nope'",
        "[[backend]] number 1, type = 3",
        "[[backend]] 'intern', domains = []",
    ):
        assert sum(line.startswith(f"extauth: {site.config}: {key}") for line in lines) == 1, key
    assert len(lines) == 8


def test_check_shows_mistakes_of_all_backends(site: Site) -> None:
    site.configure('[[backend]]\ntype = "flies"\n' + FILES.replace("path", "pth") + '[[backend]]\ntype = "none:B"\n')
    lines = site.run("check", "-c", str(site.config)).stderr.decode().splitlines()
    assert [line.split(", ")[0].rpartition(" ")[2] for line in lines] == ["1", "'intern'", "'intern'", "3"]


def test_exit_status_shows_a_domain_without_logins(site: Site) -> None:
    site.write("passwd", Site.ACCOUNTS + "locked@empty.example:!\n")
    site.configure(FILES + 'domains = ["example.com", "empty.example"]\n')
    done = site.run("check", "-c", str(site.config), "--strict")
    assert done.returncode == 3
    assert b"no account of empty.example can log in\n" in done.stdout
    assert b"passwd: 1 of 3 accounts cannot log in: " in done.stdout


def test_failing_backend_counts_unless_another_one_serves(site: Site) -> None:
    down = "    def self_test(self):\n        raise ValueError\n"
    site.write("own.py", PLUGIN + down)
    site.write("passwd", Site.ACCOUNTS)
    own = '[[backend]]\ntype = "own.py:Own"\n'
    site.configure(own)
    done = site.run("check", "-c", str(site.config))
    assert done.returncode == 3
    assert b"no account of domains that no [[backend]] names can log in\n" in done.stdout
    site.configure(own + FILES)
    assert site.run("check", "-c", str(site.config)).returncode == 0
    site.configure(own + FILES + "emergency = true\n")
    assert site.run("check", "-c", str(site.config)).returncode == 3


@pytest.mark.parametrize(
    ("accounts", "settings", "warning"),
    [
        ("bob@example.com:{SHA}W6ph5Mm5Pz8GgiULbPgzG37mj9g=", "", "no account can use CRAM-MD5 or APOP: "),
        (f"bob@example.com:{{CRAM-MD5}}{'00' * 32}", "", "no account can use APOP: "),
        (
            "bob@example.com:{PLAIN}x\nbob@example.org:{PLAIN}x\nmal@example.org:{PLAIN}x",
            'domains = ["example.com"]',
            "passwd: accounts of domains that this backend does not serve: example.org 2",
        ),
        (
            "bob:$1$abcdefgh$Y.Oi3rA3dnWNmwiiEPvZE.:1000:1000::/home/bob::\\n# end",
            "",
            'passwd: is read as format = "plain", but looks like format = "dovecot"',
        ),
        (
            "bob:$1$abcdefgh$Y.Oi3rA3dnWNmwiiEPvZE.:19000:0:99999:7:::",
            "",
            'passwd: is read as format = "plain", but looks like format = "shadow"',
        ),
        (
            "bob@example.com:{PLAIN}x",
            'domains = ["example.com"]\n',
            "extauth.toml: default_domain = 'typo.example': no backend serves this domain",
        ),
    ],
)
def test_strict_makes_an_exit_status_of_warnings(site: Site, accounts: str, settings: str, warning: str) -> None:
    site.write("passwd", accounts + "\n")
    default = 'default_domain = "typo.example"\n' if "typo" in warning else ""
    site.configure(default + FILES + settings)
    expected = 3 if "looks like" in warning else 0  # nobody can log in with such lines
    assert site.run("check", "-c", str(site.config)).returncode == expected
    done = site.run("check", "-c", str(site.config), "--strict", "--json")
    assert done.returncode == (expected or 4)
    assert [found for found in json.loads(done.stdout)["warnings"] if warning in found]


def test_json_has_mistakes_and_status(site: Site) -> None:
    site.configure("x = 1\n" + FILES)
    done = site.run("check", "-c", str(site.config), "--json")
    report = json.loads(done.stdout)
    assert (done.returncode, report["status"], done.stderr) == (1, 1, b"")
    assert "x: unknown key" in report["mistakes"][0]


def test_names_of_a_large_file_are_counted(site: Site) -> None:
    accounts = [f"user{number}@d{number % 2}.example:{{PLAIN}}x\n" for number in range(50_002)]
    site.write("passwd", "".join(accounts))
    site.configure(FILES + 'domains = ["d0.example"]\n')
    done = site.run("check", "-c", str(site.config))
    assert b"does not serve: d1.example 25001\n" in done.stdout


@pytest.mark.parametrize(
    ("account", "expected"),
    [
        ("Alice@example.com", ["alice@example.com: own cannot say: ", "alice@example.com: found in intern"]),
        ("bob", ["bob@example.com: own cannot say: ", "bob@example.com: found in intern, but cannot log in: locked"]),
        ("x@example.com", ["x@example.com: own cannot say: ", "x@example.com: unknown in intern"]),
        ("x@other.example", ["x@other.example: no backend serves other.example"]),
    ],
)
def test_check_looks_up_an_account_without_a_password(site: Site, account: str, expected: list[str]) -> None:
    site.write("passwd", "alice@example.com:{PLAIN}open sesame\nbob@example.com:!\n")
    site.write("own.py", PLUGIN)
    own = '[[backend]]\ntype = "own.py:Own"\nname = "own"\ndomains = ["example.com"]\n'
    site.configure(f'default_domain = "example.com"\n{own}{FILES}domains = ["example.com"]\n')
    done = site.run("check", "-c", str(site.config), "--account", account)
    found = [line for line in done.stdout.decode().splitlines() if line.startswith(expected[0].partition(":")[0])]
    assert len(found) == len(expected)
    assert all(line.startswith(start) for line, start in zip(found, expected, strict=True))


def test_check_reads_the_child_processes_manifesto(site: Site) -> None:
    site.write("passwd", Site.ACCOUNTS)
    site.configure(FILES)
    command = "check", "-c", str(site.config), "--base-directory", str(site.folder), "--strict"
    manifesto = site.folder / "Settings" / "ChildProcs.data"
    done = site.run(*command)
    assert done.returncode == 4
    assert f"{manifesto}: No such file or directory: CommuniGate Pro 6.4 does not start extauth; add the line " in (
        done.stdout.decode()
    )
    site.write("Settings/ChildProcs.data", "/usr/bin/other\n\n")
    done = site.run(*command)
    assert f"{manifesto}: no line is a prefix of {EXTAUTH[0]}: " in done.stdout.decode()
    site.write("Settings/ChildProcs.data", f"/usr/bin/other\n{EXTAUTH[0][:-2]}\n")
    assert f"{manifesto}: lists this program" in site.run(*command).stdout.decode()


@needs_root
def test_check_says_what_differs_for_another_user(site: Site) -> None:
    site.write("passwd", Site.ACCOUNTS)
    site.configure(FILES).chmod(0o644)
    for folder in [site.folder, *site.folder.parents[:3]]:
        folder.chmod(0o755)
    done = site.run("check", "-c", str(site.config), "--user", "nobody")
    assert done.returncode == 1
    assert re.match("extauth: as user nobody: .*: Permission denied: user nobody cannot ", done.stderr.decode())
    done = site.run("check", "-c", str(site.config), "--user", "root")
    assert (done.returncode, done.stderr) == (0, b"")
    assert b"as user root: the same\n" in done.stdout
    assert b"no user no-such" in site.run("check", "-c", str(site.config), "--user", "no-such").stderr


@needs_root
def test_user_needs_root_rights(site: Site, monkeypatch: pytest.MonkeyPatch) -> None:
    run_as_nobody(monkeypatch)
    done = site.run("check", "-c", str(site.config), "--user", "root")
    assert done.returncode == 2
    assert b"only root can become another user" in done.stderr


@needs_root
def test_permission_denied_names_the_user_and_the_right(site: Site, monkeypatch: pytest.MonkeyPatch) -> None:
    start = [word for word in as_nobody() if "dac_read_search" not in word]
    monkeypatch.setattr("tests.helper.EXTAUTH", [*start, *EXTAUTH])
    for folder in [site.folder, *site.folder.parents[:3]]:
        folder.chmod(0o755)
    if site.run("--version").returncode != 0:
        pytest.skip("needs a Python that all users can run; run: make test PYTHON=/usr/bin/python3")
    site.write("passwd", Site.ACCOUNTS)
    site.configure("[helper]\nallow_unsafe_files = true\n" + FILES).chmod(0o644)
    done = site.run("check", "-c", str(site.config))
    denied = "Permission denied: user nobody cannot "
    assert f"passwd: {denied}read this file, which belongs to root:root, mode 0600: r for all others is missing" in (
        done.stderr.decode()
    )
    closed = site.write("closed/passwd", Site.ACCOUNTS).parent
    closed.chmod(0o700)
    site.configure(FILES.replace("passwd", "closed/passwd")).chmod(0o644)
    assert f"closed/passwd: {denied}enter the folder {closed}, " in (
        site.run("check", "-c", str(site.config)).stderr.decode()
    )
    site.folder.chmod(0o700)
    done = site.run("check", "-c", str(site.config))
    assert f"extauth.toml: {denied}enter the folder {site.folder}, which belongs to root:root, mode 0700: x for" in (
        done.stderr.decode()
    )
