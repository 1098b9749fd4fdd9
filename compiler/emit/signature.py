"""What a generated function takes: inputs, params, dims, and the code that checks them."""

from __future__ import annotations

import re
from dataclasses import dataclass

from lossc.compiler.emit.names import identifier
from lossc.compiler.emit.text import quoted
from lossc.compiler.ir.graph import Graph
from lossc.grammar import syntax as sx


@dataclass(frozen=True)
class Signature:
    """Python names for everything that a spec declares.

    Args:
        inputs: Python name by input name, in the spec's order.
        dims: Python name by dim symbol.
        params: Python name by param name; numeric ones only.
        anchor: The Python name of the first live input, whose dtype and device the rest follows.
    """

    spec: sx.Spec
    inputs: dict[str, str]
    dims: dict[str, str]
    params: dict[str, str]
    values: dict[str, int | float]
    anchor: str

    @property
    def names(self) -> dict[str, str]:
        return {**self.dims, **self.inputs}

    @property
    def arguments(self) -> str:
        """``scores, label``: how one method passes the inputs on to another."""
        return ", ".join(self.inputs.values())

    def typed(self) -> list[str]:
        """``scores: Tensor``, optional ones last as they were declared."""
        optional = {
            e.name.id: " | None = None" for e in self.spec.inputs if e.kind.default is not None
        }
        return [f"{name}: Tensor{optional.get(key, '')}" for key, name in self.inputs.items()]

    def plain(self) -> list[str]:
        return [f"{name}: Tensor" for name in self.inputs.values()]

    def dim_lines(self, code: str) -> list[str]:
        """Assignments of the dims that ``code`` mentions."""
        lines = []
        for dim, name in self.dims.items():
            if re.search(rf"(?<![\w.]){re.escape(name)}(?!\w)", code):
                entry, axis = next(
                    (entry, place)
                    for entry in self.spec.inputs
                    for place, size in enumerate(entry.kind.dims)
                    if size.size == dim and entry.kind.default is None
                )
                lines.append(f"{name} = {self.inputs[entry.name.id]}.shape[{axis}]")
        return lines

    def prepare(self) -> list[str]:
        """The body of ``prepare``: checks in eager mode, then dtypes."""
        lines = ["if self.validate and not torch.compiler.is_compiling():"]
        lines.append("    sizes: dict[str, int] = {}")
        for entry in self.spec.inputs:
            name, kind = self.inputs[entry.name.id], entry.kind
            block = self._checks(entry, name)
            if kind.default is not None:
                block = [f"if {name} is not None:", *("    " + line for line in block)]
            lines += ["    " + line for line in block]
        for entry in self.spec.inputs:
            lines += self._default(entry)
        for entry in self.spec.inputs:
            if entry.kind.live:
                name = self.inputs[entry.name.id]
                lines.append(f"{name} = as_scores({name})")
        for entry in self.spec.inputs:
            lines += self._cast(entry)
        lines.append(f"return {self.arguments}" + ("," if len(self.inputs) == 1 else ""))
        return lines

    def _checks(self, entry: sx.Input, name: str) -> list[str]:
        kind = entry.kind
        dims = ", ".join(
            quoted(d.size) if isinstance(d.size, str) else str(d.size) for d in kind.dims
        )
        comma = "," if len(kind.dims) == 1 else ""
        lines = [f"check_shape({quoted(name)}, {name}, ({dims}{comma}), sizes)"]
        if kind.type == "real":
            lines.append(f"check_real({quoted(name)}, {name}, {kind.live})")
        elif kind.type == "bool":
            lines.append(f"check_flag({quoted(name)}, {name})")
        else:
            below = "None"
            if kind.below is not None:
                size = kind.below.size
                below = str(size) if isinstance(size, int) else f"sizes[{quoted(size)}]"
            ignore = (
                f"int(self.{self.params[kind.ignore.id]})" if kind.ignore is not None else "None"
            )
            lines.append(f"check_index({quoted(name)}, {name}, {below}, {ignore})")
        return lines

    def _default(self, entry: sx.Input) -> list[str]:
        if entry.kind.default is None:
            return []
        name = self.inputs[entry.name.id]
        dims = [
            self.dims[d.size] if isinstance(d.size, str) else str(d.size) for d in entry.kind.dims
        ]
        shape = f"({', '.join(dims)}{',' if len(dims) == 1 else ''})"
        dtype = {"int": ", dtype=torch.long", "bool": ", dtype=torch.bool", "real": ""}[
            entry.kind.type
        ]
        return [
            f"if {name} is None:",
            f"    {name} = {self.anchor}.new_full({shape}, {entry.kind.default!r}{dtype})",
        ]

    def _cast(self, entry: sx.Input) -> list[str]:
        name, kind = self.inputs[entry.name.id], entry.kind
        if kind.type == "bool":
            return [f"{name} = {name}.bool()"]
        if kind.type == "int":
            return [f"{name} = {name}.long()"]
        if name != self.anchor:
            return [f"{name} = {name}.to({self.anchor}.dtype)"]
        return []


def signature_of(graph: Graph) -> Signature:
    """The names of a graph's spec in Python, free of clashes."""
    spec = graph.spec
    taken: set[str] = set()

    def fresh(name: str) -> str:
        python = identifier(name, taken)
        taken.add(python)
        return python

    inputs = {entry.name.id: fresh(entry.name.id) for entry in spec.inputs}
    symbols = {
        dim.size for entry in spec.inputs for dim in entry.kind.dims if isinstance(dim.size, str)
    }
    dims = {symbol: fresh(symbol) for symbol in sorted(symbols)}
    numeric = {name: value for name, value in graph.params.items() if not isinstance(value, str)}
    params = {name: fresh(name) for name in numeric}
    anchor = next(inputs[entry.name.id] for entry in spec.inputs if entry.kind.live)
    return Signature(spec, inputs, dims, params, numeric, anchor)
