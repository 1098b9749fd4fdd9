"""Writes ``lossc/losses/__init__.pyi``: what editors and type checkers know of the bundled losses.

``python tools/stubs.py`` writes it, ``--check`` compares it and changes nothing.
"""

from __future__ import annotations

import keyword
import subprocess
import sys
import textwrap
from collections.abc import Iterator
from math import inf
from pathlib import Path

from lossc import specs
from lossc.compiler.build import read_and_build
from lossc.compiler.emit.forward import option_lines
from lossc.compiler.emit.interpolations.common import Forward
from lossc.compiler.emit.names import class_name, identifier
from lossc.compiler.emit.signature import Signature, signature_of
from lossc.compiler.emit.text import quoted
from lossc.compiler.ir.graph import Graph
from lossc.compiler.surrogate import plan_surrogate
from lossc.grammar import syntax as sx

ROOT = Path(__file__).resolve().parent.parent
STUB = ROOT / "lossc" / "losses" / "__init__.pyi"
HEAD = '''"""The bundled losses: a module, a function and a class of each spec.

Written by ``tools/stubs.py`` from the specs: change those.
"""

from torch import Tensor, nn
'''


def stub() -> str:
    """The whole file."""
    graphs = [read_and_build(specs.path(name)) for name in specs.names()]
    text = "\n\n".join([HEAD, *(line for graph in graphs for line in _entries(graph))])
    command = [sys.executable, "-m", "ruff", "format", "--stdin-filename", str(STUB), "-"]
    return subprocess.run(
        command, input=text, cwd=ROOT, capture_output=True, text=True, check=True
    ).stdout


def _entries(graph: Graph) -> Iterator[str]:
    signature, spec = signature_of(graph), graph.spec
    inputs, params = ", ".join(signature.typed()), list(_params(graph, signature))
    options, seed = [*params], []
    if graph.goal != "loss":
        plan = plan_surrogate(spec)
        surrogate = option_lines(plan, Forward([], random=plan.method.random))[0]
        options, seed = [*params, *surrogate], surrogate[-1:] if plan.method.random else []
    options.append("validate: bool = True")
    name = class_name(spec.name.id)
    yield f"class {name}(nn.Module):"
    yield _docstring(graph, signature)
    yield f"    def __init__(self, *, {', '.join(options)}) -> None: ..."
    methods = ["forward", "__call__"]
    methods += ["metric", "refactored", "comparisons"] if graph.goal != "loss" else []
    for method in methods:
        yield f"    def {method}(self, {inputs}) -> Tensor: ..."
    if graph.goal != "loss":
        yield f"    def evaluate_binaries(self, binaries: Tensor, {inputs}) -> Tensor: ..."
    yield "    def set_epoch(self, epoch: int) -> None: ..."
    if graph.root.op == "combine":
        yield f"    def terms(self, {inputs}) -> dict[str, Tensor]: ..."
        yield "    def figures(self) -> dict[str, float]: ..."
    keywords = ", ".join(["", "*", *params, *seed]) if params or seed else ""
    yield f"def {identifier(spec.name.id, {name})}({inputs}{keywords}) -> Tensor:"
    yield f'    """The loss as a function; ``{name}`` keeps the options and the step."""'


def _params(graph: Graph, signature: Signature) -> Iterator[str]:
    for param in graph.spec.params:
        name, value = param.name.id, param.default
        if isinstance(value, str) and name.isidentifier() and not keyword.iskeyword(name):
            yield f"{name}: str = {quoted(value)}"
    for name, python in signature.params.items():
        number = signature.values[name]
        written = f'float("{number}")' if number in (inf, -inf) else repr(number)
        yield f"{python}: {type(number).__name__} = {written}"


def _docstring(graph: Graph, signature: Signature) -> str:
    spec = graph.spec
    lines = [f"The loss of the spec ``{spec.name.id}``.", ""]
    lines += [*textwrap.wrap(spec.doc, 88), ""] if spec.doc else []
    if graph.goal != "loss":
        sign = "minus " if graph.goal == "evaluate" else ""
        lines += [
            f"The loss is {sign}the interpolated metric; ``metric`` is the metric itself.",
            "",
        ]
    lines.append("Inputs:")
    for entry in spec.inputs:
        lines.append(f"    {signature.inputs[entry.name.id]}: ``{_written(entry.kind)}``.")
    text = "\n".join(lines).replace("\\", "\\\\").replace('"""', '\\"\\"\\"')
    return textwrap.indent(f'"""{text}\n"""', "    ")


def _written(kind: sx.Kind) -> str:
    return " ".join(kind.span.text.split())


def main(arguments: list[str]) -> int:
    """Write the file, or compare it. Returns 1 where it differs."""
    text = stub()
    there = STUB.read_text(encoding="utf-8") if STUB.is_file() else ""
    if arguments == ["--check"]:
        if text != there:
            print(f"{STUB.relative_to(ROOT)} is not up to date: run python tools/stubs.py")
        return int(text != there)
    STUB.write_text(text, encoding="utf-8")
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
