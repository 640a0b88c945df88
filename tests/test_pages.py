"""Links of the pages lead somewhere, and commands print what the pages show."""

from __future__ import annotations

import os
import re
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import click
import pytest

from extauth.cli.commands import commands
from tests.administration import command, serve
from tests.backends.ldap.ldap_site import ENTRIES, PEOPLE, ldap_site
from tests.backends.ldap.slapd import Slapd
from tests.backends.pam.services import Services
from tests.helper import Site, wait_until
from tests.pages import PAGES, Block, Terminal, anchors, blocks
from tests.paths import ROOT

TROUBLE = "".join((ROOT / "docs" / name).read_text() for name in ("troubleshooting.md", "common-messages.md"))
START = (ROOT / "docs" / "getting-started.md").read_text()
CAROL = "$6$rounds=1000$saltsalt$ALOHELn1r/VVQxNdUZl6VLHqpDnqZjc78NmVMPrD9EeXdHi6tEXTry3QeH1Qp8wKxSoI55qEwHmN05iZ9TddH1"
BROKEN = '[helper]\ndeadlin = 15\nworkers = 0\n[[backend]]\ntype = "files"\npath = "passwd"\n'


@pytest.fixture
def slapd(tmp_path: Path) -> Iterator[Slapd]:
    slapd = Slapd(tmp_path / "slapd", ENTRIES + PEOPLE)
    yield slapd
    slapd.kill()


@pytest.fixture
def directory_site(tmp_path: Path) -> Iterator[Site]:
    """A site with the password of the service account."""
    (tmp_path / "site").mkdir()
    site = ldap_site(tmp_path / "site")
    yield site
    for helper in site.helpers:
        helper.kill()


def terminal(site: Site, places: dict[str, str]) -> Terminal:
    """Return a terminal where /etc/extauth is the folder of the site."""
    path = f"{Path(sys.executable).parent}:{os.environ['PATH']}"
    return Terminal({"/etc/extauth": str(site.folder), **places}, site.folder, os.environ | {"PATH": path})


def places_of(slapd: Slapd) -> dict[str, str]:
    """Return what stands here for the directory of the pages."""
    return {"ldap://127.0.0.1": slapd.url, "dc=example,dc=com": "dc=example"}


def test_every_link_leads_to_a_file_and_a_heading() -> None:
    dead = []
    for page in [*PAGES, ROOT / "CONTRIBUTING.md", ROOT / "SECURITY.md", ROOT / "CHANGELOG.md"]:
        text = re.sub(r"^```.*?^```$", "", page.read_text(), flags=re.DOTALL | re.MULTILINE)
        for target, anchor in re.findall(r"\]\((?!https?:)([^)#\s]*)#?([^)\s]*)\)", text):
            file = page.parent / target if target else page
            if not file.exists() or (anchor and anchor not in anchors(file.read_text())):
                dead.append(f"{page.name}: {target}#{anchor}")
    assert dead == []


def test_every_command_and_option_in_the_pages_exists() -> None:
    unknown = set()
    for page in PAGES:
        for words in commands_in(page.read_text()):
            command: click.Command | None = commands
            context = click.Context(commands)
            while isinstance(command, click.Group) and words and not words[0].startswith("-"):
                command = command.get_command(context, words.pop(0))
            if command is None:
                unknown.add(f"{page.name}: extauth {' '.join(words)}")
                continue
            known = {"-h"} | {option for parameter in command.get_params(context) for option in parameter.opts}
            given = {word.partition("=")[0] for word in words if re.fullmatch(r"--?[a-z].*", word)}
            unknown |= {f"{page.name}: {command.name} {option}" for option in given - known}
    assert unknown == set()


def commands_in(text: str) -> list[list[str]]:
    """Return the commands of extauth in the code of a page, each as its words after `extauth`."""
    lines = [line for block in blocks(text) for line in block.text.split("\n")]
    lines += [span or line for span, line in re.findall(r"`([^`\n]+)`|^    (.+)$", text, re.MULTILINE)]
    starts = (re.search(r"(?:^|[|$] |sudo )(?:[\w/.]*/)?extauth ([a-z-].*)", line.strip()) for line in lines)
    return [re.split(r" -- | \| ", found[1])[0].split() for found in starts if found]


def test_the_readme_links_every_page_and_stays_short() -> None:
    readme = PAGES[0].read_text()
    linked = set(re.findall(r"\(docs/([a-z-]+\.md)", readme))
    assert {page.name for page in PAGES[1:]} - linked == set()
    assert readme.count("\n") <= 160
    assert blocks(readme)[0].language == "mermaid"
    assert blocks(readme)[0].text == blocks(START)[0].text


def test_troubleshooting_shows_what_the_commands_print(slapd: Slapd, directory_site: Site) -> None:
    site = directory_site
    shell = terminal(site, places_of(slapd))
    site.write("passwd", f"carol@example.com:{CAROL}\n")
    site.write("broken.toml", BROKEN)

    def let_the_directory_fail() -> None:
        slapd.kill()
        serve(site).ask(b"1 VRFY bob@example.com open sesame")
        wait_until(lambda: b"last error" in command(site, "status").stdout, "the error in the status")

    def let_all_work_again() -> None:
        (site.folder / "passwd").chmod(0o600)
        slapd.start()

    before: dict[str, Callable[[], object]] = {
        'All users get "temporary failure"': let_the_directory_fail,
        "extauth does not start": lambda: (site.folder / "passwd").chmod(0o666),
        "The mail server refuses a password that is right": let_all_work_again,
    }
    differences: list[str] = []
    for block in blocks(TROUBLE):
        match block.language:
            case "toml":
                site.configure('[helper]\nworkers = 1\nrun_directory = "run"\n' + shell.here(block.text))
            case "text":
                site.write("passwd", block.text)
            case "console":
                before.pop(block.heading, lambda: None)()
                password = "wrong" if block.heading == "The password is wrong" else "open sesame"
                differences += shell.differences(block, password)
    assert before == {}
    assert differences == []


def part(letter: str) -> tuple[str, list[Block]]:
    """Return the configuration and the `console` blocks of step 6 of the first page."""
    found = [block for block in blocks(START) if block.heading.startswith(f"6{letter}. ")]
    (configuration,) = [block.text for block in found if block.language == "toml"]
    return configuration, [block for block in found if block.language == "console"]


def test_first_steps_with_ldap_print_what_the_page_shows(slapd: Slapd, directory_site: Site) -> None:
    shell = terminal(directory_site, places_of(slapd))
    configuration, examples = part("b")
    directory_site.configure(shell.here(f"[sasl]\nmechanisms = []\n{configuration}"))
    assert [text for block in examples for text in shell.differences(block, "open sesame")] == []


def test_first_steps_with_pam_print_what_the_page_shows(site: Site, tmp_path: Path) -> None:
    services = Services(tmp_path / "pam.d")
    services.pwdfile("extauth", {"alice": "open sesame"})
    shell = terminal(site, {"/etc/pam.d": str(services.folder)})
    configuration, examples = part("a")
    site.configure(f"[sasl]\nmechanisms = []\n{configuration}service_folder = {str(services.folder)!r}\n")
    assert [text for block in examples for text in shell.differences(block, "open sesame")] == []
