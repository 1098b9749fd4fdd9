"""The methods of a generated loss of several terms: how they are weighed, and what it tells."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import cast

from lossc.compiler.emit.methods import Methods
from lossc.compiler.emit.names import identifier
from lossc.compiler.emit.signature import Signature
from lossc.compiler.emit.text import definition, indented, quoted, wrapped
from lossc.compiler.front.terms import Group
from lossc.compiler.plan import Plan


@dataclass(frozen=True)
class Embedded:
    """The class of a loss that another one calls.

    Args:
        name: What it is called.
        lines: Its text, with those that it calls itself.
        options: Arguments that it shares with the loss that it belongs to.
        seed: Of its draws; ``None``: it draws nothing.
        params: The Python names of its params.
    """

    name: str
    lines: list[str]
    options: tuple[str, ...]
    seed: int | None = None
    params: Mapping[str, str] = field(default_factory=dict)


class Combination:
    """What `combine` becomes in the class of a loss.

    Args:
        plan: The loss.
        signature: Its names.
        parts: The classes of the specs that its terms call, by term.
    """

    def __init__(self, plan: Plan, signature: Signature, parts: dict[str, Embedded]):
        root = plan.graph.root
        self.plan, self.signature, self.parts = plan, signature, parts
        self.names = cast("tuple[str, ...]", root.attr("names"))
        self.groups = cast("tuple[Group, ...]", root.attr("groups"))
        self.written = str(root.attr("written"))
        taken = {*signature.names.values(), *signature.params.values()}

        def fresh(name: str) -> str:
            python = identifier(name, taken)
            taken.add(python)
            return python

        self.losses = {term: fresh(f"{term}_loss") for term in parts}
        #: The attribute of each weighting, by the place of its group.
        self.weightings = {
            place: fresh(group.weighting.name)
            for place, group in enumerate(self.groups)
            if group.weighting is not None
        }

    def _passed(self, scheduled: bool, names: Collection[str]) -> Iterator[tuple[str, str, str]]:
        """Params that follow one of the loss: the term, and the Python names of both."""
        for call in self.plan.graph.calls:
            for theirs, own in call.passed.items():
                if (own in names) == scheduled:
                    params = self.parts[call.name].params
                    yield call.name, params[theirs], self.signature.params[own]

    def follows(self, names: Collection[str]) -> list[str]:
        """Statements that bring the params of called losses up to date.

        Args:
            names: Params that are scheduled.
        """
        found = self._passed(True, names)
        return [f"self.{self.losses[term]}.{theirs} = self.{own}" for term, theirs, own in found]

    def init(self, scheduled: Collection[str]) -> list[str]:
        """Statements of ``__init__``; ``scheduled`` are params that it does not take."""
        lines = []
        params = list(self._passed(False, scheduled))
        for term, part in self.parts.items():
            passed = [f"{theirs}={own}" for name, theirs, own in params if name == term]
            passed += [f"{name}={name}" for name in part.options]
            lines += _call(f"self.{self.losses[term]} = {part.name}", passed)
        for place, name in self.weightings.items():
            group = self.groups[place]
            assert group.weighting is not None
            options = [
                f"{key}={quoted(value) if isinstance(value, str) else repr(value)}"
                for key, value in group.weighting.options
            ]
            start = sum(each.members for each in self.groups[:place])
            members = self.names[start : start + group.members]
            listed = ", ".join(quoted(member) for member in members)
            passed = [str(group.members), f"names=({listed})", *options]
            lines += _call(f"self.{name} = {group.weighting.entry.class_name}", passed)
        if self._needs_gradients:
            lines.append("self.shared: list[Tensor] | None = None")
        comma = "," if len(self.names) == 1 else ""
        listed = ", ".join(quoted(name) for name in self.names)
        lines += _call("self.reported = TermFigures", [f"({listed}{comma})"])
        return lines

    @property
    def _needs_gradients(self) -> bool:
        return any(
            group.weighting is not None and group.weighting.entry.needs_gradients
            for group in self.groups
        )

    def methods(self, methods: Methods, begins: Sequence[str], prepare: str) -> list[str]:
        """``forward``, ``terms``, ``figures``, and the method that computes the values."""
        signature, names = self.signature, self.signature.arguments
        head = definition("def forward", ["self", *signature.typed()], " -> Tensor:", 0)
        body = [
            '"""The loss: a scalar."""',
            *begins,
            prepare,
            f"values, weights = self.measured({names})",
            *wrapped(self.written, 88, "# ", "#   "),
            *self._total(),
            "self.reported.add(values, weights)",
            "return self.defined(total)" if self.plan.undefined else "return total",
        ]
        # compiled, it would measure at copies of the inputs, on which no term depends
        apart = ["@torch.compiler.disable  # type: ignore[untyped-decorator]"]
        lines = [*(apart if self._needs_gradients else []), *head, *indented(body, 4)]
        arguments = ["self", *signature.typed()]
        head = definition("def terms", arguments, " -> dict[str, Tensor]:", 0)
        told = [
            '"""The value of each term, with its gradient, as it is before it is weighed."""',
            prepare,
            f"values, _ = self.measured({names})",
            "return dict(zip(self.reported.names, values.unbind(), strict=True))",
        ]
        lines += ["", *head, *indented(told, 4)]
        figures = [
            '"""Value, weight and share of each term: means over the calls in training so far.',
            "",
            "They are counted anew from here on; keys are ``value/NAME`` and the like.",
            '"""',
            "return self.reported.take()",
        ]
        lines += ["", "def figures(self) -> dict[str, float]:", *indented(figures, 4)]
        called = {term: f"self.{name}" for term, name in self.losses.items()}
        lines += ["", *methods.measured(called)]
        if self.plan.undefined:
            lines += ["", *methods.defined()]
        return lines

    def _total(self) -> list[str]:
        """The statements that weigh the values."""
        if not self.weightings:
            return ["total = (weights * values).sum()"]
        lines = []
        if self._needs_gradients:
            live = [
                self.signature.inputs[entry.name.id]
                for entry in self.signature.spec.inputs
                if entry.kind.live
            ]
            comma = "," if len(live) == 1 else ""
            passed = ["self.shared", f"({', '.join(live)}{comma})"]
            lines += _call("shared = shared_tensors", passed)
        sums, spread = [], []
        start = single = place = 0
        while place < len(self.groups):
            group = self.groups[place]
            if group.weighting is None:
                run = place
                while run < len(self.groups) and self.groups[run].weighting is None:
                    run += 1
                count = run - place
                own = f"weights[{single}:{single + count}]"
                sums.append(f"({own} * values[{start}:{start + count}]).sum()")
                spread.append(own)
                place, start, single = run, start + count, single + count
                continue
            name, end = self.weightings[place], start + group.members
            shared = ", shared" if group.weighting.entry.needs_gradients else ""
            weighed = f"self.{name}(values[{start}:{end}]{shared})"
            sums.append(f"weights[{single}] * {weighed}")
            spread.append(f"weights[{single}] * self.{name}.weights")
            place, start, single = place + 1, end, single + 1
        lines.append(f"total: Tensor = {sums[0]}")
        lines += [f"total = total + {each}" for each in sums[1:]]
        joined = spread[0] if len(spread) == 1 else f"torch.cat([{', '.join(spread)}])"
        return [*lines, f"weights = {joined}"]

    def told(self) -> list[str]:
        """Statements of ``set_epoch`` for the weightings that go by epochs."""
        return [
            f"self.{name}.set_epoch(epoch)"
            for place, name in self.weightings.items()
            if (weighting := self.groups[place].weighting) and weighting.entry.told_epochs
        ]

    def seeds(self) -> list[int]:
        """The seeds of those terms that draw at random."""
        return [part.seed for part in self.parts.values() if part.seed is not None]


def _call(head: str, passed: Sequence[str]) -> list[str]:
    """A statement of a method that calls something, broken where it is too long."""
    return [line[8:] for line in definition(head, passed, "", 8)]
