"""The methods of a generated class that know ideal scores, and which outcomes these have."""

from __future__ import annotations

from typing import TYPE_CHECKING

from lossc.compiler.emit.signature import Signature
from lossc.compiler.emit.value import align
from lossc.compiler.emit.writer import Writer
from lossc.compiler.plan import Plan


class IdealScores:
    """The part of ``Methods`` for specs whose best configuration comes from scores."""

    plan: Plan
    signature: Signature

    if TYPE_CHECKING:

        def writer(self) -> Writer: ...
        def method(
            self, name: str, arguments: list[str], returns: str, doc: str, body: list[str]
        ) -> list[str]: ...

    def best(self, sampled: bool) -> list[str]:
        """The ideal scores, and the best configuration that they have."""
        names = self.signature.arguments
        passed = ", ".join(f"ideal_{n}" if o else n for n, o in self._ideals())
        ideal = self.signature.plain()
        comma = "," if len(self.signature.inputs) == 1 else ""
        head = f"{names}{comma} = self.ideal({names})"
        lines = self._ideal(f"return {passed}{comma}")
        body = [head, f"ideal = self.families({names})"]
        binaries = "torch.cat([binaries_of(family).reshape(-1) for family in ideal])"
        doc = "The binaries of the spec's ideal scores, at every place of every family."
        if self.plan.free_ties:
            doc = "The binaries of the spec's ideal scores; equal ones stay as the scores are."
            binaries = "ideal_binaries(ideal, families)"
        arguments = [*ideal, "families: tuple[Family, ...]"]
        body.append(f"return {binaries}")
        lines += ["", *self.method("best", arguments, "Tensor", doc, body)]
        if sampled:
            doc = "Where the spec's ideal scores are equal, at every place of every family."
            tied = [*body[:-1], f"return tied_places(self.families({names}))"]
            lines += ["", *self.method("tied", ideal, "Tensor", doc, tied)]
        return lines

    def _ideals(self) -> list[tuple[str, bool]]:
        truth = self.plan.graph.truth
        return [(python, name in truth) for name, python in self.signature.inputs.items()]

    def _ideal(self, last: str) -> list[str]:
        """The inputs with the spec's ideal scores in place of the live ones."""
        writer = self.writer()
        lines = []
        for name, truth in self.plan.graph.truth.items():
            (value,) = writer.write(truth)
            axes = truth.bound
            shape = ", ".join(writer.size(axis.extent) for axis in axes)
            value = writer.named(align(writer.real(value), axes), "ideal", 44)
            code = (
                f"{self.signature.anchor}.new_tensor({value.code})" if value.scalar else value.atom
            )
            lines.append(f"ideal_{self.signature.inputs[name]} = {code}.expand({shape or '()'})")
        returned = f"tuple[{', '.join(['Tensor'] * len(self.signature.inputs))}]"
        doc = "The inputs, with the spec's ideal scores in place of the scores."
        body = [*writer.lines, *lines, last]
        return self.method("ideal", self.signature.plain(), returned, doc, body)
