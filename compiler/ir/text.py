"""Nodes as text in the language's own notation, so that a stage reads like its spec."""

from __future__ import annotations

from lossc.compiler.ir.node import Node

_SYMBOLS = {
    "add": "+", "sub": "-", "mul": "*", "div": "/", "floordiv": "//", "mod": "%", "pow": "^",
    "eq": "==", "ne": "!=", "lt": "<", "le": "<=", "gt": ">", "ge": ">=", "beats": "beats",
    "and": "and", "or": "or",
}  # fmt: skip
_LEVEL = {
    "else": 1, "or": 2, "and": 3, "not": 4,
    "eq": 5, "ne": 5, "lt": 5, "le": 5, "gt": 5, "ge": 5, "beats": 5,
    "add": 6, "sub": 6, "mul": 7, "div": 7, "floordiv": 7, "mod": 7, "neg": 8, "pow": 9,
}  # fmt: skip
_NAMES = {"maximum": "max", "minimum": "min"}


def text(node: Node) -> str:
    """The expression that a node stands for."""
    return _text(node)[0]


def _text(node: Node) -> tuple[str, int]:
    """The text and how tightly its outermost operator binds."""
    args = node.args
    match node.op:
        case "const":
            value = node.value
            if isinstance(value, bool):
                return ("true" if value else "false"), 10
            return (
                f'"{value}"'
                if isinstance(value, str)
                else f"{value:g}"
                if isinstance(value, float)
                else str(value)
            ), 10
        case "param" | "dim" | "input" | "define":
            return node.name, 10
        case "index":
            return node.index.name, 10
        case "at":
            places = ", ".join(text(arg) for arg in args[1:])
            return (f"{args[0].name}[{places}]" if places else args[0].name), 10
        case "iverson":
            return f"[{text(args[0])}]", 10
        case "binary":
            return f"{_inside(args[0], 6)} > {_inside(args[1], 6)}", 5
        case "ones":
            rows = ", ".join(i.name for i in node.letters)
            name = f"{'losses' if node.against else 'wins'}{node.family + 1}"
            return (f"{name}[{rows}]" if rows else name), 10
        case "winner":
            best = args[0]
            component = best.bound[node.component]
            return (text(best) if len(best.bound) == 1 else f"({text(best)}).{component}"), 7
        case "not":
            return f"not {_inside(args[0], 4)}", 4
        case "neg":
            return f"-{_inside(args[0], 8)}", 8
        case "else":
            return f"{_inside(args[0], 2)} else {_inside(args[1], 1)}", 1
        case "sort":
            where = f" | {text(args[2])}" if len(args) > 2 else ""
            return (
                f"sort[{_letters(node)}{where}] {_inside(args[0], 7)} at {_inside(args[1], 9)}",
                7,
            )
        case "rank":
            body, condition, at = args
            where = "" if condition.op == "const" else f" | {text(condition)}"
            return f"rank[{_letters(node)}{where}] {_inside(body, 7)} at {_inside(at, 9)}", 7
        case "times_log":
            return f"{_inside(args[0], 7)} * log({text(args[1])})", 7
        case "expected":
            weighed = f"{_inside(args[0], 7)} at {_inside(args[1], 9)}"
            return (
                f"{'softargmax' if node.attr('softmax') else 'moment'}[{_letters(node)}] {weighed}",
                7,
            )
        case "balance":
            sizes = " + ".join(f"abs({text(arg)})" for arg in args)
            sizes = f"({sizes}) / {len(args)}" if len(args) > 1 else sizes
            return f"1 / detach(mean[{_letters(node)}] {sizes})", 7
        case "combine" | "loss_of":
            return str(node.attr("written")), 10
        case "first_occurrence":
            return f"first({text(args[0])}, {text(args[1])})", 10
        case op if op in _SYMBOLS:
            level = _LEVEL[op]
            left = _inside(args[0], level)
            right = _inside(
                args[1], level + (op in ("sub", "div", "mod", "floordiv") or level == 5)
            )
            return f"{left} {_SYMBOLS[op]} {right}", level
    if node.bound:
        where = f" | {text(args[1])}" if len(args) > 1 else ""
        if node.op == "sum" and args[0].op == "const" and args[0].value == 1:
            return f"count[{_letters(node)}{where}]", 10
        return f"{node.op}[{_letters(node)}{where}] {_inside(args[0], 7)}", 7
    return f"{_NAMES.get(node.op, node.op)}({', '.join(text(arg) for arg in args)})", 10


def _inside(node: Node, level: int) -> str:
    inner, own = _text(node)
    return inner if own >= level else f"({inner})"


def _letters(node: Node) -> str:
    return ", ".join(
        f"{i.name} in {i.extent}" if i.extent.low or isinstance(i.extent.size, int) else i.name
        for i in node.bound
    )
