"""Password files that disappear, return, or do not exist yet."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.frontend.reload import NEGATIVE, OLD, TEMPORARY, serve_old_password_in_folders
from tests.helper import Site, wait_for_serving


def _remove(path: Path) -> None:
    path.rename(path.with_name("away"))


def _bring_back(path: Path) -> None:
    path.with_name("away").rename(path)


def _dangle(path: Path) -> None:
    _remove(path)
    path.symlink_to("nowhere")


def _remove_folder(path: Path) -> None:
    path.parent.rename(path.parent.with_name("gone"))


def _bring_folder_back(path: Path) -> None:
    path.parent.with_name("gone").rename(path.parent)


@pytest.mark.parametrize(
    ("path", "domains"),
    [("files/passwd", ""), ("files/{domain}", ""), ("files/{domain}", 'domains = ["example.com"]\n')],
)
def test_missing_file_fails_temporarily_until_it_returns(site: Site, path: str, domains: str) -> None:
    ways = [(_remove, _bring_back), (_dangle, _bring_back), (_remove_folder, _bring_folder_back)]
    name = path.format(domain="example.com")
    served = serve_old_password_in_folders(
        site, len(ways), name, f'[[backend]]\ntype = "files"\npath = "{path}"\n{domains}'
    )
    for (remove, _), (one, helper) in zip(ways, served, strict=True):
        assert helper.ask(OLD) == b"OK"
        remove(one.folder / name)
    for (_, bring_back), (one, helper) in zip(ways, served, strict=True):
        wait_for_serving(helper, 2)
        assert helper.ask(OLD) == TEMPORARY
        assert helper.ask(b"1 VRFY nobody@example.com x") == TEMPORARY
        helper.wait_for_information("No such file")
        bring_back(one.folder / name)
    for _, helper in served:
        wait_for_serving(helper, 3)
        assert helper.ask(OLD) == b"OK"
        assert helper.ask(b"1 VRFY nobody@example.com x") == NEGATIVE


def test_missing_domain_file_does_not_affect_other_domains(site: Site) -> None:
    site.write("files/one.example", "alice:{PLAIN}one\n")
    site.write("files/two.example", "alice:{PLAIN}two\n")
    site.configure('[[backend]]\ntype = "files"\npath = "files/{domain}"\n')
    helper = site.serve()
    assert helper.ask(b"1 VRFY alice@one.example one") == b"OK"
    (site.folder / "files/one.example").unlink()
    wait_for_serving(helper, 2)
    assert helper.ask(b"1 VRFY alice@one.example one") == TEMPORARY
    assert helper.ask(b"1 VRFY alice@two.example two") == b"OK"
    assert helper.ask(b"1 VRFY alice@three.example x") == NEGATIVE


@pytest.mark.parametrize("domains", ["", 'domains = ["one.example"]\n'])
def test_domain_has_no_accounts_until_its_file_appears(site: Site, domains: str) -> None:
    (site.folder / "files").mkdir()
    site.configure(f'[[backend]]\ntype = "files"\npath = "files/{{domain}}"\n{domains}')
    helper = site.serve()
    assert helper.ask(b"1 VRFY alice@one.example one") == NEGATIVE
    site.write("files/one.example", "alice:{PLAIN}one\n")
    wait_for_serving(helper, 2)
    assert helper.ask(b"1 VRFY alice@one.example one") == b"OK"


def test_domain_folder_is_watched_before_its_file_exists(site: Site) -> None:
    (site.folder / "files").mkdir()
    site.configure('[[backend]]\ntype = "files"\npath = "files/{domain}/passwd"\n')
    helper = site.serve()
    assert helper.ask(b"1 VRFY alice@one.example one") == NEGATIVE
    (site.folder / "files/one.example").mkdir()
    wait_for_serving(helper, 2)
    assert helper.ask(b"1 VRFY alice@one.example one") == NEGATIVE
    site.write("files/one.example/passwd", "alice:{PLAIN}one\n")
    wait_for_serving(helper, 3)
    assert helper.ask(b"1 VRFY alice@one.example one") == b"OK"
