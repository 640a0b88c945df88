"""`extauth check`: self-tests of backends, and no side effects."""

from __future__ import annotations

from tests.chain.support import PLUGIN
from tests.helper import Site


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
    assert done.stdout.decode().splitlines()[:-2] == [
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
