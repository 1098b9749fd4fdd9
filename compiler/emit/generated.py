"""What the compiler may call of a generated module's class."""

from __future__ import annotations

from typing import Protocol

from torch import Tensor


class GeneratedMetric(Protocol):
    """The class of a metric, as :class:`lossc.compiler.emit.methods.Methods` writes it."""

    validate: bool

    def prepare(self, *args: Tensor, **inputs: Tensor) -> tuple[Tensor, ...]: ...
    def metric(self, *args: Tensor, **inputs: Tensor) -> Tensor: ...
    def refactored(self, *args: Tensor, **inputs: Tensor) -> Tensor: ...
    def comparisons(self, *args: Tensor, **inputs: Tensor) -> Tensor: ...
    def evaluate_binaries(self, binaries: Tensor, *args: Tensor, **inputs: Tensor) -> Tensor: ...
