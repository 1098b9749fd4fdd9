"""What a command says of a surrogate that would not start to learn."""

from __future__ import annotations

from typing import TYPE_CHECKING

from lossc.commands.guard import complain

if TYPE_CHECKING:
    from lossc.compiler.compile import CompiledLoss


def warn_of_dead_start(compiled: CompiledLoss, reference: str) -> None:
    """Warns on standard error, with a remedy, where scores near one another have no gradient."""
    from lossc.compiler.audit import dead_start

    finding = dead_start(compiled.unscheduled)
    if finding is not None:
        complain(f"{reference}: {finding}")
