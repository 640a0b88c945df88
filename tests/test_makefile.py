"""Commands of the Makefile that no other test runs."""

from __future__ import annotations

import configparser
import json
import re
import subprocess
import sys
from pathlib import Path

from tests.paths import ROOT


def dependencies() -> dict[str, str]:
    """Return the lowest version of each dependency, as `setup.cfg` writes it."""
    setup = configparser.ConfigParser()
    setup.read(ROOT / "setup.cfg")
    return dict(re.findall(r"^([\w.-]+) *>= *([\d.]+)", setup["options"]["install_requires"], re.MULTILINE))


def test_sbom_lists_every_dependency(tmp_path: Path) -> None:
    installed = {"VENV": sys.prefix, "INSTALLED": sys.prefix, "SBOM": str(tmp_path / "new" / "sbom.json")}
    variables = [f"{name}={value}" for name, value in installed.items()]
    nothing_to_install = ["-o", f"{sys.prefix}/.tests", "-o", f"{sys.prefix}/.program"]
    subprocess.run(["make", *nothing_to_install, "sbom", *variables], cwd=ROOT, check=True, capture_output=True)
    sbom = json.loads((tmp_path / "new" / "sbom.json").read_text())
    assert sbom["bomFormat"] == "CycloneDX"
    versions = {component["name"].lower(): component["version"] for component in sbom["components"]}
    assert versions.keys() >= {"extauth", *dependencies()}
    assert all(versions.values())


def test_lowest_versions_are_those_of_setup_cfg() -> None:
    printed = subprocess.run([ROOT / "tests" / "lowest-versions"], check=True, capture_output=True, text=True).stdout
    assert dependencies().items() <= dict(line.split("==") for line in printed.splitlines()).items()
