"""Expressions to documents: no more brackets than needed, and where long ones may be broken."""

from __future__ import annotations

import math
from collections.abc import Iterable

from lossc.grammar import syntax as ast
from lossc.grammar.layout import SPACE, Doc, Group, Nest, enclosed, joined

# The levels of expr.lark, loosest first: what is looser than its place allows gets brackets.
_EXPR, _OR, _AND, _NOT, _COMPARE, _SUM, _PRODUCT, _FACTORS, _FACTOR, _POWER, _ATOM = range(11)
_LEVELS = {"or": _OR, "and": _AND, "+": _SUM, "-": _SUM, "^": _POWER}


def expression(expr: ast.Expr) -> Doc:
    """An expression."""
    return _doc(expr, _EXPR)


def head(definition: ast.Definition) -> Doc:
    """What a definition defines: ``f[r in 1..m]``."""
    if not definition.binders:
        return definition.name.id
    return (definition.name.id, enclosed("[", _binders(definition.binders), "]"))


def number(value: float) -> str:
    """A number as the language writes it."""
    if math.isinf(value):
        return "inf" if value > 0 else "-inf"
    if isinstance(value, float) and value.is_integer() and abs(value) < 1e15:
        return f"{value:.1f}"
    return repr(value)


def quoted(value: str) -> str:
    """A string of the language."""
    escaped = value.replace("\\", "\\\\").replace('"', '\\"').replace("\n", "\\n")
    return f'"{escaped}"'


def _doc(expr: ast.Expr, least: int) -> Doc:
    level, written = _level(expr)
    return written if level >= least else enclosed("(", written, ")")


def _level(expr: ast.Expr) -> tuple[int, Doc]:
    """The level of an expression, and its document."""
    match expr:
        case ast.Number(value=value):
            return _ATOM, number(value)
        case ast.String(value=value):
            return _ATOM, quoted(value)
        case ast.Name(id=name):
            return _ATOM, name
        case ast.Access(name=name, indices=indices):
            return _ATOM, (name.id, enclosed("[", _list(indices), "]"))
        case ast.Call(name=name, args=args, kwargs=kwargs):
            named = ((f"{key} = ", Nest(expression(value))) for key, value in kwargs)
            given = joined([*map(expression, args), *named])
            return _ATOM, (name.id, enclosed("(", given, ")"))
        case ast.Iverson(condition=condition):
            return _ATOM, enclosed("[", _doc(condition, _OR), "]")
        case ast.Tuple(items=items):
            return _ATOM, enclosed("(", _list(items), ")")
        case ast.Negate(value=value):
            if isinstance(value, ast.Reduction | ast.Order | ast.Negate):
                level, written = _level(value)
                if level >= _PRODUCT:
                    return min(level, _FACTOR), ("-", written)
            return _FACTOR, ("-", _doc(value, _FACTOR))
        case ast.Not(value=value):
            return _NOT, ("not ", _doc(value, _NOT))
        case ast.Logic(op=op):
            return _LEVELS[op], _chain(expr)
        case ast.Compare(op=op, left=left, right=right):
            return _COMPARE, _infix(_doc(left, _SUM), op, _doc(right, _SUM))
        case ast.Arithmetic(op=op):
            return _arithmetic(expr)
        case ast.Reduction(op=op, body=body):
            if body is None:
                return _ATOM, (op, _header(expr))
            return _PRODUCT, _over(expr, body)
        case ast.Order(body=body, at=at):
            place = Nest((SPACE, "at ", _doc(at, _FACTOR)))
            return _PRODUCT, Group((_over(expr, body), place))
        case ast.Else(value=value, default=default):
            return _EXPR, _infix(_doc(value, _OR), "else", expression(default))


def _arithmetic(expr: ast.Arithmetic) -> tuple[int, Doc]:
    op, left, right = expr.op, expr.left, expr.right
    if op == "^":
        return _POWER, (_doc(left, _ATOM), "^", _doc(right, _FACTOR))
    if op in "+-":
        return _SUM, _chain(expr)
    # only a reduction may end a product without brackets: nothing can come behind it
    level, written = _level(right)
    reduction = level == _PRODUCT and not isinstance(right, ast.Arithmetic)
    if level < _FACTOR and not reduction:
        written = enclosed("(", written, ")")
    level = _PRODUCT if reduction else _FACTORS
    return level, _infix(_doc(left, _FACTORS), op, written)


def _infix(left: Doc, op: str, right: Doc) -> Doc:
    return Group((left, Nest((SPACE, op, " ", right))))


def _chain(expr: ast.Arithmetic | ast.Logic) -> Doc:
    """All of ``a + b - c``, broken at each of its signs or at none."""
    level = _LEVELS[expr.op]
    links: list[Doc] = []
    first: ast.Expr = expr
    while isinstance(first, ast.Arithmetic | ast.Logic) and _LEVELS.get(first.op) == level:
        links.append((SPACE, first.op, " ", _doc(first.right, level + 1)))
        first = first.left
    return Group((_doc(first, level), Nest(tuple(reversed(links)))))


def _over(reduction: ast.Reduction | ast.Order, body: ast.Expr) -> Doc:
    """A reduction and its body, which stays beside it if it begins with a bracket of its own."""
    level, inner = _level(body)  # once: bodies nest
    beside = level < _PRODUCT or isinstance(body, ast.Iverson | ast.Reduction | ast.Order)
    inner = inner if level >= _PRODUCT else enclosed("(", inner, ")")
    follows: Doc = (" ", inner) if beside else Nest((SPACE, inner))
    return Group((reduction.op, _header(reduction), follows))


def _list(items: Iterable[ast.Expr]) -> Doc:
    return joined(map(expression, items))


def _header(reduction: ast.Reduction | ast.Order) -> Doc:
    binders = Group(_binders(reduction.binders))
    if reduction.filter is None:
        return enclosed("[", binders, "]")
    return enclosed("[", (binders, SPACE, "| ", Nest(_doc(reduction.filter, _OR))), "]")


def _binders(binders: Iterable[ast.Binder]) -> Doc:
    return joined(map(_binder, binders))


def _binder(binder: ast.Binder) -> Doc:
    match binder.range:
        case None:
            return binder.name.id
        case ast.Interval(low=low, high=high):
            return (f"{binder.name.id} in ", _doc(low, _SUM), "..", _doc(high, _SUM))
        case expr:
            return (f"{binder.name.id} in ", _doc(expr, _SUM))
