"""SIGHUP: the helper loads its configuration, its plugins and its files again."""

from __future__ import annotations

import itertools
import os
import signal
from pathlib import Path

import pytest

from tests.helper import Site, clean_exit, send_sighup, wait_for_exit, wait_for_serving, wait_until
from tests.plugins import ScriptedSite, bobs_request, plugin, scripted_request


def test_sighup_loads_new_configuration_and_plugins(scripted: ScriptedSite) -> None:
    helper = scripted.serve()
    apop = b"1 SASL(APOP) bob@example.org 00 <1@example.org>"
    assert helper.ask(apop) == b"ERROR incorrect password"
    assert helper.ask(scripted_request(2, "yes")) == b"OK"
    scripted.configure(sections="[sasl]\nmechanisms = []")
    backend = (scripted.site.folder / "scripted_backend.py").read_text()
    scripted.site.write("scripted_backend.py", backend.replace("else Verdict.OK", "else Verdict.USER_DISABLED"))
    send_sighup(helper)
    helper.wait_for_information("serving")
    assert helper.ask(apop) == b"ERROR unsupported SASL method"
    assert helper.ask(scripted_request(2, "yes")) == b"ERROR incorrect password"
    assert helper.end() == 0


def test_sighup_during_the_start_does_no_harm(scripted: ScriptedSite) -> None:
    scripted.configure()
    helper = scripted.site.serve(umask=0)
    wait_until(lambda: _umask(helper.process.pid) == "0077", "the first thing that the helper does")
    helper.process.send_signal(signal.SIGHUP)
    assert helper.ask(bobs_request(1)) == b"OK"
    assert helper.end() == 0


def _umask(process: int) -> str:
    """Return the umask of a process in octal digits."""
    lines = Path(f"/proc/{process}/status").read_text().splitlines()
    return next(line.split()[1] for line in lines if line.startswith("Umask:"))


def test_a_changed_file_is_loaded_though_a_reload_fails(site: Site) -> None:
    site.write("passwd", site.ACCOUNTS)
    site.configure()
    helper = site.serve()
    helper.wait_for_information("serving")
    site.configure("[[backend]")
    site.write("passwd", "carol@example.com:{PLAIN}new\n")
    while not any("changed: " in line for line in helper.information):  # so that a reload is due at that moment
        helper.process.send_signal(signal.SIGHUP)
        helper.read_for(0.01)
    numbers = itertools.count()
    wait_until(lambda: helper.ask(b"%d VRFY carol@example.com new" % next(numbers)) == b"OK", "the changed file")
    assert helper.end() == 0


def test_requests_under_way_finish_in_their_own_generation(scripted: ScriptedSite) -> None:
    helper = scripted.serve()
    helper.send(scripted_request(1, "wait"))
    before = scripted.wait_for("wait")
    (old_supervisor,) = helper.processes("supervisor")
    send_sighup(helper)
    helper.wait_for_information("serving")
    assert helper.ask(scripted_request(2, "yes")) == b"OK"
    assert scripted.processes("yes") != before
    scripted.release()
    assert helper.reply(b"1") == b"OK"
    wait_for_exit([old_supervisor, *before])
    assert set(before) <= set(scripted.processes("close"))
    assert helper.end() == 0


@pytest.mark.parametrize(
    ("name", "content", "error"),
    [
        ("extauth.toml", "[server", "extauth.toml: is not TOML"),
        (
            "extauth.toml",
            f"a = {'1' * 5_000}",
            "extauth.toml: cannot be read (ValueError); perhaps a number is too long",
        ),
        ("extauth.toml", "[helper]\nwokers = 1", "helper.wokers: unknown key; did you mean workers?"),
        ("scripted_backend.py", "import nothing_of_this_name", "No module named 'nothing_of_this_name'"),
        ("scripted_backend.py", "import os\nos._exit(0)", "the process that loads it died"),
    ],
)
def test_failed_reload_is_reported_and_changes_nothing(
    scripted: ScriptedSite, name: str, content: str, error: str
) -> None:
    helper = scripted.serve()
    good = (scripted.site.folder / name).read_text()
    scripted.site.write(name, content)
    send_sighup(helper)
    assert error in helper.wait_for_information("keeping the previous configuration")
    assert helper.ask(scripted_request(1, "yes")) == b"OK"
    scripted.site.write(name, good)
    send_sighup(helper)
    helper.wait_for_information("serving")
    assert helper.ask(scripted_request(2, "yes")) == b"OK"
    with clean_exit(helper):
        helper.close()


@pytest.mark.parametrize("broken", [False, True], ids=["valid configuration", "invalid configuration"])
def test_sighup_reopens_the_log_file(scripted: ScriptedSite, broken: bool) -> None:
    helper = scripted.serve(sections='[log]\nfile = "log"')
    log, rotated = scripted.site.folder / "log", scripted.site.folder / "log.1"
    assert helper.ask(bobs_request(1)) == b"OK"
    wait_until(lambda: log.exists() and "bob@example.org" in log.read_text(), "a record")
    log.rename(rotated)
    if broken:
        scripted.site.configure("[server")
    send_sighup(helper)
    helper.wait_for_information("keeping the previous configuration" if broken else "serving")
    assert helper.ask(scripted_request(2, "no")) == b"ERROR incorrect password"
    wait_until(lambda: log.exists() and "alice@example.com" in log.read_text(), "a record in the new file")
    assert "alice@example.com" not in rotated.read_text()
    assert helper.end() == 0


def test_many_sighups_lose_no_request_and_leave_no_process(scripted: ScriptedSite) -> None:
    helper = scripted.serve()
    scripted.site.write(
        "scripted_backend.py", f"open({str(scripted.site.folder / 'gate')!r}).read()"
    )  # loading it hangs
    for number in range(100):
        helper.process.send_signal(signal.SIGHUP)
        assert helper.ask(bobs_request(number)) == b"OK"
    with clean_exit(helper):
        helper.close()


def load_at_the_gate(scripted: ScriptedSite) -> None:
    """Change the backend: loading it now waits for a release."""
    source = (
        f"{plugin('scripted_backend.py')}\nopen({str(scripted.site.folder / 'gate')!r}, 'rb', buffering=0).read(1)\n"
    )
    scripted.site.write("scripted_backend.py", source)


def test_sighup_does_not_interrupt_a_reload_under_way(scripted: ScriptedSite) -> None:
    helper = scripted.serve()
    assert helper.ask(bobs_request(0)) == b"OK"
    before = set(helper.processes("supervisor") + helper.processes("worker"))
    load_at_the_gate(scripted)
    for number in range(5):
        send_sighup(helper)
        assert helper.ask(bobs_request(number)) == b"OK"
    for _ in range(2):  # one reload for the first signal, one for the others
        helper.information.clear()
        scripted.release()
        helper.wait_for_information("serving")
    assert helper.ask(scripted_request(1, "yes")) == b"OK"
    wait_for_exit([*before])
    wait_until(lambda: len(helper.processes("supervisor")) == 1, "the end of the old generations")
    with clean_exit(helper):
        helper.close()


def test_number_of_old_generations_is_limited(scripted: ScriptedSite) -> None:
    helper = scripted.serve(settings="workers = 1\ndeadline = 60")
    for number in range(8):
        helper.send(scripted_request(number, "wait"))
        scripted.wait_for("wait", number + 1)
        send_sighup(helper)
        helper.wait_for_information("serving")
    scripted.configure(settings="workers = 1\ndeadline = 60", sections="[sasl]\nmechanisms = []")
    send_sighup(helper)
    for number in range(20):
        assert helper.ask(b"%d VRFY bob@example.org password" % number) == b"OK"
    assert not [line for line in helper.information if "serving" in line]
    assert len(helper.processes("supervisor")) == 9
    scripted.site.write("passwd", "bob@example.org:{PLAIN}new\n")
    helper.wait_for_information("changed: ")
    scripted.release(8)
    helper.wait_for_information("serving")
    assert helper.ask(b"a SASL(APOP) bob@example.org 00 <1@example.org>") == b"ERROR unsupported SASL method"
    assert helper.ask(b"b VRFY bob@example.org new") == b"OK"
    with clean_exit(helper):
        helper.close()


def test_killed_reload_is_tried_again(scripted: ScriptedSite) -> None:
    helper = scripted.serve()
    assert helper.ask(bobs_request(0)) == b"OK"
    before = set(helper.processes("supervisor"))
    load_at_the_gate(scripted)
    send_sighup(helper)
    wait_until(lambda: len(helper.processes("supervisor")) == 2, "a second supervisor")
    (loading,) = set(helper.processes("supervisor")) - before
    os.kill(loading, signal.SIGKILL)
    helper.wait_for_information("the process that loads it died")
    scripted.release()
    helper.wait_for_information("serving")
    assert helper.ask(scripted_request(1, "yes")) == b"OK"
    with clean_exit(helper):
        helper.close()


def test_dead_supervisor_is_replaced_soon_after_a_failed_reload(
    scripted: ScriptedSite,
) -> None:
    helper = scripted.serve(settings="workers = 1\ndeadline = 5")
    assert helper.ask(bobs_request(0)) == b"OK"
    (supervisor,) = helper.processes("supervisor")
    load_at_the_gate(scripted)
    send_sighup(helper)
    wait_until(lambda: len(helper.processes("supervisor")) == 2, "a second supervisor")
    (loading,) = set(helper.processes("supervisor")) - {supervisor}
    os.kill(loading, signal.SIGKILL)
    helper.wait_for_information("the process that loads it died")
    scripted.release()
    os.kill(supervisor, signal.SIGKILL)
    helper.wait_for_information("the supervisor died")
    assert helper.ask(bobs_request(1)) == b"OK"
    assert helper.end() == 0


def test_sighup_replaces_a_failing_first_load(scripted: ScriptedSite) -> None:
    scripted.configure()
    folder = scripted.site.folder
    notes = f"open({str(folder / 'notes')!r}, 'a').write('loading 1\\n')\n"
    scripted.site.write(
        "scripted_backend.py", f"{notes}open({str(folder / 'gate')!r}, 'rb', buffering=0).read(1)\nraise ValueError\n"
    )
    helper = scripted.site.serve()
    scripted.wait_for("loading")
    scripted.site.write("scripted_backend.py", plugin("scripted_backend.py"))
    helper.wait_for_information("starts")
    send_sighup(helper)
    scripted.release()
    assert helper.ask(scripted_request(1, "yes")) == b"OK"
    assert helper.end() == 0


def test_folder_name_need_not_be_utf8(site: Site) -> None:
    odd = Site(site.folder / os.fsdecode(b"caf\xe9"))
    odd.folder.mkdir()
    odd.write("passwd", Site.ACCOUNTS)
    odd.configure(Site.BASIC + '[log]\nfile = "log"\n')
    helper = odd.serve()
    site.helpers.append(helper)
    assert helper.ask(b"1 VRFY alice@example.com open sesame") == b"OK"
    wait_until(lambda: "alice@example.com" in (odd.folder / "log").read_text(errors="replace"), "a record")
    odd.write("passwd", "alice@example.com:{PLAIN}new\n")
    wait_for_serving(helper, 2)
    assert helper.ask(b"1 VRFY alice@example.com new") == b"OK"
    assert helper.end() == 0
