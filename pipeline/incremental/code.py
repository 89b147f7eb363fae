"""Digests of code: what a class's `build` can reach, without comments, docstrings or layout.

Only first-party modules (the root package's own) count; third-party code is represented by its version. The walk is
static: names imported by `importlib.import_module` or found in strings are not followed.
"""

from __future__ import annotations

import ast
import hashlib
import os
import sys
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import msgspec

from pipeline.incremental.digests import Memory

_LAYER = hashlib.sha256(Path(__file__).read_bytes()).hexdigest()[:8]  # another way to look finds other digests
_PYTHON = f"{sys.version_info[0]}.{sys.version_info[1]}"  # ast.dump spells a tree differently from version to version
_Found = tuple[dict[str, str] | str, list[str]]  # what was looked up: digests, and the modules to follow
_Function = ast.FunctionDef | ast.AsyncFunctionDef
# What the first of these members of a task return is in its recipe by value; the others come before or after a build.
_BY_VALUE = frozenset({"settings", "files", "requires", "complete", "after_commit", "subject", "summary"})


@dataclass(frozen=True)
class Module:
    """One first-party module as read from disk: its code digest, and the first-party modules it imports."""

    digest: str
    imports: tuple[str, ...]


@dataclass
class CodeReader:
    """Reads the modules below one root package, each once; a new reader sees the files as they are now.

    `skipped` names packages that stand for themselves by a version written by hand. `memory` holds
    digests by content, which saves parsing what was parsed before.
    """

    root: str
    folder: Path
    skipped: tuple[str, ...] = ()
    memory: Memory = field(default_factory=lambda: Memory(None))
    _modules: dict[str, Module | None] = field(default_factory=dict)
    _trees: dict[str, ast.Module] = field(default_factory=dict)
    _bound: dict[str, tuple[dict[str, list[ast.stmt]], list[ast.ImportFrom]]] = field(default_factory=dict)
    _used: dict[str, Any] = field(default_factory=dict)
    _dirty: bool = False
    _sources: dict[Path, bytes] = field(default_factory=dict)

    def digest_class(self, cls: type) -> dict[str, str]:
        """Return {name: digest} of everything first-party that `cls.build` can reach.

        The class itself and its first-party bases count whole, but for Luigi's parameters and the members that say what
        the recipe holds by value; modules count when `build`, or a method or attribute that it takes from `self` or
        `super()`, uses them. Other task classes do not count: their outputs do.
        """
        classes = [base for base in cls.__mro__ if self._is_first_party(base.__module__)]
        sources = " ".join(f"{base.__module__}.{base.__qualname__}={self._source_digest(base)}" for base in classes)
        digests, modules = self._remember(f"class {sources}", lambda: self._walk_class(classes))
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
        if self._dirty:
            self.memory.save(self._used)
            self._dirty = False

    def _remember(self, key: str, look: Callable[[], tuple[Any, list[str]]]) -> tuple[Any, list[str]]:
        """Return what was found under this key before, by this Python and this layer, or look now."""
        key = f"{_PYTHON} {_LAYER} {' '.join(self.skipped)} {key}"
        try:
            found: tuple[Any, list[str]] = msgspec.convert(self._used.get(key) or self.memory.entries.get(key), _Found)
        except msgspec.ValidationError:  # there is none, or it is damaged
            found = look()
            self._dirty = True
        self._used[key] = found
        return found

    def _walk_class(self, classes: list[type]) -> tuple[dict[str, str], list[str]]:
        members: dict[str, list[tuple[ast.stmt, str]]] = {}
        digests: dict[str, str] = {}
        for base in classes:
            node = _find_class(self._tree(base.__module__), base.__name__)
            counted = [item for item in node.body if not _is_parameter(item) and _BY_VALUE.isdisjoint(_member_names(item))]
            digests[f"{base.__module__}.{base.__qualname__}"] = digest_tree(
                ast.Module([*node.bases, *node.keywords, *node.decorator_list, *counted], [])  # type: ignore[list-item]
            )
            for item in counted:
                for name in _member_names(item):
                    members.setdefault(name, []).append((item, base.__module__))
        modules: set[str] = set()
        for name in sorted(_reached_members(members, "build")):
            for item, home in members[name]:  # the bases' too: `super()` may call them
                reached, definitions = self._reached_by(item, home)
                modules |= reached
                digests |= definitions
        return digests, sorted(modules)

    def _reached_by(self, node: ast.AST, home: str) -> tuple[set[str], dict[str, str]]:
        """Follow a node's names through the bindings of its module: imports to modules, definitions to their names."""
        bindings, star_imports = self._bindings(home)
        modules = self._imported([*ast.walk(node), *star_imports], home)
        definitions: dict[str, list[str]] = {}
        waiting = sorted(_names(node))
        while waiting:
            name = waiting.pop()
            if f"{home}.{name}" in definitions:
                continue
            digests = definitions.setdefault(f"{home}.{name}", [])
            for bound in bindings.get(name, ()):
                if isinstance(bound, ast.Import | ast.ImportFrom):
                    modules |= self._imported([_only(bound, name)], home)
                elif not _is_task(home, name):  # sibling tasks count by their outputs
                    digests.append(digest_tree(bound))
                    modules |= self._imported(ast.walk(bound), home)
                    waiting.extend(sorted(_names(bound)))
        return modules, {label: " ".join(digests) for label, digests in definitions.items() if digests}

    def _module(self, name: str) -> Module | None:
        if name not in self._modules:
            self._modules[name] = self._read_module(name)
        return self._modules[name]

    def _read_module(self, name: str) -> Module | None:
        path = self._path(name)
        if path is None or name == self.root or self._is_skipped(name):
            return None
        source = self._source(path)

        def look() -> tuple[str, list[str]]:
            tree = _parse(source, path)
            return digest_tree(tree), sorted(self._imported(ast.walk(tree), name))

        digest, imports = self._remember(f"module {name} {hashlib.sha256(source).hexdigest()}", look)
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
        # Whether each is a module, or a name in one, is for whoever reads it to find out: that may change on disk.
        return {name for name in found | parents if self._is_first_party(name) and name != self.root}

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
        for path in (plain / "__init__.py", plain.with_suffix(".py")):
            if path.is_file():
                return path
        return None

    def _tree(self, name: str) -> ast.Module:
        if name not in self._trees:
            path = self._path(name) or Path(sys.modules[name].__file__ or "")
            self._trees[name] = _parse(self._source(path), path)
        return self._trees[name]

    def _bindings(self, name: str) -> tuple[dict[str, list[ast.stmt]], list[ast.ImportFrom]]:
        """Return what a module binds at its top level, and its imports of everything."""
        if name not in self._bound:
            self._bound[name] = _bindings(self._tree(name)), _star_imports(self._tree(name))
        return self._bound[name]

    def _source_digest(self, cls: type) -> str:
        path = self._path(cls.__module__)
        return hashlib.sha256(self._source(path)).hexdigest() if path else ""

    def _source(self, path: Path) -> bytes:
        """Return a file's bytes as this reader first saw them: one look, or a digest could mix two states."""
        if path not in self._sources:
            self._sources[path] = path.read_bytes()
        return self._sources[path]

    def _is_first_party(self, name: str) -> bool:
        return name.split(".", maxsplit=1)[0] == self.root and not self._is_skipped(name)

    def _is_skipped(self, name: str) -> bool:
        return any(name == skipped or name.startswith(f"{skipped}.") for skipped in self.skipped)


def digest_tree(tree: ast.AST) -> str:
    """Return the sha256 of a syntax tree without docstrings; comments and layout are not in the tree at all."""
    return hashlib.sha256(ast.dump(_without_docstrings(tree)).encode()).hexdigest()


def _parse(source: bytes, path: Path) -> ast.Module:
    try:
        return ast.parse(source)
    except SyntaxError as error:
        error.filename = os.fspath(path)
        raise


def _is_task(module: str, name: str) -> bool:
    """Say whether a name stands for a Luigi task class, as the module was imported."""
    return hasattr(getattr(sys.modules.get(module), name, None), "task_family")


def _without_docstrings(tree: ast.AST) -> ast.AST:
    """Drop every string that stands for itself: none does anything, and attributes have their docstrings below them."""
    for node in ast.walk(tree):
        if isinstance(node, ast.Module | ast.ClassDef | _Function):
            node.body = [item for item in node.body if not _is_bare_string(item)]
    return tree


def _is_bare_string(node: ast.stmt) -> bool:
    return isinstance(node, ast.Expr) and isinstance(node.value, ast.Constant) and isinstance(node.value.value, str)


def _find_class(tree: ast.Module, name: str) -> ast.ClassDef:
    for node in tree.body:
        if isinstance(node, ast.ClassDef) and node.name == name:
            return node
    raise LookupError(f"class {name} must stand at the top level of its module for its code to be digested")


def _member_names(node: ast.stmt) -> list[str]:
    """Name the members of a class that one statement of its body gives it."""
    if isinstance(node, _Function):
        return [node.name]
    return sorted(_stored_names(node)) if isinstance(node, ast.Assign | ast.AnnAssign) else []


def _is_parameter(node: ast.stmt) -> bool:
    """Say whether a statement declares one of Luigi's parameters: its value is in the recipe, its help text no one's business."""
    value = node.value if isinstance(node, ast.Assign | ast.AnnAssign) else None
    return isinstance(value, ast.Call) and ast.unparse(value.func).endswith("Parameter")


def _reached_members(members: dict[str, list[tuple[ast.stmt, str]]], start: str) -> set[str]:
    reached: set[str] = set()
    waiting = [start]
    while waiting:
        name = waiting.pop()
        if name in members and name not in reached:
            reached.add(name)
            waiting.extend(
                node.attr
                for item, _ in members[name]
                for node in ast.walk(item)
                if isinstance(node, ast.Attribute) and _is_own(node.value)
            )
    return reached


def _is_own(node: ast.expr) -> bool:
    """Say whether an expression is `self`, `cls` or `super()`."""
    if isinstance(node, ast.Call):
        return isinstance(node.func, ast.Name) and node.func.id == "super"
    return isinstance(node, ast.Name) and node.id in ("self", "cls")


def _bindings(tree: ast.Module) -> dict[str, list[ast.stmt]]:
    """Map each name bound at a module's top level, also inside `if` and `try`, to the statements that bind or change it."""
    bindings: dict[str, list[ast.stmt]] = {}
    for node in tree.body:
        for name in _bound_names(node):
            bindings.setdefault(name, []).append(node)
    return bindings


def _bound_names(node: ast.stmt) -> set[str]:
    if isinstance(node, ast.Import | ast.ImportFrom):
        return {alias.asname or alias.name.split(".")[0] for alias in node.names}
    if isinstance(node, ast.ClassDef | _Function):
        return {node.name}
    if isinstance(node, ast.Expr):  # TABLE.update(...) changes what TABLE stands for
        return _changed_names(node)
    inner = [child for child in ast.walk(node) if isinstance(child, ast.Import | ast.ImportFrom | ast.ClassDef | _Function)]
    return _stored_names(node).union(*map(_bound_names, inner))


def _stored_names(node: ast.AST) -> set[str]:
    """Name what a statement assigns to, whole or in part."""
    found: set[str] = set()
    for child in ast.walk(node):
        if isinstance(child, ast.Name | ast.Attribute | ast.Subscript) and isinstance(child.ctx, ast.Store):
            target: ast.expr = child
            while isinstance(target, ast.Attribute | ast.Subscript):
                target = target.value
            found |= {target.id} if isinstance(target, ast.Name) else set()
    return found


def _changed_names(node: ast.Expr) -> set[str]:
    """Name what a statement calls a method of."""
    return {
        name.id
        for call in ast.walk(node)
        if isinstance(call, ast.Call) and isinstance(call.func, ast.Attribute)
        for name in ast.walk(call.func.value)
        if isinstance(name, ast.Name)
    }


def _star_imports(tree: ast.Module) -> list[ast.ImportFrom]:
    """Return the statements whose names nobody can tell apart: all that they import counts."""
    return [node for node in ast.walk(tree) if isinstance(node, ast.ImportFrom) and node.names[0].name == "*"]


def _names(node: ast.AST) -> set[str]:
    return {name.id for name in ast.walk(node) if isinstance(name, ast.Name)}


def _only(node: ast.Import | ast.ImportFrom, name: str) -> ast.Import | ast.ImportFrom:
    """Narrow an import statement to the one name in use."""
    aliases = [alias for alias in node.names if (alias.asname or alias.name.split(".")[0]) == name]
    if isinstance(node, ast.Import):
        return ast.Import(names=aliases)
    return ast.ImportFrom(module=node.module, names=aliases, level=node.level)
