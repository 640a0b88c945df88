"""One name for one thing: a public class name stands for one class in the whole package."""

from __future__ import annotations

import ast
from collections import defaultdict

from tests.paths import ROOT


def test_no_public_class_name_exists_twice() -> None:
    places = defaultdict(list)
    for path in sorted((ROOT / "extauth").rglob("*.py")):
        for node in ast.walk(ast.parse(path.read_bytes())):
            if isinstance(node, ast.ClassDef) and not node.name.startswith("_"):
                places[node.name].append(f"{path.relative_to(ROOT)}, line {node.lineno}")
    assert {name: found for name, found in places.items() if len(found) > 1} == {}
