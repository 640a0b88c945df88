"""`extauth config`: the effective configuration with its origins, and the schema of its file."""

from __future__ import annotations

import json
import re
import subprocess
import tomllib
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from extauth.config import ConfigFile
from tests.chain.support import PLUGIN
from tests.helper import EXTAUTH, Site
from tests.paths import ROOT

if TYPE_CHECKING:
    from jsonschema import Draft202012Validator

EXAMPLES = [path for path in sorted((ROOT / "examples").rglob("*.toml")) if path.name != "accounts.toml"]

CONFIGURATION = """\
\ufeff# a comment
default_domain = "EXAMPLE.com"
log = { level = "problems" }
[helper]
deadline = 7

[[backend]]
type = "files"
path = "pass\\u0077d"
domains = [
    # [not a header]
    "example.com",
]

[[backend]]
type = "own.py:Own"
password = "SESAM-1"
urls = ["https://u:SESAM-2@host", "https://host"]
  [backend.options]
  text = '''
a "quoted" [line]'''
  api_key = "SESAM-3"
"""

OWN = PLUGIN.replace(
    "class Own(Backend[Settings]):",
    """\
class OwnSettings(Settings, frozen=True):
    password: str
    urls: tuple[str, ...]
    options: dict[str, str] = {}
    token: str = ""
    limit: float = 2.5

class Own(Backend[OwnSettings]):
    Settings = OwnSettings
""",
)


def shown(site: Site, *arguments: str) -> str:
    """Return what `extauth config` prints."""
    done = site.run("config", *arguments)
    assert (done.returncode, done.stderr) == (0, b"")
    return done.stdout.decode()


def test_config_show_is_toml_with_the_origin_of_each_value(site: Site) -> None:
    site.write("own.py", OWN)
    site.configure(CONFIGURATION)
    text = shown(site, "show", "-c", "extauth.toml")
    origins = dict(line.split("  # ") for line in text.splitlines() if "  # " in line)
    assert origins['default_domain = "example.com"'] == "extauth.toml, line 2"
    assert origins['level = "Problems"'] == "extauth.toml, line 3"
    assert origins["deadline = 7.0"] == "extauth.toml, line 5"
    assert origins[f'path = "{site.folder}/passwd"'] == "extauth.toml, line 9"
    assert origins['domains = ["example.com"]'] == "extauth.toml, line 10"
    assert origins['type = "own.py:Own"'] == "extauth.toml, line 16"
    assert origins["limit = 2.5"] == origins["lower_names = true"] == origins['mode = "0640"'] == "default"
    assert "SESAM" not in text
    sections = set(ConfigFile.__struct_fields__) - {"default_domain", "lower_names", "backend"}
    assert sections <= set(re.findall(r"^(?:# )?\[(\w+)\]", text, re.MULTILINE))
    files, own = tomllib.loads(text)["backend"]
    assert (files["format"], own["password"], own["urls"]) == ("plain", "(not shown)", ["(not shown)", "https://host"])
    assert own["options"] == {"text": 'a "quoted" [line]', "api_key": "(not shown)"}


def test_config_show_refuses_what_serve_refuses(site: Site) -> None:
    site.configure("zzz = 1\n")
    done = site.run("config", "show", "-c", "extauth.toml")
    assert (done.returncode, done.stdout) == (1, b"")
    assert b"zzz: unknown key" in done.stderr
    assert b"has no [[backend]]" in done.stderr


@pytest.fixture(scope="module")
def validator() -> Draft202012Validator:
    """A validator with the schema that the command prints."""
    from jsonschema import Draft202012Validator  # takes seconds, and each process of the test run imports this file

    done = subprocess.run([*EXTAUTH, "config", "schema"], capture_output=True, check=True)
    schema = json.loads(done.stdout)
    Draft202012Validator.check_schema(schema)
    assert schema["$schema"] == "https://json-schema.org/draft/2020-12/schema"
    return Draft202012Validator(schema)


@pytest.mark.parametrize("path", EXAMPLES, ids=lambda path: path.name)
def test_examples_agree_with_the_schema(validator: Draft202012Validator, path: Path) -> None:
    validator.validate(tomllib.loads(path.read_text()))


@pytest.mark.parametrize(
    "text",
    [
        "",
        'x = 1\n[[backend]]\ntype = "pam"\nservice = "x"',
        '[helper]\nworkers = 0\n[[backend]]\ntype = "pam"\nservice = "x"',
        '[sasl]\nmechanisms = ["LOGIN"]\n[[backend]]\ntype = "pam"\nservice = "x"',
        '[[backend]]\ntype = "pam"',
        '[[backend]]\ntype = "pam"\nservice = "x"\npath = "x"',
        '[[backend]]\ntype = "files"\npath = "x"\nformat = "htpasswd"',
        '[[backend]]\ntype = "ldap"\nservers = []',
    ],
)
def test_schema_refuses_a_wrong_configuration(validator: Draft202012Validator, text: str) -> None:
    assert not validator.is_valid(tomllib.loads(text))
