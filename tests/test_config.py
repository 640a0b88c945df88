"""The configuration file: refused values, error texts, and the output of the real program at its start."""

from __future__ import annotations

import os
import re
import time
from collections.abc import Callable
from pathlib import Path

import pytest

from extauth.chain import build_chain
from extauth.config import read_config
from extauth.errors import ConfigError
from extauth.version import VERSION
from tests.helper import Helper, Site

FILES = '[[backend]]\ntype = "files"\npath = "passwd"\n'
SECOND = '[[backend]]\ntype = "files"\nname = "second"\npath = "passwd"\n'
LOADS = """\
import extauth
class B(extauth.Backend):
    def verify_password(self, account, password): ...
    def load(self):
        """
FIRST_BACKEND = r"\[\[backend\]\] number 1, "


@pytest.mark.parametrize(
    ("text", "key_and_value", "correction"),
    [
        ("", r"has no \[\[backend\]\]", "docs/configuration.md"),
        ("x =", "is not TOML", "line 1|end of document"),
        ("a = 1\nb = c\n" + FILES, "is not TOML", "line 2"),
        ("a = 1\na = 2\n" + FILES, "is not TOML", "line 2"),
        (b"\n# caf\xe9\n" + FILES.encode(), "extauth.toml, line 2: byte 6", "UTF-8"),
        ("x = a.example\n" + FILES, "is not TOML.*: x = a.example; ", 'a text must stand in quotes: key = "text"'),
        ("[helper]\ndefault_domain = 'a.example'\n" + FILES, r"helper\.default_domain", "above the first"),
        (FILES + "lower_names = true\n", FIRST_BACKEND + "lower_names: unknown key", "above the first"),
        ("a = " + "1" * 5_000 + "\n" + FILES, r"extauth.toml: cannot be read \(ValueError\)", "number is too long"),
        ("a = 2026-02-30\n" + FILES, "extauth.toml: is not TOML", "line 1"),
        ("a = " + "[" * 5_000, "nested too deeply|is not TOML", ""),
        # the top level
        ("defualt_domain = 'a.example'\n" + FILES, "defualt_domain: unknown key", "did you mean default_domain"),
        ("default_domain = 3\n" + FILES, "default_domain = 3", "must be a string"),
        ("default_domain = ''\n" + FILES, "default_domain.*''", "host name such as example.com"),
        ("default_domain = 'a b'\n" + FILES, "default_domain.*'a b'", "host name such as example.com"),
        ("lower_names = 'no'\n" + FILES, "lower_names = 'no'", "must be true or false"),
        ("[hepler]\nworkers = 1\n" + FILES, "hepler: unknown key", "did you mean helper"),
        (
            "[zzz]\nworkers = 1\n" + FILES,
            "zzz: unknown key",
            "backend, cache, default_domain, handover, helper, log, lower_names, mail_server, metrics, new, provision",
        ),
        ("helper = 3\n" + FILES, "helper = 3", "table"),
        # [helper]
        ("[helper]\ndeadline = 0\n" + FILES, r"helper\.deadline = 0", ">= 0.1"),
        ("[helper]\ndeadline = -1\n" + FILES, r"helper\.deadline = -1", ">= 0.1"),
        ("[helper]\ndeadline = nan\n" + FILES, r"helper\.deadline = nan", ">= 0.1"),
        ("[helper]\ndeadline = inf\n" + FILES, r"helper\.deadline = inf", "<= 3600"),
        ("[helper]\ndeadline = 'x'\n" + FILES, r"helper\.deadline = 'x'", "must be a number"),
        ("[helper]\nworkers = 0\n" + FILES, r"helper\.workers = 0", ">= 1"),
        ("[helper]\nworkers = 257\n" + FILES, r"helper\.workers = 257", "<= 256"),
        ("[helper]\nworkers = 1.5\n" + FILES, r"helper\.workers = 1\.5", "must be a whole number"),
        ("[helper]\nworkers = true\n" + FILES, r"(?i)helper\.workers = true", "must be a whole number"),
        ("[helper]\nworker_memory = 1\n" + FILES, r"helper\.worker_memory = 1", ">= 64"),
        ("[helper]\nworkers = 0x" + "f" * 5_000 + "\n" + FILES, "a very long number", "must be a whole number"),
        ("[helper]\nallow_setuid = 1\n" + FILES, r"helper\.allow_setuid = 1", "must be true or false"),
        (
            "[helper]\nallow_unsafe_files = 'yes'\n" + FILES,
            r"helper\.allow_unsafe_files = 'yes'",
            "must be true or false",
        ),
        ("[helper]\ntemporary_reply = 'OK'\n" + FILES, r"helper\.temporary_reply = 'OK'", "one of 'ERROR', 'FAILURE'"),
        ("[helper]\ndedline = 3\n" + FILES, r"helper\.dedline: unknown key", "did you mean deadline"),
        # [sasl]
        ("[sasl]\nmechanisms = ['apop']\n" + FILES, r"sasl\.mechanisms.*'apop'", "CRAM-MD5, APOP"),
        ("[sasl]\nmechanisms = [1]\n" + FILES, r"sasl\.mechanisms\[0\] = 1", "must be a string"),
        ("[sasl]\nmechanisms = 'APOP'\n" + FILES, r"sasl\.mechanisms = 'APOP'", "must be a list"),
        ("[sasl]\nmechanism = []\n" + FILES, r"sasl\.mechanism: unknown key", "did you mean mechanisms"),
        # [new]
        ("[new]\nknown_is_enough = 'yes'\n" + FILES, r"new\.known_is_enough = 'yes'", "must be true or false"),
        ("[new]\nknown = true\n" + FILES, r"new\.known: unknown key", "known here: known_is_enough"),
        # [log]
        ("[log]\nlevel = 'problem'\n" + FILES, r"log\.level = 'problem'", "Major & Failures.*Problems.*Low Level"),
        ("[log]\nmail_server_level = 'Debug'\n" + FILES, r"log\.mail_server_level = 'Debug'", "Crashes Only.*All Info"),
        ("[log]\nsyslog = 'Mail'\n" + FILES, r"log\.syslog = 'Mail'", "mail.*local7"),
        ("[log]\nfile = 3\n" + FILES, r"log\.file = 3", "path"),
        ("[log]\nfile = ''\n" + FILES, r"log\.file = ''", "path"),
        ("[log]\nmode = 0o640\n" + FILES, r"log\.mode = 416", 'string of octal digits from "0600" to "0777"'),
        ("[log]\nmode = '0940'\n" + FILES, r"log\.mode = '0940'", "string of octal digits"),
        ("[log]\nmode = '0440'\n" + FILES, r"log\.mode = '0440'", 'from "0600" to "0777"'),
        ("[log]\nmode = 'rw-r-----'\n" + FILES, r"log\.mode = 'rw-r-----'", "string of octal digits"),
        ("[log]\nmode = ['0640']\n" + FILES, r"log\.mode = \[\.\.\.\]", "string of octal digits"),
        ("[server]\ndeadline = 3\n" + FILES, "extauth.toml: server: unknown key", r"its name is now \[helper\]$"),
        ("server.workers = 3\n" + FILES, "extauth.toml: server: unknown key", r"its name is now \[helper\]$"),
        ("[log]\nserver_level = ''\n" + FILES, r"log\.server_level: unknown key", "its name is now mail_server_level$"),
        ("[log]\nlevl = ''\n" + FILES, r"log\.levl: unknown key", "did you mean level"),
        ("deadline = 3\n" + FILES, "extauth.toml: deadline: unknown key", r"it belongs into \[helper\]$"),
        ("[log]\nttl = 3\n" + FILES, r"log\.ttl: unknown key", r"it belongs into \[cache\]$"),
        (FILES.replace("passwd", "{domian}"), FIRST_BACKEND + "path = ", "unknown placeholder {domian}; known is {dom"),
        ("[cache]\nsiez = 10\n" + FILES, r"cache\.siez: unknown key", "did you mean size"),
        ("[cache]\nsize = 100000000\n" + FILES, r"cache\.size = 100000000", "must be a whole number <= 10000000"),
        # [[backend]]
        ("[backend]\ntype = 'files'\npath = 'passwd'\n", "backend", r"\[\[backend\]\]"),
        ("backend = 'files'\n", "backend = 'files'", r"\[\[backend\]\]"),
        ("backend = [1]\n", r"backend = \[\.\.\.\]", r"\[\[backend\]\]"),
        ("[[backend]]\npath = 'passwd'\n", FIRST_BACKEND + "type: is missing", ""),
        ("[[backend]]\ntype = 'files'\n", FIRST_BACKEND + "path: is missing", ""),
        ("[[backend]]\ntype = 3\n", FIRST_BACKEND + "type = 3", "must be a string"),
        ("[[backend]]\ntype = 'flies'\n", FIRST_BACKEND + "type = 'flies'", "did you mean files"),
        ("[[backend]]\ntype = 'FILES'\n", FIRST_BACKEND + "type = 'FILES'", "did you mean files"),
        ("[[backend]]\ntype = 'ldap3'\n", FIRST_BACKEND + "type = 'ldap3'", "built in: .*files.*; your own: "),
        ("[[backend]]\ntype = 'nowhere.py:B'\n", FIRST_BACKEND + "type = 'nowhere.py:B'", "nowhere.py: No such file"),
        ("[[backend]]\ntype = 'nowhere:B'\n", FIRST_BACKEND + "type = 'nowhere:B'", "no module nowhere"),
        ("[[backend]]\ntype = 'extauth.backends.files:F'\n", FIRST_BACKEND, "has no backend F; it has: Files"),
        (FILES + SECOND + "zzz = 1\n", r"\[\[backend\]\] 'second', zzz: unknown key", "path"),
        (
            FILES + "name = 'second'\n" + SECOND,
            r"\[\[backend\]\] number 2, name = 'second'",
            "number 1 already has this name",
        ),
        (FILES + "name = 3\n", FIRST_BACKEND + "name = 3", "must be a string"),
        (FILES + "domain = ['a.example']\n", FIRST_BACKEND + "domain: unknown key", "did you mean domains"),
        (FILES + "domains = 'a.example'\n", FIRST_BACKEND + "domains = 'a.example'", "must be a list"),
        (FILES + "domains = []\n", FIRST_BACKEND + r"domains = \[\]", "name a domain, or remove the key"),
        (FILES + "domains = [3]\n", FIRST_BACKEND + r"domains\[0\] = 3", "must be a string"),
        (FILES + "domains = ['a.example', 'A.example']\n", FIRST_BACKEND + "domains: a.example", "listed twice"),
        (FILES + "domains = ['-x']\n", FIRST_BACKEND + "domains.*'-x'", "host name such as example.com"),
        (FILES + "readplain = 'yes'\n", FIRST_BACKEND + "readplain = 'yes'", "must be true or false"),
        # type = "files"
        (FILES + "pth = 'x'\n", FIRST_BACKEND + "pth: unknown key", "did you mean path"),
        (FILES + "format = 'htpasswd'\n", FIRST_BACKEND + "format = 'htpasswd'", "plain.*dovecot.*shadow"),
        (FILES + "default_scheme = 'MD6'\n", FIRST_BACKEND + "default_scheme = 'MD6'", "known are .*CRYPT"),
        ("[[backend]]\ntype = 'files'\npath = 3\n", FIRST_BACKEND + "path = 3", "must be a path"),
        ("[[backend]]\ntype = 'files'\npath = ''\n", FIRST_BACKEND + "path = ''", "must be a path"),
        ('[[backend]]\ntype = "files"\npath = "a\\u0000b"\n', FIRST_BACKEND + "path = ", "must be a path"),
        ("[[backend]]\ntype = 'files'\npath = '{domain}/{domain}'\n", FIRST_BACKEND + "path = .*{domain}", "once"),
        ("[[backend]]\ntype = 'files'\npath = 'nowhere'\n", "/nowhere", "No such file"),
        ("[[backend]]\ntype = 'files'\npath = 'nowhere/{domain}'\n", "/nowhere", "No such file"),
        ("[[backend]]\ntype = 'files'\npath = 'passwd/x'\n", "/passwd/x", "Not a directory"),
    ],
)
def test_an_error_names_file_key_value_and_correction(
    site: Site, text: str | bytes, key_and_value: str, correction: str
) -> None:
    site.write("passwd", Site.ACCOUNTS)
    site.write("extauth.toml", text)
    with pytest.raises(ConfigError) as caught:
        build_chain(read_config(site.config)).load()
    error = str(caught.value)
    assert error.startswith(str(site.folder))
    assert re.search(key_and_value, error)
    assert re.search(correction, error)
    assert not re.search(r"object|\| null", error)  # these are words of JSON, not of TOML


@pytest.mark.parametrize("section", ["[backend]", "[[helper.password]]", "[[backend]]\ntype = 'files'\n[backend.path]"])
def test_an_error_shows_no_secret_of_a_misplaced_section(site: Site, section: str) -> None:
    site.configure(f"{section}\nbind_password = 'SESAM'\n")
    done = site.run("check", "-c", str(site.config))
    assert done.returncode == 1
    assert b"extauth.toml: " in done.stderr
    assert b"SESAM" not in done.stderr


@pytest.mark.parametrize(
    ("make", "error"),
    [
        (lambda site: None, "extauth.toml: No such file"),
        (lambda site: site.config.mkdir(), "extauth.toml: is a folder; it must be a regular file"),
        (lambda site: os.mkfifo(site.config), "extauth.toml: is a FIFO; it must be a regular file"),
        (lambda site: site.configure(""), r"has no \[\[backend\]\]"),
        (lambda site: site.configure(FILES), "passwd: No such file"),
        (lambda site: site.configure("[[backend]]\ntype = 'gate.py:Gate'\n"), "gate.py: No such file"),
    ],
)
@pytest.mark.parametrize("command", ["serve", "check"])
def test_a_start_error_goes_to_standard_error_with_exit_status(
    site: Site, command: str, make: Callable[[Site], object], error: str
) -> None:
    make(site)
    done = site.run(command, "-c", str(site.config), input=b"1 VRFY alice@example.com x\n")
    assert done.returncode == 1
    assert re.search(f"^extauth: .*{error}", done.stderr.decode())
    assert done.stderr.count(b"\n") == 1
    assert not any(line.startswith(b"1 ") for line in done.stdout.splitlines())


@pytest.mark.parametrize("command", ["serve", "check"])
@pytest.mark.parametrize(
    "errors",
    [
        {
            "import nowhere": "No module named 'nowhere'",
            "x =": "plugin1.py, line 1: invalid syntax",
            "\n1 / 0": "ZeroDivisionError at .*plugin2.py, line 2",
            "class B: pass": "plugin3.py has no backend B; it has: no backend",
        },
        {
            LOADS + "{}['SESAM']": "KeyError at .*plugin0.py, line 5, in load",
            LOADS + "raise SystemExit('SESAM')": "SystemExit at .*plugin1.py, line 5, in load",
            LOADS + "raise extauth.ConfigError('no such table')": "no such table",
        },
    ],
    ids=["import", "load"],
)
def test_a_plugin_error_is_shown_with_place_but_without_message(
    site: Site, command: str, errors: dict[str, str]
) -> None:
    for number, source in enumerate(errors):
        site.write(f"plugin{number}.py", source + "\n")
    site.configure("".join(f"[[backend]]\ntype = 'plugin{number}.py:B'\n" for number in range(len(errors))))
    done = site.run(command, "-c", str(site.config))
    assert done.returncode == 1
    reasons = done.stderr.decode().split(f"{site.config}: ")[1:]
    for reason, error in zip(reasons, errors.values(), strict=True):
        assert re.search(error, reason)
    assert b"SESAM" not in done.stderr


def test_relative_paths_begin_at_the_configuration_file(site: Site) -> None:
    site.write("files/passwd", Site.ACCOUNTS)
    site.configure('[log]\nfile = "files/log"\n[[backend]]\ntype = "files"\npath = "files/passwd"\n')
    for name in (str(site.config), os.path.relpath(site.config, "/")):
        helper = Helper(Path(name), cwd="/")
        site.helpers.append(helper)
        assert helper.ask(b"1 VRFY bob@example.com password") == b"OK"
        assert helper.end() == 0
        assert (site.folder / "files/log").read_text().count("account=bob@example.com") == 1
        (site.folder / "files/log").unlink()


def test_the_start_logs_version_pid_and_domains_of_backends(site: Site) -> None:
    site.write("passwd", Site.ACCOUNTS)
    site.configure(
        "[helper]\nworkers = 1\n"
        + FILES
        + "domains = ['Example.COM', 'bücher.example']\n"
        + SECOND
        + "[[backend]]\ntype = 'files'\npath = 'passwd'\n"
    )
    helper = site.serve()
    started = helper.wait_for_information("starts")
    assert started == f"extauth {VERSION} starts, pid {helper.process.pid}, configuration {site.config}"
    assert helper.wait_for_information("serving") == (
        "serving with 1 worker: files serves example.com, xn--bcher-kva.example; "
        "second serves every domain; files-2 serves every domain"
    )


def test_check_prints_accounts_backends_and_mechanisms(site: Site) -> None:
    site.write("passwd", Site.ACCOUNTS)
    site.configure("[sasl]\nmechanisms = ['APOP']\n" + FILES + "domains = ['example.com']\n")
    done = site.run("check", "-c", str(site.config))
    assert (done.returncode, done.stderr) == (0, b"")
    assert done.stdout.decode().splitlines() == [
        f"{site.folder}/passwd: 2 accounts",
        "files serves example.com",
        f"{site.folder}/passwd: stored passwords that are quickly guessed: SHA 1",
        "mechanisms: APOP",
        "setuid programs: not allowed (helper.allow_setuid = false)",
    ]


def test_check_says_if_setuid_programs_are_allowed(site: Site) -> None:
    site.write("passwd", Site.ACCOUNTS)
    site.configure("[helper]\nallow_setuid = true\n" + FILES)
    done = site.run("check", "-c", str(site.config))
    assert b"\nsetuid programs: allowed (helper.allow_setuid = true)\n" in done.stdout


@pytest.mark.parametrize(
    ("count", "shown"),
    [(10, "d8.example, d9.example"), (11, "d9.example and 1 more"), (100, "d9.example and 90 more")],
)
def test_a_description_lists_ten_domains_at_most(site: Site, count: int, shown: str) -> None:
    site.write("passwd", Site.ACCOUNTS)
    site.configure(FILES + f"domains = {[f'd{number}.example' for number in range(count)]}\n")
    done = site.run("check", "-c", str(site.config))
    (line,) = [line for line in done.stdout.decode().splitlines() if line.startswith("files serves")]
    assert line.endswith(shown)


def test_a_helper_with_many_domains_starts_and_serves(site: Site) -> None:
    site.write("passwd", "alice:{PLAIN}x\n")
    site.configure(many_domains(20_000))
    helper = site.serve()
    assert helper.ask(b"1 VRFY alice@d19999.example x") == b"OK"
    assert helper.ask(b"2 VRFY alice@d20000.example x") == b"ERROR incorrect password"


def many_domains(count: int) -> str:
    """Return a configuration with two backends that serve so many domains."""
    domains = f"domains = {[f'd{number}.example' for number in range(count)]}\n"
    return FILES + domains + SECOND + domains


def test_the_time_to_load_grows_with_the_number_of_domains(site: Site) -> None:
    def seconds(count: int) -> float:
        site.configure(many_domains(count))
        times = []
        for _ in range(3):
            start = time.process_time()
            build_chain(read_config(site.config))
            times.append(time.process_time() - start)
        return min(times)

    assert seconds(20_000) < 16 * seconds(2_500)  # 8 times as many domains; quadratic code takes 64 times as long


def test_names_keep_upper_case_if_configured(site: Site) -> None:
    site.write("passwd", "Alice@example.com:{PLAIN}upper\nalice@example.com:{PLAIN}lower\n")
    site.configure("lower_names = false\n" + FILES)
    assert site.session(
        b"1 VRFY Alice@EXAMPLE.com upper", b"2 VRFY alice@example.com lower", b"3 VRFY ALICE@example.com lower"
    ) == [b"1 OK", b"2 OK", b"3 ERROR incorrect password"]


def test_byte_order_mark_before_the_configuration_is_skipped(site: Site) -> None:
    site.write("passwd", Site.ACCOUNTS)
    site.write("extauth.toml", b"\xef\xbb\xbf" + Site.BASIC.encode())
    assert site.session(b"1 VRFY alice open sesame") == [b"1 OK"]


@pytest.mark.parametrize("encoding", ["utf-16-le", "utf-16-be"])
def test_configuration_in_utf16_says_how_to_save_it(site: Site, encoding: str) -> None:
    site.write("extauth.toml", ("\ufeff" + Site.BASIC).encode(encoding))
    done = site.run("serve", "-c", str(site.config))
    assert done.returncode == 1
    assert "extauth.toml: is UTF-16; save it as UTF-8" in done.stderr.decode()


def test_levels_may_be_in_upper_or_lower_case(site: Site) -> None:
    site.write("passwd", Site.ACCOUNTS)
    site.configure(f"[log]\nmail_server_level = 'LOW level'\n{FILES}")
    helper = site.serve()
    assert helper.ask(b"1 VRFY bob@example.com password") == b"OK"
    helper.wait_for_information("verdict=OK")


def test_backends_without_names_are_numbered_by_type(site: Site) -> None:
    site.write("passwd", Site.ACCOUNTS)
    names = "", "name = 'files-2'\n", "", "name = 'own'\n", ""
    site.configure("".join(FILES + name for name in names))
    assert [backend.name for backend in read_config(site.config).backends] == [
        "files",
        "files-2",
        "files-3",
        "own",
        "files-4",
    ]


def test_error_hides_a_line_that_may_hold_a_secret(site: Site) -> None:
    site.configure("bind_password = SESAM\n" + FILES)
    done = site.run("check", "-c", str(site.config))
    assert b"a text must stand in quotes" in done.stderr
    assert b"SESAM" not in done.stderr
