"""Syntax tree to text, in the DSL or in YAML: reading it back gives an equal tree."""

from __future__ import annotations

import math
import re
from collections.abc import Iterable

from lossc.grammar import syntax as ast
from lossc.grammar.words import RESERVED
from lossc.grammar.yaml_text import Plain, mapping, sequence, text

# The levels of expr.lark, loosest first: what is looser than its place allows gets brackets.
_EXPR, _OR, _AND, _NOT, _COMPARE, _SUM, _PRODUCT, _FACTORS, _FACTOR, _POWER, _ATOM = range(11)
_LEVELS = {"or": _OR, "and": _AND, "+": _SUM, "-": _SUM, "^": _POWER}


def to_text(expr: ast.Expr) -> str:
    """An expression in the language, with no more brackets than it needs."""
    return _text(expr, _EXPR)


def to_dsl(spec: ast.Spec) -> str:
    """A spec as a ``.lossc`` text."""
    blocks = [[f"spec {spec.name.id}"]]
    if spec.doc is not None:
        blocks[0].append(f"doc {_quoted(spec.doc)}")
    if spec.source is not None:
        blocks[0].append(f"source {_quoted(spec.source)}")
    blocks.append([f"use {_use(use)}" for use in spec.uses])
    blocks.append(
        [f"input {each.name.id}: {_kind(each.kind)}" for each in spec.inputs]
        + [f"param {each.name.id} = {_param(each)}" for each in spec.params]
    )
    blocks.append(
        [
            f"{each.kind} {_head(each)} = {to_text(each.body)}"
            for each in spec.definitions
            if each.kind != "truth"
        ]
        + [f"term {term.name.id} = {to_text(term.body)}" for term in spec.terms]
        + [f"{spec.goal.kind} {to_text(spec.goal.body)}"]
        + [
            f"truth {_head(each)} = {to_text(each.body)}"
            for each in spec.definitions
            if each.kind == "truth"
        ]
    )
    blocks.append(
        [f"surrogate {each.slot.id} {_option(each.option)}" for each in spec.surrogates]
        + [f"schedule {_option(each.option)}" for each in spec.schedules]
    )
    return "\n\n".join("\n".join(block) for block in blocks if block) + "\n"


def to_yaml(spec: ast.Spec) -> str:
    """A spec as a YAML text."""
    document: list[tuple[str, str]] = [("lossc", "1"), ("name", text(spec.name.id))]
    if spec.doc is not None:
        document.append(("doc", text(spec.doc)))
    if spec.source is not None:
        document.append(("source", text(spec.source)))
    document.append(("use", sequence(text(_use(use)) for use in spec.uses)))
    document.append(("inputs", mapping((i.name.id, text(_kind(i.kind))) for i in spec.inputs)))
    document.append(("params", mapping((p.name.id, _yaml_param(p)) for p in spec.params)))
    document += [(kind, _yaml_definitions(spec, kind)) for kind in ("decode", "let")]
    document.append(("terms", mapping((t.name.id, text(to_text(t.body))) for t in spec.terms)))
    document.append((spec.goal.kind, text(to_text(spec.goal.body))))
    document.append(("truth", _yaml_definitions(spec, "truth")))
    surrogates = ((each.slot.id, text(_option(each.option))) for each in spec.surrogates)
    document.append(("surrogate", mapping(surrogates)))
    document.append(("schedule", sequence(text(_option(each.option)) for each in spec.schedules)))
    return (
        mapping(((key, value) for key, value in document if value), indent="").lstrip("\n") + "\n"
    )


# ---------------------------------------------------------------------------- expressions


def _text(expr: ast.Expr, least: int) -> str:
    level, written = _level(expr)
    return written if level >= least else f"({written})"


def _level(expr: ast.Expr) -> tuple[int, str]:
    """The level of an expression, and its text."""
    match expr:
        case ast.Number(value=value):
            return _ATOM, _number(value)
        case ast.String(value=value):
            return _ATOM, _quoted(value)
        case ast.Name(id=name):
            return _ATOM, name
        case ast.Access(name=name, indices=indices):
            return _ATOM, f"{name.id}[{_list(indices)}]"
        case ast.Call(name=name, args=args, kwargs=kwargs):
            named = [f"{key} = {to_text(value)}" for key, value in kwargs]
            return _ATOM, f"{name.id}({', '.join([*map(to_text, args), *named])})"
        case ast.Iverson(condition=condition):
            return _ATOM, f"[{_text(condition, _OR)}]"
        case ast.Tuple(items=items):
            return _ATOM, f"({_list(items)})"
        case ast.Negate(value=value):
            if isinstance(value, ast.Reduction | ast.Order | ast.Negate):
                level, written = _level(value)
                if level >= _PRODUCT:
                    return min(level, _FACTOR), f"-{written}"
            return _FACTOR, f"-{_text(value, _FACTOR)}"
        case ast.Not(value=value):
            return _NOT, f"not {_text(value, _NOT)}"
        case ast.Logic(op=op, left=left, right=right):
            level = _LEVELS[op]
            return level, f"{_text(left, level)} {op} {_text(right, level + 1)}"
        case ast.Compare(op=op, left=left, right=right):
            return _COMPARE, f"{_text(left, _SUM)} {op} {_text(right, _SUM)}"
        case ast.Arithmetic(op=op, left=left, right=right):
            return _arithmetic(op, left, right)
        case ast.Reduction(op=op, body=body):
            if body is None:
                return _ATOM, f"{op}{_header(expr)}"
            return _PRODUCT, f"{op}{_header(expr)} {_text(body, _PRODUCT)}"
        case ast.Order(op=op, body=body, at=at):
            return _PRODUCT, f"{op}{_header(expr)} {_text(body, _PRODUCT)} at {_text(at, _FACTOR)}"
        case ast.Else(value=value, default=default):
            return _EXPR, f"{_text(value, _OR)} else {to_text(default)}"


def _arithmetic(op: str, left: ast.Expr, right: ast.Expr) -> tuple[int, str]:
    if op == "^":
        return _POWER, f"{_text(left, _ATOM)}^{_text(right, _FACTOR)}"
    if op in "+-":
        return _SUM, f"{_text(left, _SUM)} {op} {_text(right, _PRODUCT)}"
    # only a reduction may end a product without brackets: nothing can come behind it
    level, written = _level(right)
    reduction = level == _PRODUCT and not isinstance(right, ast.Arithmetic)
    if level < _FACTOR and not reduction:
        written = f"({written})"
    level = _PRODUCT if reduction else _FACTORS
    return level, f"{_text(left, _FACTORS)} {op} {written}"


def _list(items: Iterable[ast.Expr]) -> str:
    return ", ".join(to_text(item) for item in items)


def _header(reduction: ast.Reduction | ast.Order) -> str:
    condition = f" | {_text(reduction.filter, _OR)}" if reduction.filter else ""
    return f"[{_binders(reduction.binders)}{condition}]"


def _binders(binders: Iterable[ast.Binder]) -> str:
    return ", ".join(_binder(binder) for binder in binders)


def _binder(binder: ast.Binder) -> str:
    match binder.range:
        case None:
            return binder.name.id
        case ast.Interval(low=low, high=high):
            return f"{binder.name.id} in {_text(low, _SUM)}..{_text(high, _SUM)}"
        case expr:
            return f"{binder.name.id} in {_text(expr, _SUM)}"


def _number(value: float) -> str:
    if math.isinf(value):
        return "inf" if value > 0 else "-inf"
    if isinstance(value, float) and value.is_integer() and abs(value) < 1e15:
        return f"{value:.1f}"
    return repr(value)


def _quoted(value: str) -> str:
    escaped = value.replace("\\", "\\\\").replace('"', '\\"').replace("\n", "\\n")
    return f'"{escaped}"'


# ---------------------------------------------------------------------------- statements


def _head(definition: ast.Definition) -> str:
    subscripts = f"[{_binders(definition.binders)}]" if definition.binders else ""
    return definition.name.id + subscripts


def _use(use: ast.Use) -> str:
    return use.name.id + (f" as {use.alias.id}" if use.alias else "")


def _kind(kind: ast.Kind) -> str:
    words = "target " if kind.target else ""
    dims = ", ".join(str(dim.size) for dim in kind.dims)
    words += kind.type + (f"[{dims}]" if dims else "")
    if kind.below:
        words += f" in {kind.below.size}"
    if kind.ignore:
        words += f" ignore {kind.ignore.id}"
    return words + (f" = {_literal(kind.default)}" if kind.default is not None else "")


def _literal(value: ast.Literal) -> str:
    if isinstance(value, str):
        return _quoted(value)
    return _number(value)


def _param(param: ast.Param) -> str:
    return _literal(param.default) + (f" in {_range(param.range)}" if param.range else "")


def _range(range_: ast.Range) -> str:
    left, right = "[" if range_.closed_low else "(", "]" if range_.closed_high else ")"
    return f"{left}{_bound(range_.low)}, {_bound(range_.high)}{right}"


def _bound(value: float) -> str:
    return str(int(value)) if value.is_integer() and abs(value) <= 2**53 else _number(value)


def _option(option: ast.Option) -> str:
    settings = ", ".join(f"{key} = {_argument(value)}" for key, value in option.arguments)
    return option.name + (f"({settings})" if settings else "")


def _argument(value: ast.Literal | ast.Option) -> str:
    if isinstance(value, ast.Option):
        return _option(value) if value.arguments else f"{value.name}()"
    if isinstance(value, str) and _is_name(value):
        return value
    return _literal(value)


def _is_name(value: str) -> bool:
    return re.fullmatch("[A-Za-z_][A-Za-z_0-9]*", value) is not None and value not in RESERVED


def _yaml_param(param: ast.Param) -> str:
    if not isinstance(param.default, str) or _is_name(param.default):
        literal = param.default if isinstance(param.default, str) else _literal(param.default)
        return text(literal + (f" in {_range(param.range)}" if param.range else ""), Plain.NUMBER)
    entries = {"default": text(param.default, Plain.NEVER)}
    if param.range:
        entries["in"] = text(_range(param.range), Plain.NEVER)
    return "{" + ", ".join(f"{key}: {value}" for key, value in entries.items()) + "}"


def _yaml_definitions(spec: ast.Spec, kind: str) -> str:
    of_kind = (each for each in spec.definitions if each.kind == kind)
    return mapping((_head(each), text(to_text(each.body))) for each in of_kind)
