"""PAM through the real program: real libpam, real modules, and one that does what no module should."""

from __future__ import annotations

import os
import re
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.backends.pam.services import Services, build, hashed
from tests.helper import Helper, Site, is_alive, wait_for_serving
from tests.paths import EXAMPLES, TESTS

OK = b"OK"
NEGATIVE = b"ERROR incorrect password"
TEMPORARY = b"ERROR temporary failure"
LOG = '[log]\nmail_server_level = "Low Level"\n'
TODAY = int(time.time() // 86_400)

PAM_CODES = [code for code in range(1, 32) if code != 25]  # of 25, PAM_IGNORE, libpam makes PAM_PERM_DENIED
IN_EITHER_STAGE = {
    6: "USER_DISABLED",
    10: "USER_UNKNOWN",
    11: "USER_DISABLED",
    12: "PASSWORD_EXPIRED",
    13: "USER_DISABLED",
    19: "SCHEME_NOT_AVAILABLE",
    27: "PASSWORD_EXPIRED",
}
CODES = {"auth": IN_EITHER_STAGE | {7: "PASSWORD_MISMATCH"}, "account": IN_EITHER_STAGE | {7: "USER_DISABLED"}}


def backend(**settings: object) -> str:
    """A `[[backend]]` whose service files are in the folder `pam.d`."""
    lines = {"type": "pam", "service": "extauth", "service_folder": "pam.d"} | settings
    return "[[backend]]\n" + "".join(f"{key} = {_toml(value)}\n" for key, value in lines.items())


def _toml(value: object) -> str:
    return repr(value).replace("'", '"')


@pytest.fixture
def services(site: Site) -> Services:
    """The service folder of the site."""
    return Services(site.folder / "pam.d")


@pytest.fixture(scope="module")
def scripted(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The module that does what the user's name says; the password is "right"."""
    return build("scripted.c", tmp_path_factory.mktemp("scripted"))


@pytest.fixture
def script(site: Site, services: Services, scripted: Path) -> Helper:
    """A helper whose one service has that module."""
    services.write("extauth", f"auth required {scripted}", f"account required {scripted}")
    site.configure(LOG + backend())
    return site.serve()


# --- what PAM answers, and what becomes of it ---------------------------------------------------------


def test_a_user_of_pam_pwdfile_logs_in_with_the_right_password_only(site: Site, services: Services) -> None:
    services.pwdfile("extauth", {"alice": "open sesame"})
    site.configure(backend())
    assert site.session(
        b"1 VRFY alice@example.com open sesame",
        b"2 VRFY alice@example.com open",
        b"3 VRFY alice@example.com open sesame ",
        b"4 VRFY bob@example.com open sesame",
        b"5 VRFY ALICE@example.com open sesame",
    ) == [b"1 OK", b"2 " + NEGATIVE, b"3 " + NEGATIVE, b"4 " + NEGATIVE, b"5 OK"]


def test_pam_matrix_tells_in_its_account_stage_who_may_use_the_service_and_talks_meanwhile(
    site: Site, services: Services
) -> None:
    passdb = site.write("passdb", "alice:pw9:extauth\nbob:pw9:other\n", mode=0o644)
    module = next(Path("/usr/lib").glob("*/pam_wrapper/pam_matrix.so"))
    services.write("extauth", *(f"{kind} required {module} passdb={passdb} verbose" for kind in ("auth", "account")))
    site.configure(LOG + backend())
    helper = site.serve()
    assert helper.ask(b"1 VRFY alice@example.com pw9") == OK
    assert helper.ask(b"2 VRFY alice@example.com no") == NEGATIVE
    assert helper.ask(b"3 VRFY bob@example.com pw9") == NEGATIVE
    helper.wait_for_information("account=bob@example.com .* verdict=USER_DISABLED .*access is denied")


@pytest.mark.parametrize("stage", ["auth", "account"])
def test_every_code_of_either_stage_is_the_verdict_of_the_table_or_cannot_tell(script: Helper, stage: str) -> None:
    for code in PAM_CODES:
        expected = CODES[stage].get(code)
        reply = script.ask(b"%d VRFY %s-%d@example.com right" % (code, stage.encode(), code))
        assert reply == (TEMPORARY if expected is None else NEGATIVE), code
        script.wait_for_information(f"account={stage}-{code}@example.com .* verdict={expected or 'TEMPORARY_FAILURE'} ")


def test_what_cannot_be_told_is_logged_with_the_stage_and_the_code(script: Helper) -> None:
    assert script.ask(b"1 VRFY auth-9@example.com right") == TEMPORARY
    assert script.ask(b"2 VRFY account-4@example.com right") == TEMPORARY
    script.wait_for_information(r'account=auth-9@.* reason="PAM, authentication stage: .* \(code 9\)"')
    script.wait_for_information(r'account=account-4@.* reason="PAM, account stage: .* \(code 4\)"')


def test_a_stack_that_decides_nothing_denies_access(script: Helper) -> None:
    for code in (25, 99):  # PAM_IGNORE, and what is no code at all: libpam makes PAM_PERM_DENIED of both
        assert script.ask(b"%d VRFY auth-%d@example.com right" % (code, code)) == NEGATIVE
        script.wait_for_information(f"account=auth-{code}@.* verdict=USER_DISABLED .*access is denied")


@pytest.mark.parametrize(
    ("user", "right"),
    [
        ("anybody", OK),
        ("informs", OK),
        ("prompts-twice", OK),
        ("prompts-together", NEGATIVE),
        ("informs-together", NEGATIVE),
        ("shows", NEGATIVE),
        ("terminal", OK),
    ],
)
def test_what_a_module_says_and_asks_breaks_nothing(
    site: Site, services: Services, scripted: Path, user: str, right: bytes
) -> None:
    services.write("extauth", f"auth required {scripted}", f"account required {scripted}")
    site.configure("[helper]\nworkers = 1\n" + backend(concurrency=1))
    helper = site.serve(env=os.environ | {"DISPLAY": ":0\xe9"})
    for number in range(20):
        assert helper.ask(f"{number}r VRFY {user}@example.com right".encode()) == right
        assert helper.ask(f"{number}w VRFY {user}@example.com wrong".encode()) == NEGATIVE
    assert not [line for line in helper.information if "killed" in line]


def test_both_stages_are_told_that_an_account_without_a_password_is_none(script: Helper) -> None:
    assert script.ask(b"1 VRFY flags@example.com right") == OK


@pytest.mark.parametrize("password", [b"x" * 512, b"x" * 4097])
def test_a_password_that_modules_would_cut_is_wrong(site: Site, services: Services, password: bytes) -> None:
    services.pwdfile("extauth", {"alice": "x" * 200})
    site.configure(LOG + backend())
    helper = site.serve()
    assert helper.ask(b"1 VRFY alice@example.com " + password) == NEGATIVE
    helper.wait_for_information("verdict=PASSWORD_MISMATCH .*more than 511 bytes")


def test_a_password_of_any_bytes_is_compared_as_such(site: Site, services: Services) -> None:
    services.pwdfile("extauth", {"alice": "pässword \u20ac"})
    site.configure(backend())
    assert site.session(
        "1 VRFY alice@example.com pässword \u20ac".encode(),
        b"2 VRFY alice@example.com \xff\xfe",
        "3 VRFY alice@example.com pässword ".encode("latin-1"),
    ) == [b"1 OK", b"2 " + NEGATIVE, b"3 " + NEGATIVE]


def test_secure_methods_are_refused_since_pam_holds_no_clear_text(site: Site, services: Services) -> None:
    services.pwdfile("extauth", {"alice": "pw9"})
    site.configure(LOG + backend())
    helper = site.serve()
    assert helper.ask(b"1 SASL(APOP) alice@example.com 65f5d217d17f4309ca6f83d347a31d62 <1>") == NEGATIVE
    helper.wait_for_information("verdict=SCHEME_NOT_AVAILABLE")


def test_a_secure_method_is_no_way_around_what_the_account_stage_refuses(
    site: Site, services: Services, scripted: Path
) -> None:
    services.write("extauth", f"auth required {scripted}", f"account required {scripted}")
    names = ("account-13", "account-6", "account-12", "anybody", "root")
    site.write("passwd", "".join(f"{name}@example.com:{{PLAIN}}pw9\n" for name in names))
    files = '[[backend]]\ntype = "files"\npath = "passwd"\nreadplain = true\n'
    site.configure(LOG + backend() + files)
    helper = site.serve()
    helper.ask(b"0 INTF 7")
    for name in names:
        may = name == "anybody"
        apop = b"SASL(APOP) %s@example.com 65f5d217d17f4309ca6f83d347a31d62 <1>" % name.encode()
        assert helper.ask(b"1 " + apop) == (OK if may else NEGATIVE), name
        plain = helper.ask(b"2 READPLAIN %s@example.com" % name.encode())
        assert plain == (b"PLAIN pw9" if may else b"FAILURE not available"), name
    helper.wait_for_information("account=account-13@example.com .* verdict=USER_DISABLED backend=pam")


# --- the operating system's own accounts --------------------------------------------------------------

SHADOW = {
    "right": "{hash}:19000:0:99999:7:::",
    "null": ":19000:0:99999:7:::",
    "locked": "!{hash}:19000:0:99999:7:::",
    "star": "*:19000:0:99999:7:::",
    "expired": f"{{hash}}:19000:0:99999:7::{TODAY - 2}:",
    "mustchange": "{hash}:0:0:99999:7:::",
    "nullmustchange": ":0:0:99999:7:::",
    "tooold": f"{{hash}}:{TODAY - 60}:0:30:7:::",
    "inactive": f"{{hash}}:{TODAY - 60}:0:30:7:5::",
}
UNIX = {
    "right": "OK",
    "null": "PASSWORD_MISMATCH",
    "locked": "PASSWORD_MISMATCH",
    "star": "PASSWORD_MISMATCH",
    "expired": "USER_DISABLED",
    "mustchange": "PASSWORD_EXPIRED",
    "nullmustchange": "PASSWORD_EXPIRED",
    "tooold": "PASSWORD_EXPIRED",
    "inactive": "PASSWORD_EXPIRED",
    "stranger": "USER_UNKNOWN",
    "system": "USER_DISABLED",
}


@pytest.fixture
def users(site: Site) -> dict[str, str]:
    """The environment in which the system has users with these entries in /etc/shadow."""
    stored = hashed("pw9")[0]
    shadow = {name: entry.replace("{hash}", stored) for name, entry in SHADOW.items()}
    shadow["system"] = shadow["right"]
    site.write("passwd", "".join(f"{name}:x:{999 if name == 'system' else 2000}:2000::/:/bin/sh\n" for name in shadow))
    site.write("shadow", "".join(f"{name}:{entry}\n" for name, entry in shadow.items()))
    return os.environ | {"LD_PRELOAD": str(build("users.c", site.folder)), "PAM_USERS": str(site.folder)}


@pytest.fixture
def unix(site: Site, services: Services, users: dict[str, str]) -> Helper:
    """A helper that asks pam_unix about them; the stack lets null passwords in."""
    services.write("extauth", "auth required pam_unix.so nullok nullresetok", "account required pam_unix.so")
    site.configure(LOG + backend())
    return site.serve(env=users)


def test_accounts_of_pam_unix_that_are_locked_expired_or_without_password_do_not_log_in(unix: Helper) -> None:
    for user, verdict in UNIX.items():
        assert unix.ask(f"{user} VRFY {user}@example.com pw9".encode()) == (OK if verdict == "OK" else NEGATIVE)
        unix.wait_for_information(f"account={user}@example.com .* verdict={verdict} ")
        assert unix.ask(f"{user}-wrong VRFY {user}@example.com wrong".encode()) == NEGATIVE


def test_the_example_and_its_service_file_serve_the_systems_accounts(
    site: Site, services: Services, users: dict[str, str]
) -> None:
    services.write("extauth", *(EXAMPLES / "pam.service").read_text().splitlines())
    site.configure((EXAMPLES / "pam.toml").read_text() + 'service_folder = "pam.d"\n')
    helper = site.serve(env=users)
    for number, (user, verdict) in enumerate(UNIX.items()):
        expected = OK if verdict == "OK" else NEGATIVE
        assert helper.ask(f"{number} VRFY {user}@example.com pw9".encode()) == expected


def test_a_nologin_account_and_a_closed_system_are_refused_by_the_account_stage(site: Site, services: Services) -> None:
    closed = site.write("nologin", "maintenance\n", mode=0o644)
    services.pwdfile("extauth", {"alice": "pw9"})
    with (services.folder / "extauth").open("a") as file:
        file.write(f"account required pam_nologin.so file={closed}\n")
    site.configure(LOG + backend())
    helper = site.serve()
    assert helper.ask(b"1 VRFY alice@example.com pw9") == NEGATIVE
    helper.wait_for_information("account=alice@example.com .* verdict=USER_(DISABLED|UNKNOWN)")


@pytest.mark.parametrize(("setting", "asked"), [({}, False), ({"min_uid": 1}, False), ({"min_uid": 0}, True)])
def test_roots_password_is_no_mail_password_unless_configured(
    site: Site, services: Services, setting: dict[str, object], asked: bool
) -> None:
    services.pwdfile("extauth", {"root": "pw9"})
    site.configure(LOG + backend(**setting))
    helper = site.serve()
    assert helper.ask(b"1 VRFY root@example.com pw9") == (OK if asked else NEGATIVE)
    assert helper.ask(b"2 VRFY Root@example.com pw9") == (OK if asked else NEGATIVE)
    if not asked:
        helper.wait_for_information("verdict=USER_DISABLED .*uid 0 is below min_uid")


def test_an_account_is_known_by_the_systems_user_database_alone(
    site: Site, services: Services, users: dict[str, str]
) -> None:
    services.write("extauth", "auth required pam_permit.so", "account required pam_permit.so")
    site.configure(LOG + backend())
    helper = site.serve(env=users)
    assert helper.ask(b"0 INTF 7") == b"INTF 7"
    for user in ("right", "locked", "expired"):
        assert helper.ask(f"1 NEW {user}@example.com".encode()) == b"FAILURE account not created"
    assert helper.ask(b"2 NEW system@example.com") == b"ERROR unknown account"
    assert helper.ask(b"3 NEW stranger@example.com") == b"FAILURE temporary failure"
    helper.wait_for_information("account=system@.* command=NEW verdict=USER_UNKNOWN .*below min_uid")
    helper.wait_for_information("account=stranger@.* command=NEW verdict=TEMPORARY_FAILURE .*PAM alone may know one")
    assert helper.ask(b"4 READPLAIN right@example.com") == b"FAILURE not available"


# --- user names ---------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("template", "user"),
    [
        ("*", "alice"),
        ("{name}", "alice"),
        ("*-{domain}", "alice-example.com"),
        ("dom1_*", "dom1_alice"),
        ("{name}%{domain}", "alice%example.com"),
        ("*.*", "alice.alice"),
    ],
)
def test_the_user_name_is_composed_by_the_template(site: Site, services: Services, template: str, user: str) -> None:
    services.pwdfile("extauth", {user: "pw9"})
    site.configure(backend(username=template))
    assert site.session(b"1 VRFY alice@example.com pw9") == [b"1 OK"]


@pytest.mark.parametrize(
    ("template", "error"),
    [
        ("", r"username = '': must hold \* or {name}, or everybody would be one user"),
        ("mail", r"must hold \* or {name}"),
        ("mail-{domain}", r"must hold \* or {name}"),
        ("*-{user}", r"{user} is unknown; known are \*, {name} and {domain}"),
        ("*}", "} is unknown"),
        ("{{name}}", "{ is unknown"),
    ],
)
def test_a_template_that_makes_everybody_one_user_or_is_no_template_is_refused(
    site: Site, services: Services, template: str, error: str
) -> None:
    site.configure(backend(username=template))
    done = site.run("check", "-c", str(site.config))
    assert done.returncode == 1
    assert re.search(error, done.stderr.decode())


@pytest.mark.parametrize("name", ["-x", "../alice", "/etc/passwd", "*", ")(uid=*", "{domain}", "%s%n", "älice", "a@b"])
def test_a_name_is_passed_literally_whatever_it_looks_like(site: Site, services: Services, name: str) -> None:
    services.pwdfile("extauth", {name: "pw9"})
    site.configure(backend())
    assert site.session(
        f"1 VRFY {name}@example.com pw9".encode(), b"2 VRFY alice@example.com pw9", b"3 VRFY passwd@example.com pw9"
    ) == [b"1 OK", b"2 " + NEGATIVE, b"3 " + NEGATIVE]


# --- service files, privilege -------------------------------------------------------------------------


@pytest.mark.parametrize("name", ["", "/etc/passwd", "../extauth", "ExtAuth", ".hidden", "a b"])
def test_a_service_that_is_no_file_name_is_refused(site: Site, services: Services, name: str) -> None:
    site.configure(backend(service=name))
    done = site.run("check", "-c", str(site.config))
    assert done.returncode == 1
    assert f"service = {name!r}: must be the name of a file in /etc/pam.d" in done.stderr.decode()


def test_without_its_service_file_nobody_is_asked_until_it_is_there(site: Site, services: Services) -> None:
    services.write("other", "auth required pam_permit.so", "account required pam_permit.so")
    site.configure(LOG + backend())
    missing = f"service extauth: cannot read {services.folder / 'extauth'}; nobody logs in until there is one"
    assert missing in site.run("check", "-c", str(site.config)).stdout.decode()
    helper = site.serve()
    assert helper.ask(b"1 VRFY alice@example.com anything") == TEMPORARY
    helper.wait_for_information(f"pam: {re.escape(missing)}")
    services.pwdfile("extauth", {"alice": "pw9"})
    wait_for_serving(helper, 2)
    assert helper.ask(b"2 VRFY alice@example.com pw9") == OK
    assert helper.ask(b"3 VRFY alice@example.com anything") == NEGATIVE
    (services.folder / "extauth").unlink()
    assert helper.ask(b"4 VRFY alice@example.com pw9") == TEMPORARY


def test_the_services_of_the_system_are_looked_for_where_pam_does(site: Site) -> None:
    site.configure('[[backend]]\ntype = "pam"\nservice = "extauth-nobody-has-this"\n')
    said = site.run("check", "-c", str(site.config)).stdout.decode()
    assert "cannot read /etc/pam.d/extauth-nobody-has-this or /usr/lib/pam.d/extauth-nobody-has-this or" in said
    site.configure('[[backend]]\ntype = "pam"\nservice = "login"\n')
    assert re.search(r"service login: /(etc|usr/lib)/pam.d/login\b", _checked(site), re.MULTILINE)


PERMIT = {kind: f"{kind} required pam_permit.so" for kind in ("auth", "account")}
LACKS: list[tuple[list[str], str | None]] = [
    # the lines of a service file, and what PAM asks the service `other` for
    ([], "auth or account"),
    (["# auth", "", "password required pam_permit.so"], "auth or account"),
    ([PERMIT["auth"]], "account"),
    ([PERMIT["account"]], "auth"),
    (["authh required pam_permit.so", PERMIT["account"]], "auth"),
    ([PERMIT["account"] + " \\", PERMIT["auth"]], "auth"),
    (["@include {}/nothing", PERMIT["account"]], "auth"),
    (["auth include {}/nothing", PERMIT["account"]], "auth"),
    (["auth include {}/account", PERMIT["account"]], "auth"),
    (["auth include {}/includes", PERMIT["account"]], "auth"),
    (["\0" + PERMIT["auth"], PERMIT["account"]], "auth"),
    (["-" + PERMIT["auth"], "ACCOUNT required pam_permit.so"], None),
    (["auth \\", "", "  required pam_permit.so", "@include {}/account"], None),
    (["# auth \\", PERMIT["auth"], "account substack {}/account"], None),
]


def test_a_service_for_which_pam_would_ask_another_lets_nobody_in(site: Site, services: Services) -> None:
    services.write("other", *PERMIT.values())
    services.write("nothing")
    services.write("account", PERMIT["account"])
    services.write("includes", f"@include {services.folder}/account")
    files = [
        services.write(f"case{number}", *(line.replace("{}", str(services.folder)) for line in lines))
        for number, (lines, _) in enumerate(LACKS)
    ]
    site.configure(
        LOG
        + "".join(
            backend(service=file.name, name=file.name, domains=[f"{file.name}.example"], concurrency=1)
            for file in files
        )
    )
    checked = _checked(site)
    helper = site.serve()
    for file, (_, lacks) in zip(files, LACKS, strict=True):
        said = f"{file}: has no line for {lacks}, where PAM would ask the service other instead"
        assert said in checked if lacks else f"{file}: has no" not in checked
        reply = helper.ask(f"1 VRFY alice@{file.name}.example whatever".encode())
        assert reply == (TEMPORARY if lacks else OK), file.read_text()
        if lacks:
            helper.wait_for_information(f"account=alice@{file.name}.example .* reason=.*has no line for {lacks},")


@pytest.mark.parametrize("included", [False, True])
def test_a_service_file_that_is_emptied_lets_nobody_in_from_the_next_request_on(
    site: Site, services: Services, included: bool
) -> None:
    services.write("other", *PERMIT.values())
    file = services.write("extauth", *PERMIT.values())
    if included:
        services.write("extauth", f"@include {file.rename(services.folder / 'shared')}")
        file = services.folder / "shared"
    site.configure(LOG + backend(domains=["example.com"]))
    helper = site.serve()
    assert helper.ask(b"1 VRFY alice@example.com whatever") == OK
    os.truncate(file, 0)
    assert helper.ask(b"2 VRFY alice@example.com whatever") == TEMPORARY
    helper.wait_for_information("verdict=TEMPORARY_FAILURE .*has no line for auth or account")
    assert helper.process.poll() is None


def test_no_program_is_run_to_find_libpam(site: Site, services: Services) -> None:
    services.pwdfile("extauth", {"alice": "pw9"})
    alone = "import subprocess\nsubprocess.Popen = None\nfrom extauth.backends.pam import Pam\n"
    site.write("alone.py", f"{alone}class Alone(Pam):\n    pass\n")
    site.configure(backend(type="alone.py:Alone"))
    assert site.session(b"1 VRFY alice@example.com pw9") == [b"1 OK"]


def test_without_python_pam_it_does_not_start_and_says_what_to_install(site: Site) -> None:
    site.write(
        "without.py",
        "import sys\nsys.modules['pam'] = None\nfrom extauth.backends.pam import Pam\nclass Without(Pam):\n    pass\n",
    )
    site.configure(backend(type="without.py:Without"))
    done = site.run("check", "-c", str(site.config))
    assert done.returncode == 1
    assert done.stderr.decode().endswith("python-pam is missing; install it with: pip install python-pam\n")


def test_a_service_file_that_others_can_write_to_is_refused(site: Site, services: Services) -> None:
    services.pwdfile("extauth", {"alice": "pw9"}).chmod(0o646)
    site.configure(backend())
    done = site.run("check", "-c", str(site.config))
    assert done.returncode == 1
    assert "extauth: this file is writable by everyone" in done.stderr.decode()


@pytest.mark.parametrize("line", ["@include {}", "auth include {}", "auth substack {}"])
def test_what_a_service_file_includes_is_a_part_of_it(site: Site, services: Services, line: str) -> None:
    shared = services.pwdfile("shared", {"alice": "pw9"})
    middle = services.write("middle", line.format(shared))
    file = services.write("extauth", line.format(middle), "account required pam_permit.so")
    site.configure(LOG + backend())
    assert f"service extauth: {file}, {middle}, {shared}\n" in _checked(site)
    helper = site.serve()
    assert helper.ask(b"1 VRFY alice@example.com pw9") == OK
    assert helper.ask(b"2 VRFY alice@example.com no") == NEGATIVE
    shared.chmod(0o646)
    helper.wait_for_information("reload failed, .*shared: this file is writable by everyone")
    shared.unlink()
    assert f"{file}: cannot read what it includes: {shared}\n" in _checked(site)
    assert helper.ask(b"3 VRFY alice@example.com pw9") != OK


def test_what_it_includes_by_name_pam_looks_for_in_the_systems_folders(site: Site, services: Services) -> None:
    file = services.write("extauth", "@include extauth-nobody-has-this", "@include common-account")
    services.pwdfile("extauth-nobody-has-this", {"alice": "pw9"})
    site.configure(backend())
    assert f"{file}: cannot read what it includes: extauth-nobody-has-this\n" in _checked(site)
    assert site.session(b"1 VRFY alice@example.com pw9") != [b"1 OK"]


def test_check_says_whether_others_passwords_can_be_checked(site: Site, services: Services) -> None:
    services.pwdfile("extauth", {"alice": "pw9"})
    site.configure(backend())
    can = os.access("/etc/shadow", os.R_OK)
    said = f"runs as uid {os.geteuid()} and {'can' if can else 'cannot'} read /etc/shadow: pam_unix can check "
    assert said in _checked(site)


@pytest.fixture
def open_site() -> Iterator[Site]:
    """A site whose folder everybody may enter."""
    with tempfile.TemporaryDirectory() as folder:
        site = Site(Path(folder))
        site.folder.chmod(0o755)
        yield site
        for helper in site.helpers:
            helper.kill()


def test_without_privilege_pam_unix_cannot_tell_and_pam_pwdfile_can(open_site: Site) -> None:
    services = Services(open_site.folder / "pam.d")
    services.write("unix", "auth required pam_unix.so", "account required pam_unix.so")
    services.pwdfile("pwdfile", {"alice": "pw9"})
    open_site.write("pam_as_nobody.py", (TESTS / "plugins" / "pam_as_nobody.py").read_bytes(), mode=0o644)
    kind = "pam_as_nobody.py:PamAsNobody"
    open_site.configure(
        LOG
        + backend(service="unix", type=kind, name="unix", domains=["unix.example"], min_uid=0)
        + backend(service="pwdfile", type=kind, name="pwdfile", domains=["pwdfile.example"])
    )
    helper = open_site.serve()
    assert helper.ask(b"1 VRFY daemon@unix.example pw9") == TEMPORARY
    helper.wait_for_information(r"account=daemon@unix.example .* cannot retrieve authentication info \(code 9\)")
    helper.wait_for_information("cannot read /etc/shadow: pam_unix can check no other user's password. Run extauth as")
    assert helper.ask(b"2 VRFY nosuchuser@unix.example pw9") == NEGATIVE
    assert helper.ask(b"3 VRFY alice@pwdfile.example pw9") == OK
    assert helper.ask(b"4 VRFY alice@pwdfile.example no") == NEGATIVE


def test_one_os_user_for_the_same_name_in_several_domains_is_pointed_out(site: Site, services: Services) -> None:
    services.pwdfile("extauth", {"alice": "pw9"})
    warning = "is the same OS user in every domain"
    for settings, warned in (
        ({}, True),
        ({"domains": ["a.example", "b.example"]}, True),
        ({"domains": ["a.example"]}, False),
        ({"username": "*-{domain}"}, False),
    ):
        site.configure(backend(**settings))
        assert (warning in _checked(site)) is warned


def _checked(site: Site) -> str:
    done = site.run("check", "-c", str(site.config))
    assert done.returncode == 0, done.stderr
    return done.stdout.decode()


# --- modules that delay, hang and crash ---------------------------------------------------------------

DELAY = "auth optional pam_faildelay.so delay=2000000"


def test_32_wrong_passwords_under_way_do_not_hold_a_right_one(
    site: Site, services: Services, capsys: pytest.CaptureFixture[str]
) -> None:
    services.pwdfile("extauth", {"alice": "pw9"}, DELAY)
    site.configure(backend())
    helper = site.serve()
    assert helper.ask(b"0 VRFY alice@example.com pw9") == OK
    started = time.monotonic()
    helper.send(*(b"w%d VRFY alice@example.com wrong" % n for n in range(32)), b"r VRFY alice@example.com pw9")
    assert helper.reply(b"r") == OK
    took = time.monotonic() - started
    assert sorted(helper.wait_for_replies(32)) == sorted(b"w%d " % n + NEGATIVE for n in range(32))
    with capsys.disabled():
        print(f"\nthe right password among 32 wrong ones was answered after {took:.3f} s")
    assert took < 2  # one delay; with the delays it would take those of 32 / 4 threads, 16 seconds


def test_wrong_passwords_under_way_do_not_hold_the_end(site: Site, services: Services) -> None:
    services.pwdfile("extauth", {"alice": "pw9"}, DELAY)
    site.configure(backend())
    lines = [b"%02d VRFY alice@example.com wrong" % n for n in range(32)]
    assert site.session(*lines) == [b"%02d " % n + NEGATIVE for n in range(32)]  # and none is given up on


def test_a_module_that_sleeps_for_ever_is_answered_for_and_replaced(
    site: Site, services: Services, scripted: Path
) -> None:
    services.write("extauth", f"auth required {scripted}", f"account required {scripted}")
    site.configure("[helper]\nworkers = 1\ndeadline = 0.5\n" + backend(concurrency=1))
    helper = site.serve()
    assert helper.ask(b"1 VRFY sleeps@example.com right") == TEMPORARY
    helper.wait_for_information("worker 1 hangs")
    helper.wait_for_information("worker 1 was killed by SIGKILL")
    assert helper.ask(b"2 VRFY anybody@example.com right") == OK


def test_a_module_that_sleeps_does_not_hold_the_end(script: Helper) -> None:
    assert script.ask(b"0 VRFY anybody@example.com right") == OK
    script.send(*(b"%d VRFY sleeps@example.com right" % number for number in range(1, 9)))
    started = time.monotonic()
    assert script.end() == 0
    assert time.monotonic() - started < 5
    assert sorted(script.replies) == [b"%d " % number + TEMPORARY for number in range(1, 9)]


def test_a_module_that_crashes_is_answered_for_and_its_worker_replaced(script: Helper) -> None:
    assert script.ask(b"1 VRFY crashes@example.com right") == TEMPORARY
    line = script.wait_for_information("worker [0-9]+ was killed by SIGSEGV")
    assert "right" not in line
    assert script.ask(b"2 VRFY anybody@example.com right") == OK
    assert all(is_alive(process) for process in script.descendants())


def test_a_module_that_leaks_has_its_worker_replaced(site: Site, services: Services, scripted: Path) -> None:
    services.write("extauth", f"auth required {scripted}", f"account required {scripted}")
    site.configure("[helper]\nworkers = 1\nworker_memory = 128\n" + backend())
    helper = site.serve()
    assert helper.ask(b"1 VRFY leaks@example.com right") in (OK, TEMPORARY)  # it may be killed before it answers
    helper.wait_for_information("worker 1 has grown by [0-9]+ MiB, more than helper.worker_memory = 128")
    helper.wait_for_information("worker 1 was killed by SIGKILL")
    assert helper.ask(b"2 VRFY anybody@example.com right") == OK


# --- several at once ----------------------------------------------------------------------------------


@pytest.mark.parametrize("concurrency", [2, 8])
def test_answers_to_many_at_once_are_never_mixed_up(site: Site, services: Services, concurrency: int) -> None:
    users = {f"user{number}": f"password{number}" for number in range(50)}
    services.pwdfile("extauth", users)
    site.configure("[helper]\nworkers = 1\n" + backend(concurrency=concurrency))
    helper = site.serve()
    names = list(users)
    asked: dict[bytes, bytes] = {}
    lines = []
    for turn in range(8):
        for place, name in enumerate(names):
            right = (turn + place) % 2 == 0
            password = users[name if right else names[(place + turn + 1) % len(names)]]
            number = f"{turn}-{place}".encode()
            asked[number] = number + b" " + (OK if right else NEGATIVE)
            lines.append(f"{turn}-{place} VRFY {name}@example.com {password}".encode())
    helper.send(*lines)
    assert sorted(helper.wait_for_replies(len(lines))) == sorted(asked.values())


def test_answers_of_pam_unix_to_many_at_once_are_never_mixed_up(unix: Helper) -> None:
    lines, expected = [], []
    for turn in range(20):
        for user, verdict in UNIX.items():
            for password in ("pw9", "wrong"):
                number = f"{turn}-{user}-{password}"
                lines.append(f"{number} VRFY {user}@example.com {password}".encode())
                expected.append(number.encode() + b" " + (OK if (verdict, password) == ("OK", "pw9") else NEGATIVE))
    unix.send(*lines)
    assert sorted(unix.wait_for_replies(len(lines))) == sorted(expected)


def test_a_thousand_wrong_passwords_leave_no_descriptor_open(site: Site, services: Services) -> None:
    services.pwdfile_of("extauth", ["alice:" + "$1$saltsalt$qjXMvbEw8oaL.CzflDtaK/"])
    site.configure("[helper]\nworkers = 1\n" + backend())
    helper = site.serve()
    assert helper.ask(b"0 VRFY alice@example.com password") == OK
    worker = helper.descendants()[-1]
    before = len(os.listdir(f"/proc/{worker}/fd"))  # noqa: PTH208
    helper.send(*(b"%d VRFY alice@example.com wrong" % number for number in range(1, 1001)))
    assert {line.partition(b" ")[2] for line in helper.wait_for_replies(1000)} == {NEGATIVE}
    assert len(os.listdir(f"/proc/{worker}/fd")) == before  # noqa: PTH208
