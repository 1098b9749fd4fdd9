"""Who may import whom, read from the imports themselves."""

from __future__ import annotations

import ast
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parent.parent
# Imports go only downwards. grammar and runtime do not know each other.
LAYERS = ("lossc", "models", "compiler", "grammar", "runtime", "specs")
STRANGERS = {("grammar", "runtime"), ("runtime", "specs")}
# One library, one room: where each may be imported.
ROOMS = {
    "lark": ("grammar/parser.py", "grammar/prototxt.py"),
    "yaml": ("grammar/document.py",),
    "pydantic": ("grammar/yaml_shape.py", "models/"),
    "networkx": ("compiler/ir/graph.py",),
    "sympy": ("compiler/symbolic/",),
    "typer": ("lossc/",),
    "rich": ("lossc/", "models/"),
    "lightning": ("models/",),
    "torchmetrics": ("models/", "lossc/metric.py"),
    "sklearn": ("models/",),
    "scipy": ("models/",),
    "PIL": ("models/",),
    "matplotlib": ("models/",),
    "pooch": ("models/",),
}


@dataclass(frozen=True)
class Import:
    path: str
    line: int
    module: str
    names: tuple[str, ...]
    level: int
    typing_only: bool

    def __str__(self) -> str:
        return f"{self.path}:{self.line}: {'.' * self.level}{self.module}"


def read_imports(source: str, path: str) -> Iterator[Import]:
    def visit(node: ast.AST, typing_only: bool) -> Iterator[Import]:
        match node:
            case ast.Import(names=names):
                for name in names:
                    yield Import(path, node.lineno, name.name, (), 0, typing_only)
            case ast.ImportFrom(module=module, names=names, level=level):
                imported = tuple(name.name for name in names)
                yield Import(path, node.lineno, module or "", imported, level, typing_only)
            case ast.If(test=ast.Name(id="TYPE_CHECKING"), body=body, orelse=orelse):
                for child in body:
                    yield from visit(child, True)
                for child in orelse:
                    yield from visit(child, typing_only)
            case _:
                for child in ast.iter_child_nodes(node):
                    yield from visit(child, typing_only)

    yield from visit(ast.parse(source, path), False)


def sources(*folders: str) -> list[Path]:
    return sorted(path for folder in folders for path in (ROOT / folder).rglob("*.py"))


def all_imports(*folders: str) -> list[Import]:
    return [
        found
        for path in sources(*folders)
        for found in read_imports(
            path.read_text(encoding="utf-8"), path.relative_to(ROOT).as_posix()
        )
    ]


def layers_of(found: Import) -> set[str]:
    """The layers that an import reaches: ``from lossc import runtime`` reaches runtime."""
    parts = found.module.split(".")
    if parts[0] != "lossc":
        return set()
    if len(parts) > 1:
        return {parts[1] if parts[1] in LAYERS else "lossc"}
    return {name if name in LAYERS else "lossc" for name in found.names} or {"lossc"}


def climbs(found: Import) -> bool:
    own = found.path.split("/")[0]
    return any(
        LAYERS.index(other) < LAYERS.index(own) or (own, other) in STRANGERS
        for other in layers_of(found)
    )


def out_of_room(found: Import) -> bool:
    library = found.module.split(".")[0]
    rooms = ROOMS.get(library)
    return rooms is not None and not found.typing_only and not found.path.startswith(rooms)


@pytest.fixture(scope="module")
def imports() -> list[Import]:
    found = all_imports(*LAYERS)
    assert len(found) > 50  # the folders were found at all
    return found


def test_imports_go_downwards(imports):
    assert [str(found) for found in imports if climbs(found)] == []


def test_imports_are_absolute(imports):
    tests = all_imports("tests", "tools", "benchmarks")
    assert [str(found) for found in [*imports, *tests] if found.level] == []


def test_folders_are_imported_as_parts_of_lossc(imports):
    tests = all_imports("tests", "tools", "benchmarks")
    folders = set(LAYERS) - {"lossc"}
    bare = [found for found in [*imports, *tests] if found.module.split(".")[0] in folders]
    assert [str(found) for found in bare] == []


def test_one_library_one_room(imports):
    assert [str(found) for found in imports if out_of_room(found)] == []


def test_runtime_needs_torch_and_the_standard_library_only():
    allowed = {"torch", "lossc", *sys.stdlib_module_names}
    foreign = [f for f in all_imports("runtime") if f.module.split(".")[0] not in allowed]
    assert [str(found) for found in foreign] == []


def test_no_module_is_named_like_the_standard_library():
    named = [path for path in sources(*LAYERS) if path.stem in sys.stdlib_module_names]
    assert [str(path.relative_to(ROOT)) for path in named] == []


@pytest.mark.parametrize(
    ("path", "source"),
    [
        ("runtime/op.py", "from lossc.grammar.source import Span"),
        ("grammar/parser.py", "import lossc.runtime.op"),
        ("specs/__init__.py", "from lossc import runtime"),
        ("compiler/compile.py", "def f():\n    from lossc.models import trainer"),
        ("models/trainer.py", "import lossc"),
        ("grammar/load.py", "if TYPE_CHECKING:\n    from lossc.compiler.ir.node import Node"),
    ],
)
def test_an_upward_import_is_seen(path, source):
    assert [climbs(found) for found in read_imports(source, path)] == [True]


@pytest.mark.parametrize(
    ("path", "source", "seen"),
    [
        ("compiler/build.py", "import networkx as nx", True),
        ("compiler/diagram.py", "if TYPE_CHECKING:\n    import networkx as nx", False),
        ("compiler/symbolic/atoms.py", "import sympy", False),
        ("compiler/emit/module.py", "from sympy import Expr", True),
        ("grammar/parser.py", "import yaml", True),
    ],
)
def test_a_library_out_of_its_room_is_seen(path, source, seen):
    assert [out_of_room(found) for found in read_imports(source, path)] == [seen]
