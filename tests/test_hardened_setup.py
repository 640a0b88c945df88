"""The hardened set-up of docs/security.md: its commands and its configuration work as they stand there."""

from __future__ import annotations

import re
import subprocess
import sys
from pathlib import Path

from tests.needs import needs_mounts
from tests.ordinary_user import rights_to_run_python
from tests.paths import ROOT

SECTION = (ROOT / "docs" / "security.md").read_text().split("## A hardened set-up\n")[1]
REQUESTS = r"1 VRFY alice@example.com open sesame\n2 VRFY alice@example.com x\n3 SASL(CRAM-MD5) alice@example.com x y\n"
SCRIPT = """\
set -eu
cp -a /etc {folder}/etc  # this machine keeps its own files: the mounts end with the script
rm -rf {folder}/etc/extauth
sed -i '/^extauth:/d' {folder}/etc/passwd {folder}/etc/shadow {folder}/etc/group {folder}/etc/gshadow
mount --bind {folder}/etc /etc
mkdir {folder}/log
mount --bind {folder}/log /var/log
{user}
{folders}
cp {folder}/extauth.toml /etc/extauth/
{{
{passwords}
}} <{folder}/password
{check}
printf '{requests}' | {serve}
stat -c '%n %a %U %G' /etc/extauth /etc/extauth/* /var/log/extauth /var/log/extauth/*
setpriv --reuid=extauth --regid=extauth --init-groups head -c 1 /etc/extauth/extauth.toml /etc/extauth/passwd >/dev/null
for file in /etc/extauth/passwd /var/log/extauth/extauth.log; do
    ! setpriv --reuid=nobody --regid=nogroup --clear-groups cat $file
done
cat /var/log/extauth/extauth.log
"""


def _blocks(language: str) -> list[str]:
    return re.findall(rf"^```{language}\n(.*?)^```$", SECTION, re.DOTALL | re.MULTILINE)


@needs_mounts
def test_the_hardened_set_up_works_as_the_page_shows_it(tmp_path: Path) -> None:
    (configuration,) = _blocks("toml")
    (tmp_path / "extauth.toml").write_text(configuration)
    (tmp_path / "password").write_text("open sesame\n")
    (serve,) = re.findall(r"^    (/usr/bin/setpriv .*)$", SECTION, re.MULTILINE)
    user, folders, passwords, check = _blocks("sh")
    rights = " ".join(["--init-groups", *rights_to_run_python()])
    check, serve = check.replace("--init-groups", rights), serve.replace("--init-groups", rights)
    script = SCRIPT.format(
        folder=tmp_path, user=user, folders=folders, passwords=passwords, check=check, serve=serve, requests=REQUESTS
    ).replace("/opt/extauth", sys.prefix)
    done = subprocess.run(
        ["unshare", "--mount", "sh", "-c", script], capture_output=True, text=True, check=False, timeout=60
    )
    assert done.returncode == 0, done.stdout + done.stderr
    assert {"1 OK", "2 ERROR incorrect password", "3 ERROR unsupported SASL method"} <= set(done.stdout.splitlines())
    for line in (
        "/etc/extauth 750 root extauth",
        "/etc/extauth/extauth.toml 640 root extauth",
        "/etc/extauth/passwd 640 root extauth",
        "/var/log/extauth 2750 extauth adm",
        "/var/log/extauth/extauth.log 640 extauth adm",
    ):
        assert line in done.stdout.splitlines()
    assert "account=alice@example.com command=VRFY verdict=OK" in done.stdout
    assert done.stderr.count("Permission denied") == 2
