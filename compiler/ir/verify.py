"""What each stage may contain: run after every pass, so a broken pass is caught where it broke."""

from __future__ import annotations

from lossc.compiler.ir.graph import topological
from lossc.compiler.ir.node import DISCRETE_COMPARISONS, ORDERS, REDUCTIONS, Node
from lossc.compiler.ir.text import text
from lossc.grammar.errors import InternalError

LEAVES = frozenset({"const", "param", "dim", "index", "input", "ones"})
RELAXED_LEAVES = frozenset({"every", "some", "logs", "temperature"})
ELEMENTWISE = frozenset(
    [
        "add",
        "sub",
        "mul",
        "div",
        "floordiv",
        "mod",
        "pow",
        "neg",
        "abs",
        "exp",
        "log",
        "log2",
        "sqrt",
        "sigmoid",
        "logsigmoid",
        "tanh",
        "softplus",
        "relu",
        "sin",
        "cos",
        "sign",
        "floor",
        "ceil",
        "round",
        "maximum",
        "minimum",
        "detach",
        "iverson",
        "not",
        "and",
        "or",
        "where",
        "else",
        "times_log",
        "fused",
    ]
)
STRUCTURAL = frozenset({"define", "at", "winner", "binary", "first_occurrence"})
WHOLE = frozenset({"expected", "balance", "loss_of", "combine"})
OPERATIONS = LEAVES | ELEMENTWISE | STRUCTURAL | WHOLE | REDUCTIONS | ORDERS | DISCRETE_COMPARISONS

RELAXED = OPERATIONS | RELAXED_LEAVES | {"risen", "capped", "between"}

REFACTORED = OPERATIONS  # an argmax that is left is over counts, and belongs to the metric


def verify(root: Node, where: str, allowed: frozenset[str] = OPERATIONS) -> None:
    """Raises InternalError if the graph breaks a rule.

    Args:
        root: A closed scalar expression.
        where: The pass that made it, for the message.
        allowed: Operations that may occur.
    """
    if root.indices:
        letters = ", ".join(i.name for i in root.indices)
        raise InternalError(f"{where}: the goal has free indices {letters}: {text(root)}")
    for node in topological([root]):
        if node.op not in allowed:
            raise InternalError(f"{where}: operation '{node.op}' may not occur here: {text(node)}")
        free = {i for arg in node.args for i in arg.indices} - set(node.bound)
        if node.op not in ("index", "ones", "every", "some", "logs") and free != set(node.indices):
            raise InternalError(f"{where}: wrong free indices on {text(node)}")
        if node.op == "define" and node.indices:
            raise InternalError(f"{where}: definition {node.name} is not closed")
