"""The status server: it may die or hang, and the helper goes on."""

from __future__ import annotations

import os
import signal
import subprocess
import time
from pathlib import Path

import pytest

from tests.administration import OK, command, configure, serve, socket_of, status, status_server, stopped
from tests.helper import EXTAUTH, Helper, Site, clean_exit, send_sighup, stop_process, wait_for_serving, wait_until
from tests.plugins import ScriptedSite, scripted_request


def test_killed_status_server_is_replaced_and_knows_all_counts(site: Site) -> None:
    configure(site)
    helper = serve(site)
    assert helper.ask(OK) == b"OK"
    first = status_server(helper)
    os.kill(first, signal.SIGKILL)
    helper.wait_for_information("the status server died; another one starts in 0.25 s")
    assert helper.ask(OK) == b"OK"
    wait_until(lambda: helper.processes("status server") not in ([], [first]), "another status server")
    wait_until(lambda: command(site, "status").returncode == 0, "its socket")
    assert status(site)["replies"] == 2
    os.kill(status_server(helper), signal.SIGKILL)
    helper.wait_for_information("the status server died; another one starts in 0.5 s")


def test_hung_status_server_delays_the_end_under_five_seconds(scripted: ScriptedSite) -> None:
    helper = scripted.serve(settings='workers = 1\nrun_directory = "run"')
    process = status_server(helper)
    helper.send(scripted_request(1, "wait"))
    scripted.wait_for("wait")
    stop_process(process)
    started = time.monotonic()
    with clean_exit(helper):
        helper.close()
    assert time.monotonic() - started < 5
    assert helper.replies == [b"1 ERROR temporary failure"]


def test_hung_status_server_is_killed_and_replaced(site: Site) -> None:
    configure(site)
    helper = serve(site)
    first = status_server(helper)
    with stopped(first):
        helper.wait_for_information("the status server hangs; another one starts in 0.25 s")
        wait_until(lambda: helper.processes("status server") not in ([], [first]), "another status server")
    wait_until(lambda: command(site, "status").returncode == 0, "its socket")


def test_pid_file_has_the_frontend_and_goes_with_it(site: Site) -> None:
    configure(site, 'pid_file = "pid"')
    file = site.folder / "pid"
    file.write_text("1\n")  # of a process that is no helper
    helper = serve(site, umask=0)
    wait_until(lambda: file.exists() and file.read_text() == f"{helper.process.pid}\n", "the pid file")
    assert file.stat().st_mode & 0o7777 == 0o644
    with clean_exit(helper):
        helper.close()
    assert not file.exists()


def test_pid_file_of_a_running_helper_is_kept(site: Site) -> None:
    configure(site, 'pid_file = "pid"')
    file = site.folder / "pid"
    first = serve(site)
    wait_until(file.exists, "the pid file")
    second = serve(site)
    text = second.wait_for_information("helper.pid_file: ")
    assert f"belongs to the running helper {first.process.pid}" in text
    with clean_exit(second):
        second.close()
    assert file.read_text() == f"{first.process.pid}\n"


def test_pid_file_is_not_written_through_a_link(site: Site) -> None:
    configure(site, 'pid_file = "pid"')
    target = site.folder / "target"
    target.write_text("keep")
    (site.folder / "pid").symlink_to(target)
    helper = serve(site)
    assert "is a symbolic link" in helper.wait_for_information("helper.pid_file: ")
    assert b"helper.pid_file: " in command(site, "check").stdout
    assert target.read_text() == "keep"


def test_reload_says_what_is_served(site: Site) -> None:
    configure(site)
    helper = serve(site)
    configure(site, backends='[[backend]]\ntype = "files"\nname = "other"\npath = "passwd"\n')
    done = command(site, "reload")
    assert (done.returncode, done.stderr) == (0, b"")
    assert done.stdout.decode() == f"helper {helper.process.pid}: reloaded: other serves every domain\n"
    snapshot = status(site)["snapshot"]
    assert snapshot["reloads"]["done"] >= 1  # the password file is a new one, too
    assert [backend["name"] for backend in snapshot["backends"]] == ["other"]


def test_reload_of_a_broken_file_says_why(site: Site) -> None:
    configure(site)
    helper = serve(site)
    for text in ('workers = "many"\nrun_directory = "run"', 'run_directory = "run"\nnonsense = 1'):
        site.configure(f'[helper]\n{text}\n[[backend]]\ntype = "files"\npath = "passwd"\n')
        done = command(site, "reload")
        assert done.returncode == 1
        assert b"reload failed, keeping the previous configuration: " in done.stderr
        assert str(site.config).encode() in done.stderr
    assert helper.ask(OK) == b"OK"
    check = command(site, "status", "--check")
    assert check.returncode == 1
    assert b"reload failed" in check.stdout


def test_reload_without_a_helper_ends_with_three(site: Site) -> None:
    configure(site)
    done = command(site, "reload")
    assert done.returncode == 3
    assert b"no helper runs with" in done.stderr


def test_reload_does_not_repeat_known_warnings(site: Site) -> None:
    configure(site)
    site.write("passwd", "alice@example.com:{PLAIN}open sesame\nbroken\n")
    helper = serve(site)
    helper.wait_for_information("passwd, line 2")
    send_sighup(helper)
    assert helper.wait_for_information("serving with").endswith("; 1 warnings as before")
    assert not any("line 2" in line for line in helper.information)
    site.write("passwd", "alice@example.com:{PLAIN}open sesame\nbroken\nworse\n")
    helper.wait_for_information("passwd, line 3")
    assert not any("line 2" in line for line in helper.information)


def test_sigusr1_writes_a_summary(site: Site) -> None:
    configure(site, sections="[cache]\n[throttle]")
    helper = serve(site)
    assert helper.ask(OK) == b"OK"
    helper.process.send_signal(signal.SIGUSR1)
    helper.wait_for_information("summary: throttle: 0 delayed")
    helper.wait_for_information(rf"summary: extauth .*, pid {helper.process.pid}, runs for \d+ s; 1 replies")
    helper.wait_for_information("summary: VRFY: 1 OK")
    helper.wait_for_information("summary: backend files: 1 OK")
    helper.process.send_signal(signal.SIGUSR2)
    assert helper.ask(OK) == b"OK"


def verify(site: Site, password: bytes, *arguments: str) -> tuple[int, str]:
    done = command(site, "verify", "--running", "alice@example.com", *arguments, input=password + b"\n")
    return done.returncode, (done.stdout + done.stderr).decode()


@pytest.mark.parametrize("mechanism", [(), ("--sasl", "CRAM-MD5"), ("--sasl", "APOP")])
def test_verify_running_asks_the_helper(site: Site, mechanism: tuple[str, ...]) -> None:
    configure(site, sections="[cache]\n[log]\nmail_server_level = 'All Info'")
    helper = serve(site)
    code, text = verify(site, b"open sesame", *mechanism)
    assert code == 0
    assert "files: OK" in text
    assert "reply to the mail server: OK" in text
    code, text = verify(site, b"tell-tale", *mechanism)
    assert code == 1
    assert "files: PASSWORD_MISMATCH" in text
    helper.wait_for_information("account=alice@example.com .*verdict=PASSWORD_MISMATCH .*seq=verify:")
    assert helper.replies == []
    assert helper.ask(OK) == b"OK"
    assert "tell-tale" not in text + "".join(helper.information) + str(status(site))


def test_verify_running_uses_cache_and_throttle(site: Site) -> None:
    configure(site, sections="[cache]\n[throttle]\nfailures = 1\ndelay = 0.5\nlongest_delay = 0.5")
    helper = serve(site)
    assert helper.ask(OK) == b"OK"
    assert "from the cache" in verify(site, b"open sesame")[1]
    assert verify(site, b"wrong")[0] == 1
    assert verify(site, b"open sesame")[0] == 0
    assert status(site)["snapshot"]["throttle"]["delayed"] == 1


def test_verify_running_of_malformed_account_sends_mail_server_nothing(site: Site) -> None:
    configure(site)
    helper = serve(site)
    done = command(site, "verify", "--running", "alice", input=b"x\n")
    assert done.returncode == 1
    assert b"malformed request: the account has " in done.stdout
    assert helper.ask(OK) == b"OK"
    assert helper.replies == []


def test_answer_for_a_dead_status_server_reaches_no_other_client(scripted: ScriptedSite) -> None:
    site = scripted.site
    helper = scripted.serve(settings='workers = 1\ndeadline = 4\nrun_directory = "run"')
    wait_until(lambda: socket_of(site, helper).exists(), "the status socket")
    before = socket_of(site, helper).stat().st_mtime_ns

    def start(account: str) -> subprocess.Popen[bytes]:
        arguments = [*EXTAUTH, "verify", "--running", "-c", str(site.config), account]
        process = subprocess.Popen(arguments, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.PIPE)
        assert process.stdin is not None
        process.stdin.write(b"wait\n")
        process.stdin.close()
        return process

    first = start("alice@example.com")
    scripted.wait_for("wait")
    os.kill(status_server(helper), signal.SIGKILL)
    wait_until(lambda: _is_newer(socket_of(site, helper), before), "the socket of another status server")
    second = start("carol@example.com")
    with first, second:
        assert second.stdout is not None
        assert second.stdout.read().startswith(b"carol@example.com, VRFY")
        assert second.wait() == 75
        assert first.wait() in (3, 75)  # the deadline may be over before the status server is killed


def test_verify_running_without_a_helper_ends_with_three(site: Site) -> None:
    configure(site)
    assert verify(site, b"x")[0] == 3


def test_new_run_directory_is_used_after_a_reload(site: Site) -> None:
    configure(site, 'pid_file = "pid"')
    helper = serve(site)
    wait_until((site.folder / "pid").exists, "the pid file")
    site.configure('[helper]\nrun_directory = "other"\n[[backend]]\ntype = "files"\npath = "passwd"\n')
    send_sighup(helper)
    wait_for_serving(helper, 1)
    wait_until(lambda: _has_moved(site, helper), "the socket in the other folder")


def test_new_status_server_waits_until_the_old_one_ends(site: Site) -> None:
    configure(site)
    helper = serve(site)
    old = status_server(helper)
    with stopped(old):  # it would remove the socket of the new one
        configure(site, 'pid_file = "pid"')
        send_sighup(helper)
        wait_for_serving(helper, 1)
        wait_until(lambda: helper.processes("status server") != [old], "the end of the old one")
        assert old not in helper.processes("status server")
    wait_until((site.folder / "pid").exists, "the pid file of the new one")
    assert command(site, "status").returncode == 0


def _is_newer(path: Path, time_ns: int) -> bool:
    try:
        return path.stat().st_mtime_ns > time_ns
    except FileNotFoundError:  # the old one has been removed
        return False


def _has_moved(site: Site, helper: Helper) -> bool:
    new = site.folder / "other" / socket_of(site, helper).name
    return new.exists() and not socket_of(site, helper).exists() and not (site.folder / "pid").exists()
