"""Which file writes the forward pass of which interpolation."""

from __future__ import annotations

from collections.abc import Callable, Mapping

from lossc.compiler.emit.interpolations import bound, idw, multilinear, perturbed, substitute
from lossc.compiler.emit.interpolations.common import Forward, Parts

FORWARD: Mapping[str, Callable[[Parts], Forward]] = {
    "idw": idw.forward,
    "substitute": substitute.forward,
    "multilinear": multilinear.forward,
    "bound": bound.forward,
    "perturbed": perturbed.forward,
}
