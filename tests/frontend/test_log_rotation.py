"""The log is rotated by logrotate, with the file in examples/, while the helper writes to it."""

from __future__ import annotations

import os
import subprocess

from tests.helper import Site, wait_until
from tests.paths import ROOT


def test_no_record_is_lost_when_logrotate_rotates(site: Site) -> None:
    site.write("passwd", site.ACCOUNTS)
    site.configure(f'[log]\nlevel = "Low Level"\nfile = "log"\n{site.BASIC.partition(chr(10))[2]}')
    log, rotated = site.folder / "log", site.folder / "log.1"
    example = (ROOT / "examples" / "logrotate.conf").read_text().replace("/var/log/extauth.log", str(log))
    owner = f"{os.geteuid()} {os.getegid()}"
    settings = site.write("logrotate.conf", example.replace("create 0640 root root", f"create 0640 {owner}"), 0o644)
    helper = site.serve()
    assert helper.ask(b"1 VRFY alice@example.com open sesame") == b"OK"
    wait_until(lambda: log.exists() and "seq=1\n" in log.read_text(), "a record")
    rotate = ["/usr/sbin/logrotate", "--force", "--state", str(site.folder / "state"), str(settings)]
    done = subprocess.run(rotate, capture_output=True, text=True, check=False)
    assert (done.returncode, done.stderr) == (0, "")
    assert helper.ask(b"2 VRFY alice@example.com open sesame") == b"OK"
    assert helper.end() == 0
    assert [number for number in ("seq=1", "seq=2") if number in log.read_text()] == ["seq=2"]
    assert [number for number in ("seq=1", "seq=2") if number in rotated.read_text()] == ["seq=1"]
