"""Service files, through the real program: where they are, what they include, which lines they lack."""

from __future__ import annotations

import os
import re

import pytest

from tests.backends.pam.configuration import LOG, NEGATIVE, OK, TEMPORARY, backend, check
from tests.backends.pam.services import Services
from tests.helper import Site, wait_for_serving

PERMIT = {kind: f"{kind} required pam_permit.so" for kind in ("auth", "account")}
LACKS: list[tuple[list[str], str | None]] = [
    # the lines of a service file, and the kinds that PAM takes from the service `other`
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


@pytest.mark.parametrize("name", ["", "/etc/passwd", "../extauth", "ExtAuth", ".hidden", "a b"])
def test_a_service_must_be_a_file_name(site: Site, services: Services, name: str) -> None:
    site.configure(backend(service=name))
    done = site.run("check", "-c", str(site.config))
    assert done.returncode == 1
    assert f"service = {name!r}: must be the name of a file in /etc/pam.d, in lower case" in done.stderr.decode()


def test_a_missing_service_file_fails_logins_until_it_exists(site: Site, services: Services) -> None:
    services.write("other", "auth required pam_permit.so", "account required pam_permit.so")
    site.configure(LOG + backend())
    missing = f"service extauth: cannot read {services.folder / 'extauth'}; all logins fail until the file can be read"
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


def test_services_of_the_system_are_found_where_pam_looks(site: Site) -> None:
    site.configure('[[backend]]\ntype = "pam"\nservice = "extauth-nobody-has-this"\n')
    report = site.run("check", "-c", str(site.config)).stdout.decode()
    assert "cannot read /etc/pam.d/extauth-nobody-has-this or /usr/lib/pam.d/extauth-nobody-has-this or" in report
    site.configure('[[backend]]\ntype = "pam"\nservice = "login"\n')
    assert re.search(r"service login: /(etc|usr/lib)/pam.d/login\b", check(site), re.MULTILINE)


def test_a_service_without_needed_lines_refuses_all_logins(site: Site, services: Services) -> None:
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
    checked = check(site)
    helper = site.serve()
    for file, (_, lacks) in zip(files, LACKS, strict=True):
        report = f"{file}: has no line for {lacks}; PAM would use the service other for it"
        assert report in checked if lacks else f"{file}: has no" not in checked
        reply = helper.ask(f"1 VRFY alice@{file.name}.example whatever".encode())
        assert reply == (TEMPORARY if lacks else OK), file.read_text()
        if lacks:
            helper.wait_for_information(f"account=alice@{file.name}.example .* reason=.*has no line for {lacks};")


@pytest.mark.parametrize("included", [False, True])
def test_an_emptied_service_file_refuses_the_next_request(site: Site, services: Services, included: bool) -> None:
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


def test_a_service_file_writable_by_everyone_is_refused(site: Site, services: Services) -> None:
    services.pwdfile("extauth", {"alice": "pw9"}).chmod(0o646)
    site.configure(backend())
    done = site.run("check", "-c", str(site.config))
    assert done.returncode == 1
    assert "extauth: this file is writable by everyone" in done.stderr.decode()


@pytest.mark.parametrize("line", ["@include {}", "auth include {}", "auth substack {}"])
def test_included_files_are_part_of_the_service_file(site: Site, services: Services, line: str) -> None:
    shared = services.pwdfile("shared", {"alice": "pw9"})
    middle = services.write("middle", line.format(shared))
    file = services.write("extauth", line.format(middle), "account required pam_permit.so")
    site.configure(LOG + backend())
    assert f"service extauth: {file}, {middle}, {shared}\n" in check(site)
    helper = site.serve()
    assert helper.ask(b"1 VRFY alice@example.com pw9") == OK
    assert helper.ask(b"2 VRFY alice@example.com no") == NEGATIVE
    shared.chmod(0o646)
    helper.wait_for_information("reload failed, .*shared: this file is writable by everyone")
    shared.unlink()
    assert f"{file}: cannot read the included files: {shared}\n" in check(site)
    assert helper.ask(b"3 VRFY alice@example.com pw9") != OK


def test_files_included_by_name_come_from_system_folders(site: Site, services: Services) -> None:
    file = services.write("extauth", "@include extauth-nobody-has-this", "@include common-account")
    services.pwdfile("extauth-nobody-has-this", {"alice": "pw9"})
    site.configure(backend())
    assert f"{file}: cannot read the included files: extauth-nobody-has-this\n" in check(site)
    assert site.session(b"1 VRFY alice@example.com pw9") != [b"1 OK"]
