"""The rewrites of a ``loss``, in the order in which they run.

What is written as textbooks have it becomes what floating-point numbers can do.
"""

from __future__ import annotations

from lossc.compiler.passes import Pass
from lossc.compiler.passes.complements import complements
from lossc.compiler.passes.guarded_choices import guarded_choices
from lossc.compiler.passes.one_hot import one_hot
from lossc.compiler.passes.softmaxes import softmaxes
from lossc.compiler.passes.stable_logs import stable_logs
from lossc.compiler.passes.zero_limits import zero_limits

LOSS_PASSES: tuple[Pass, ...] = (
    stable_logs,
    softmaxes,
    complements,
    zero_limits,
    one_hot,
    guarded_choices,
)
