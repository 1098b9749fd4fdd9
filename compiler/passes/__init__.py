"""The refactoring, one rewrite a file; ``compiler/discrete.py`` lists them in the order they run.

Each pass takes a graph and returns one with the same value on every input; together they leave no
discrete operation on a live value but ``binary``: [left > right], with a stored outcome at a tie.
"""

from __future__ import annotations

from collections.abc import Callable

from lossc.compiler.ir.graph import Graph

Pass = Callable[[Graph], Graph]
