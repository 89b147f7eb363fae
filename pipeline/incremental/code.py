"""Digests of code: what a class's `build` can reach, without comments, docstrings or layout.

Only first-party modules (the root package's own) count; third-party code is represented by its version. The walk is
static: names imported by `importlib.import_module` or found in strings are not followed.
"""

from __future__ import annotations

import ast
import hashlib
import json
import os
import sys
from collections.abc import Iterable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

_PYTHON = f"{sys.version_info[0]}.{sys.version_info[1]}"  # ast.dump spells a tree differently from version to version
_Function = ast.FunctionDef | ast.AsyncFunctionDef


@dataclass(frozen=True)
class Module:
    """One first-party module as read from disk: its code digest, and the first-party modules it imports."""

    digest: str
    imports: tuple[str, ...]


@dataclass
class CodeReader:
    """Reads the modules below one root package, each once; a new reader sees the files as they are now.

    `skipped` names packages that stand for themselves by a version written by hand. `memory` is a JSON file of
    digests by content, which saves parsing what was parsed before.
    """

    root: str
    folder: Path
    skipped: tuple[str, ...] = ()
    memory: Path | None = None
    _modules: dict[str, Module | None] = field(default_factory=dict)
    _trees: dict[str, ast.Module] = field(default_factory=dict)
    _known: dict[str, Any] | None = None
    _used: dict[str, Any] = field(default_factory=dict)
    _dirty: bool = False

    def digest_class(self, cls: type) -> dict[str, str]:
        """Return {name: digest} of everything first-party that `cls.build` can reach.

        The class itself and its first-party bases count whole; modules count when `build`, or a method or property
        that it calls on `self`, uses them. Other task classes do not count: their outputs do.
        """
        classes = [base for base in cls.__mro__ if self._is_first_party(base.__module__)]
        key = f"{_PYTHON} class " + " ".join(
            f"{base.__module__}.{base.__qualname__}={self._source_digest(base)}" for base in classes
        )
        known = self._load_memory()
        if key not in known:
            digests, modules = self._walk_class(classes)
            known[key] = [digests, sorted(modules)]
            self._dirty = True
        digests, modules = self._used[key] = known[key]
        return {**digests, **self.digest_modules(modules)}

    def digest_modules(self, names: Iterable[str]) -> dict[str, str]:
        """Return {module: digest} of the named modules and of every first-party module they import, to closure."""
        digests: dict[str, str] = {}
        waiting = sorted(names)
        while waiting:
            name = waiting.pop()
            module = None if name in digests else self._module(name)
            if module is not None:
                digests[name] = module.digest
                waiting.extend(module.imports)
        return digests

    def save(self) -> None:
        """Write the memory, by rename, keeping only what this reader looked up."""
        if self.memory is None or not self._dirty:
            return
        self.memory.parent.mkdir(parents=True, exist_ok=True)
        draft = self.memory.with_name(f".{self.memory.name}.{os.getpid()}")
        draft.write_text(json.dumps(self._used, sort_keys=True))
        draft.replace(self.memory)
        self._dirty = False

    def _walk_class(self, classes: list[type]) -> tuple[dict[str, str], set[str]]:
        methods: dict[str, _Function] = {}
        homes: dict[str, str] = {}
        digests: dict[str, str] = {}
        for base in classes:
            node = _find_class(self._tree(base.__module__), base.__name__)
            digests[f"{base.__module__}.{base.__qualname__}"] = digest_tree(node)
            for item in node.body:
                if isinstance(item, _Function) and item.name not in methods:
                    methods[item.name] = item
                    homes[item.name] = base.__module__
        modules: set[str] = set()
        for name in sorted(_reached_methods(methods, "build")):
            reached, definitions = self._reached_by(methods[name], homes[name])
            modules |= reached
            digests |= definitions
        return digests, modules

    def _reached_by(self, node: ast.AST, home: str) -> tuple[set[str], dict[str, str]]:
        """Follow a node's names through the bindings of its module: imports to modules, definitions to their names."""
        tree = self._tree(home)
        bindings = _bindings(tree)
        modules = self._imported(ast.walk(node), home)
        definitions: dict[str, str] = {}
        waiting = sorted(_names(node))
        while waiting:
            name = waiting.pop()
            bound = bindings.get(name)
            label = f"{home}.{name}"
            if bound is None or label in definitions:
                continue
            if isinstance(bound, ast.Import | ast.ImportFrom):
                modules |= self._imported([_only(bound, name)], home)
            elif not isinstance(bound, ast.ClassDef):  # sibling tasks count by their outputs
                definitions[label] = digest_tree(bound)
                modules |= self._imported(ast.walk(bound), home)
                waiting.extend(sorted(_names(bound)))
        return modules, definitions

    def _module(self, name: str) -> Module | None:
        if name not in self._modules:
            self._modules[name] = self._read_module(name)
        return self._modules[name]

    def _read_module(self, name: str) -> Module | None:
        path = self._path(name)
        if path is None or name == self.root or self._is_skipped(name):
            return None
        source = path.read_bytes()
        key = f"{_PYTHON} module {name} {hashlib.sha256(source).hexdigest()}"
        known = self._load_memory()
        if key not in known:
            tree = _parse(source, path)
            known[key] = [digest_tree(tree), sorted(self._imported(ast.walk(tree), name))]
            self._dirty = True
        digest, imports = self._used[key] = known[key]
        return Module(digest, tuple(imports))

    def _imported(self, nodes: Iterable[ast.AST], home: str) -> set[str]:
        """Name the first-party modules that import statements bring in, with the packages on the way to them."""
        found: set[str] = set()
        for node in nodes:
            if isinstance(node, ast.Import):
                found.update(alias.name for alias in node.names)
            elif isinstance(node, ast.ImportFrom):
                base = self._absolute(node, home)
                found.add(base)
                found.update(f"{base}.{alias.name}" for alias in node.names)
        parents = {name.rsplit(".", depth)[0] for name in found for depth in range(name.count("."))}
        return {
            name for name in found | parents if self._is_first_party(name) and name != self.root and self._path(name) is not None
        }

    def _absolute(self, node: ast.ImportFrom, home: str) -> str:
        if not node.level:
            return node.module or ""
        path = self._path(home)
        is_package = path is not None and path.name == "__init__.py"
        base = home.split(".")[: len(home.split(".")) - node.level + is_package]
        return ".".join([*base, node.module] if node.module else base)

    def _path(self, name: str) -> Path | None:
        parts = name.split(".")
        if parts[0] != self.root:
            return None
        plain = self.folder.joinpath(*parts[1:])
        for path in (plain.with_suffix(".py"), plain / "__init__.py"):
            if path.is_file():
                return path
        return None

    def _tree(self, name: str) -> ast.Module:
        if name not in self._trees:
            path = self._path(name) or Path(sys.modules[name].__file__ or "")
            self._trees[name] = _parse(path.read_bytes(), path)
        return self._trees[name]

    def _source_digest(self, cls: type) -> str:
        path = self._path(cls.__module__)
        return hashlib.sha256(path.read_bytes()).hexdigest() if path else ""

    def _is_first_party(self, name: str) -> bool:
        return name.split(".", maxsplit=1)[0] == self.root and not self._is_skipped(name)

    def _is_skipped(self, name: str) -> bool:
        return any(name == skipped or name.startswith(f"{skipped}.") for skipped in self.skipped)

    def _load_memory(self) -> dict[str, Any]:
        if self._known is None:
            try:
                self._known = json.loads(self.memory.read_bytes()) if self.memory else {}
            except (OSError, ValueError):
                self._known = {}
        return self._known


def digest_tree(tree: ast.AST) -> str:
    """Return the sha256 of a syntax tree without docstrings; comments and layout are not in the tree at all."""
    return hashlib.sha256(ast.dump(_without_docstrings(tree)).encode()).hexdigest()


def _parse(source: bytes, path: Path) -> ast.Module:
    try:
        return ast.parse(source)
    except SyntaxError as error:
        error.filename = os.fspath(path)
        raise


def _without_docstrings(tree: ast.AST) -> ast.AST:
    for node in ast.walk(tree):
        if isinstance(node, ast.Module | ast.ClassDef | _Function) and node.body:
            first = node.body[0]
            if isinstance(first, ast.Expr) and isinstance(first.value, ast.Constant) and isinstance(first.value.value, str):
                node.body = node.body[1:]
    return tree


def _find_class(tree: ast.Module, name: str) -> ast.ClassDef:
    for node in tree.body:
        if isinstance(node, ast.ClassDef) and node.name == name:
            return node
    raise LookupError(f"class {name} must stand at the top level of its module for its code to be digested")


def _reached_methods(methods: dict[str, _Function], start: str) -> set[str]:
    reached: set[str] = set()
    waiting = [start]
    while waiting:
        name = waiting.pop()
        if name in methods and name not in reached:
            reached.add(name)
            waiting.extend(
                node.attr
                for node in ast.walk(methods[name])
                if isinstance(node, ast.Attribute) and isinstance(node.value, ast.Name) and node.value.id in ("self", "cls")
            )
    return reached


def _bindings(tree: ast.Module) -> dict[str, ast.stmt]:
    """Map each name bound at a module's top level to the statement that binds it."""
    bindings: dict[str, ast.stmt] = {}
    for node in tree.body:
        if isinstance(node, ast.Import | ast.ImportFrom):
            bindings.update({alias.asname or alias.name.split(".")[0]: node for alias in node.names})
        elif isinstance(node, ast.ClassDef | _Function):
            bindings[node.name] = node
        else:
            bindings.update(
                {name.id: node for name in ast.walk(node) if isinstance(name, ast.Name) and isinstance(name.ctx, ast.Store)}
            )
    return bindings


def _names(node: ast.AST) -> set[str]:
    return {name.id for name in ast.walk(node) if isinstance(name, ast.Name)}


def _only(node: ast.Import | ast.ImportFrom, name: str) -> ast.Import | ast.ImportFrom:
    """Narrow an import statement to the one name in use."""
    aliases = [alias for alias in node.names if (alias.asname or alias.name.split(".")[0]) == name]
    if isinstance(node, ast.Import):
        return ast.Import(names=aliases)
    return ast.ImportFrom(module=node.module, names=aliases, level=node.level)
