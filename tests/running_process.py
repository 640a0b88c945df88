"""Run Python code inside a running process of the helper, from outside: gdb attaches to it.

Tests that use this are marked `needs_tracing`.
"""

from __future__ import annotations

import subprocess
from pathlib import Path

from tests.helper import PATIENCE, wait_until

_FINDER = Path(__file__).parent / "plugins" / "password_finder.py"
# the first lines: the SIGSTOP with which gdb attaches may come late. It would break off the call, and leave the process
# in it.
_SCRIPT = """\
set unwindonsignal on
handle SIGSTOP nostop noprint nopass
python
if not any(call in (gdb.newest_frame().name() or "") for call in ("poll", "recv")):
    raise gdb.GdbError("the process does not wait, so it cannot run other code now")
end
set $state = (int) PyGILState_Ensure()
print (int) PyRun_SimpleString({code})
call (void) PyGILState_Release($state)
"""


def run_inside(process: int, code: str, folder: Path) -> None:
    """Run Python code in the main thread of a process while it waits for events. `folder` is for the script of gdb."""
    script = folder / "script.gdb"
    script.write_text(_SCRIPT.format(code=_c_string(f"exec({code!r}, {{}})")))

    def has_run() -> bool:
        command = ["gdb", "-nx", "-batch", "-p", str(process), "-x", str(script)]
        done = subprocess.run(
            command, stdin=subprocess.DEVNULL, capture_output=True, text=True, check=False, timeout=PATIENCE
        )
        assert "ptrace: " not in done.stderr, done.stderr
        assert "$1 = -1" not in done.stdout, "the code raised an exception: see the standard error of the process"
        return "$1 = 0" in done.stdout

    wait_until(has_run, f"a moment at which process {process} waits")


def holds_marked_password(process: int, folder: Path) -> bool:
    """Return whether a process can still reach a password with the mark of `password_finder.py`."""
    found = folder / f"found-{process}"
    code = (
        f"finder = {{'__name__': 'finder'}}\n"
        f"exec(open({str(_FINDER)!r}).read(), finder)\n"
        f"found = finder['is_mark_reachable']()\n"
        f"with open({str(found)!r}, 'w') as file: file.write(str(found))\n"
    )
    run_inside(process, code, folder)
    return {"True": True, "False": False}[found.read_text()]


def _c_string(text: str) -> str:
    escaped = text.replace("\\", "\\\\").replace('"', '\\"')
    return f'"{escaped}"'
