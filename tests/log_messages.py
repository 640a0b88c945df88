"""Find the messages and reasons that extauth logs in its source: the constant parts of their texts.

A text that is a name is followed to its assignments, and a parameter to the calls of its function.
"""

from __future__ import annotations

import ast
import re
from collections import defaultdict
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

_LEVELS = frozenset({"debug", "info", "warning", "error", "critical"})
_SINKS = {  # functions of extauth that log a text, or errors whose text is logged: which argument is the text
    "write": -1,
    "log": -1,
    "inform": -1,
    "_inform": -1,
    "_notice": -1,
    "_report": -1,
    "LogMessage": -1,
    "LogFailure": 0,
    "StatusNotice": 0,
    "VerdictResult": 2,
    "FailureResult": 1,
    "Step": 2,
    **dict.fromkeys(("because", "BackendUnavailable", "TemporaryFailure", "UnexpectedError", "MalformedRequest"), 0),
    **dict.fromkeys(("CliUnavailable", "LoginRefused"), 0),
    **dict.fromkeys(("BadLine", "UnusableHash", "ServerUnavailable", "ConnectionBroke", "NoResponse"), 0),
}
_PLACEHOLDER = re.compile(r"%[-.0-9]*[a-z]|%%")
_MOST_STEPS = 6  # from a call that logs to a constant


class Part(NamedTuple):
    """A constant part of a text that may be logged, and the call that logs it."""

    text: str
    place: str


class _Function(NamedTuple):
    node: ast.FunctionDef | ast.AsyncFunctionDef | None  # None: the module
    names: dict[str, list[ast.expr]]  # what is assigned to its names


class Source:
    """The modules below some folders."""

    def __init__(self, root: Path, folders: list[str]) -> None:
        self._root = root
        self._calls: defaultdict[str, list[tuple[ast.Call, _Function]]] = defaultdict(list)
        self._attributes: defaultdict[str, list[tuple[ast.expr, _Function]]] = defaultdict(list)
        self._returns: defaultdict[str, list[tuple[ast.expr, _Function]]] = defaultdict(list)
        self._places: dict[ast.AST, str] = {}
        for folder in folders:
            for file in sorted((root / folder).rglob("*.py")):
                self._read(file)

    def parts(self) -> Iterator[Part]:
        """Return the constant parts of all texts that may be logged."""
        for name, calls in list(self._calls.items()):
            for call, function in calls:
                text = _logged_text(name, call)
                if text is not None:
                    for part in self._parts_of(text, function, _MOST_STEPS):
                        yield Part(part, self._places[call])

    def _read(self, file: Path) -> None:
        self._visit(ast.parse(file.read_text()), _Function(None, {}), str(file.relative_to(self._root)))

    def _visit(self, node: ast.AST, function: _Function, file: str) -> None:
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
            function = _Function(node, {})
        elif isinstance(node, ast.Call):
            self._calls[_name(node.func)].append((node, function))
            self._places[node] = f"{file}:{node.lineno}"
        elif isinstance(node, ast.Return) and node.value is not None and function.node is not None:
            self._returns[function.node.name].append((node.value, function))
        elif isinstance(node, ast.Assign | ast.AnnAssign | ast.AugAssign | ast.NamedExpr) and node.value is not None:
            for target in node.targets if isinstance(node, ast.Assign) else [node.target]:
                self._assign(target, node.value, function)
        elif isinstance(node, ast.For):
            self._assign(node.target, node.iter, function)
        for child in ast.iter_child_nodes(node):
            self._visit(child, function, file)

    def _assign(self, target: ast.expr, value: ast.expr, function: _Function) -> None:
        if isinstance(target, ast.Tuple) and isinstance(value, ast.Tuple) and len(target.elts) == len(value.elts):
            for name, each in zip(target.elts, value.elts, strict=True):
                self._assign(name, each, function)
        elif isinstance(target, ast.Name):
            function.names.setdefault(target.id, []).append(value)
        elif isinstance(target, ast.Attribute):
            self._attributes[target.attr].append((value, function))

    def _parts_of(self, text: ast.expr, function: _Function, steps: int) -> Iterator[str]:
        if isinstance(text, ast.Constant):
            if isinstance(text.value, str):
                yield from _PLACEHOLDER.split(text.value)
        elif isinstance(text, ast.Name | ast.Attribute | ast.Call):
            for value, where in self._values_of(text, function) if steps else ():
                yield from self._parts_of(value, where, steps - 1)
        elif not isinstance(text, ast.Compare | ast.Lambda):
            for child in ast.iter_child_nodes(text):
                if isinstance(child, ast.expr) and not (isinstance(text, ast.IfExp) and child is text.test):
                    yield from self._parts_of(child, function, steps)

    def _values_of(self, text: ast.expr, function: _Function) -> list[tuple[ast.expr, _Function]]:
        if isinstance(text, ast.Attribute):
            return self._attributes[text.attr] if text.attr.startswith("_") else []
        if isinstance(text, ast.Call):
            arguments = [(each, function) for each in text.args]
            return arguments + (self._returns[_name(text.func)] if _name(text.func).startswith("_") else [])
        assert isinstance(text, ast.Name)
        values = [(value, function) for value in function.names.get(text.id, [])]
        if function.node is not None:
            parameters = [each.arg for each in function.node.args.args if each.arg != "self"]
            if text.id in parameters:
                position = parameters.index(text.id)
                calls = self._calls[function.node.name]
                values += [(call.args[position], where) for call, where in calls if position < len(call.args)]
                values += [(default, function) for default in function.node.args.defaults]
        return values


def _name(function: ast.expr) -> str:
    return function.attr if isinstance(function, ast.Attribute) else getattr(function, "id", "")


def _logged_text(name: str, call: ast.Call) -> ast.expr | None:
    """Return the text that a call logs; None if it logs nothing."""
    of = ast.unparse(call.func.value) if isinstance(call.func, ast.Attribute) else ""
    if name in _LEVELS and (of.endswith("log") or "getLogger" in of):
        return ast.Tuple(call.args)  # what stands for the placeholders is a part of the text, too
    if name not in _SINKS or (name == "write" and not of.endswith("log")):
        return None
    named = [keyword.value for keyword in call.keywords if keyword.arg == "reason"]
    return named[0] if named else next(iter(call.args[_SINKS[name] :]), None)
