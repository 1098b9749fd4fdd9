"""What a generated function takes: inputs, params, dims, and the code that checks them."""

from __future__ import annotations

import re
from dataclasses import dataclass

from lossc.compiler.emit.names import class_name, identifier
from lossc.compiler.emit.text import definition, number, quoted
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
        """``scores: Tensor``; from the first optional one on, Python wants defaults for all."""
        optional, arguments = False, []
        for entry in self.spec.inputs:
            optional = optional or entry.kind.default is not None
            default = " | None = None" if optional else ""
            arguments.append(f"{self.inputs[entry.name.id]}: Tensor{default}")
        return arguments

    def needed(self) -> list[str]:
        """Complaints of required inputs that follow an optional one and were left out."""
        lines = []
        for entry, argument in zip(self.spec.inputs, self.typed(), strict=True):
            if entry.kind.default is None and argument.endswith("None"):
                name = self.inputs[entry.name.id]
                message = quoted(f"{name}: this input cannot be left out")
                lines += [f"if {name} is None:", f"    raise ValueError({message})"]
        return lines

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
        known: set[str | int] = set()  # dims whose sizes have been entered for certain
        later: list[str] = []
        for entry in self.spec.inputs:
            name, kind = self.inputs[entry.name.id], entry.kind
            block = self._shape(entry, name)
            if kind.default is None:
                known |= {dim.size for dim in kind.dims}
            values = self._values(entry, name)
            within = self._range(entry, name)
            if kind.below is None or isinstance(kind.below.size, int) or kind.below.size in known:
                block += [values, *within]
                values = ""
            if kind.default is not None:
                block = [f"if {name} is not None:", *("    " + line for line in block)]
                values = values and f"if {name} is not None:\n    {values}"
            lines += ["    " + line for line in block]
            later += values.split("\n") if values else []
        lines += ["    " + line for line in later]
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

    def _shape(self, entry: sx.Input, name: str) -> list[str]:
        kind = entry.kind
        dims = ", ".join(
            quoted(d.size) if isinstance(d.size, str) else str(d.size) for d in kind.dims
        )
        comma = "," if len(kind.dims) == 1 else ""
        return [f"check_shape({quoted(name)}, {name}, ({dims}{comma}), sizes)"]

    def _values(self, entry: sx.Input, name: str) -> str:
        kind = entry.kind
        if kind.type == "real":
            return f"check_real({quoted(name)}, {name}, {kind.live})"
        if kind.type == "bool":
            return f"check_flag({quoted(name)}, {name})"
        below = "None"
        if kind.below is not None:
            size = kind.below.size
            below = str(size) if isinstance(size, int) else f"sizes[{quoted(size)}]"
        ignore = f"int(self.{self.params[kind.ignore.id]})" if kind.ignore is not None else "None"
        return f"check_index({quoted(name)}, {name}, {below}, {ignore})"

    def _range(self, entry: sx.Input, name: str) -> list[str]:
        bounds = entry.kind.range
        if bounds is None:
            return []
        ends = [number(bounds.low), number(bounds.high)]
        closed = [str(bounds.closed_low), str(bounds.closed_high)]
        indent = 12 if entry.kind.default is None else 16
        call = definition("check_range", [quoted(name), name, *ends, *closed], "", indent)
        return [line[indent:] for line in call]

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
    taken = {class_name(spec.name.id)}  # the functional form calls it

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
    live = [entry for entry in spec.inputs if entry.kind.live]
    anchor = inputs[next((e for e in live if e.kind.default is None), live[0]).name.id]
    return Signature(spec, inputs, dims, params, numeric, anchor)
