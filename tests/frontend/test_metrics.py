"""The metrics: what Prometheus and node_exporter get, and the examples for them."""

from __future__ import annotations

import json
import re
import shutil
import socket
import subprocess
import urllib.request
from pathlib import Path

import pytest

from tests.administration import OK, WRONG, command, configure, serve, status_server
from tests.backends.ldap.slapd import free_port
from tests.helper import PATIENCE, Site, clean_exit, wait_until
from tests.paths import ROOT

MONITORING = ROOT / "examples" / "monitoring"


def fetch(port: int) -> str:
    """Return what Prometheus gets; nothing if nobody listens."""
    try:
        with urllib.request.urlopen(f"http://127.0.0.1:{port}/metrics", timeout=5) as answer:
            return str(answer.read().decode())
    except OSError:
        return ""


def promtool(*arguments: str | Path, input: str | None = None) -> None:
    done = subprocess.run(["promtool", *arguments], input=input, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr


def test_metrics_are_valid_and_serve_the_examples(site: Site) -> None:
    port = free_port()
    textfile = site.folder / "extauth.prom"
    metrics = f'[metrics]\nlisten = "127.0.0.1:{port}"\ntextfile = "extauth.prom"\n'
    configure(site, sections=f"{metrics}[cache]\n[throttle]")
    helper = serve(site)
    assert helper.ask(OK) == b"OK"
    assert helper.ask(WRONG).startswith(b"ERROR")
    wrong = 'extauth_backend_requests_total{backend="files",verdict="PASSWORD_MISMATCH"} 1.0\n'
    wait_until(lambda: wrong in fetch(port), "both requests in the metrics")
    text = fetch(port)
    promtool("check", "metrics", input=text)
    assert 'extauth_requests_total{command="VRFY",verdict="OK"} 1.0\n' in text
    assert "extauth_request_duration_seconds_count 2.0\n" in text
    for example in ("extauth.rules.yml", "extauth.dashboard.json"):
        used = set(re.findall(r"\bextauth_\w+", (MONITORING / example).read_text()))
        assert {name for name in used if not re.search(rf"^{name}\b", text, re.MULTILINE)} == set()
    wait_until(lambda: textfile.exists() and "extauth_requests_total{" in textfile.read_text(), "the textfile")
    assert textfile.stat().st_mode & 0o7777 == 0o644
    with clean_exit(helper):
        helper.close()
    assert not textfile.exists()


def test_silent_client_of_the_metrics_takes_no_thread(site: Site) -> None:
    port = free_port()
    configure(site, sections=f'[metrics]\nlisten = "127.0.0.1:{port}"')
    helper = serve(site)
    wait_until(lambda: "extauth_workers" in fetch(port), "the metrics")
    threads = Path(f"/proc/{status_server(helper)}/task")
    before = len(list(threads.iterdir()))
    address = ("127.0.0.1", port)
    with socket.create_connection(address), socket.create_connection(address, timeout=PATIENCE) as silent:
        assert "extauth_workers" in fetch(port)
        assert silent.recv(1) == b""  # it was disconnected
        assert len(list(threads.iterdir())) == before
    with clean_exit(helper):
        helper.close()


def test_second_helper_cannot_listen_and_says_so(site: Site) -> None:
    port = free_port()
    configure(site, sections=f'[metrics]\nlisten = "127.0.0.1:{port}"')
    serve(site)
    wait_until(lambda: "extauth_workers" in fetch(port), "the metrics")
    second = serve(site)
    second.wait_for_information("metrics.listen: .*Address already in use; there are no metrics over HTTP")
    assert second.ask(OK) == b"OK"
    check = command(site, "status", "--check")
    assert (check.returncode, b"metrics.listen" in check.stdout) == (1, True)


@pytest.mark.parametrize("listen", ["9110", "localhost:9110", "127.0.0.1:0", "127.0.0.1:99999"])
def test_wrong_address_is_refused(site: Site, listen: str) -> None:
    configure(site, sections=f'[metrics]\nlisten = "{listen}"')
    done = command(site, "check")
    assert done.returncode == 1
    assert f"metrics.listen = '{listen}': must be an IP address and a port".encode() in done.stdout + done.stderr


def test_example_rules_fire_when_they_should(tmp_path: Path) -> None:
    shutil.copy(MONITORING / "extauth.rules.yml", tmp_path)
    shutil.copy(MONITORING / "prometheus.yml", tmp_path)
    shutil.copy(Path(__file__).with_name("rules_test.yml"), tmp_path)
    promtool("check", "rules", tmp_path / "extauth.rules.yml")
    promtool("check", "config", tmp_path / "prometheus.yml")
    promtool("test", "rules", tmp_path / "rules_test.yml")


def test_example_dashboard_is_json_with_panels() -> None:
    dashboard = json.loads((MONITORING / "extauth.dashboard.json").read_text())
    assert len({panel["id"] for panel in dashboard["panels"]}) == len(dashboard["panels"]) > 5
