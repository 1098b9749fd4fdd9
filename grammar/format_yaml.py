"""A spec as a YAML document, with the comments of the text that it was read from."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator

from lossc.grammar import format_pieces as write
from lossc.grammar import syntax as ast
from lossc.grammar.comments import Comments, Item
from lossc.grammar.format_comments import commented, lines_of, squeezed
from lossc.grammar.format_expression import expression, head, number
from lossc.grammar.layout import WIDTH, Doc, Nest, enclosed, flat, joined, render
from lossc.grammar.source import Span
from lossc.grammar.words import GIVES
from lossc.grammar.yaml_text import Plain, text

#: An entry of a section: where it was read, and its lines.
_Entry = tuple[Span, list[str]]
_INDENT = "  "


def yaml_of(spec: ast.Spec, comments: Comments | None = None) -> str:
    """A spec as a YAML text, in its canonical form.

    Args:
        spec: What to write.
        comments: Of the text that it was read from.
    """
    comments = comments.printable() if comments else Comments()
    lines = [*_headings(spec, comments)]
    for key, entries in _sections(spec):
        if key == spec.goal.kind:
            item = comments.of(spec.goal.span)
            goal = _value(key, expression(spec.goal.body))
            lines += commented(goal, [item], room=not _is_block(goal))
            continue
        above = commented([f"{key}:"], [_hoisted(comments.named(f"{key}:", spec.span))])
        inside: list[str] = []
        for span, entry in entries:
            items = [comments.of(span)]
            inside += commented(entry, items, indent=_INDENT, room=not _is_block(entry))
        while inside and not inside[0]:  # the key itself sets the first entry apart
            del inside[0]
        lines += [*above, *inside] if inside else []
    return "\n".join(squeezed([*lines, "", *lines_of(comments.left())])) + "\n"


def _headings(spec: ast.Spec, comments: Comments) -> Iterator[str]:
    first = comments.named("spec", spec.span) or Item("", 0, 0)
    above = Item("", 0, 0, above=first.above, apart=first.apart)
    beside = Item("", 0, 0, within=first.within, beside=first.beside)
    yield from commented(["lossc: 1"], [above, comments.named("lossc:", spec.span)])
    name = [beside, comments.named("name:", spec.span)]
    yield from commented(_plain("name", spec.name.id), [each for each in name if each])
    for key, said in (("doc", spec.doc), ("source", spec.source)):
        if said is not None:
            items = [comments.named(word, spec.span) for word in (key, f"{key}:")]
            yield from commented(_plain(key, said), items)


def _sections(spec: ast.Spec) -> Iterator[tuple[str, Iterable[_Entry]]]:
    """The keys of the document in their order, with what they hold."""
    yield "use", [(each.span, [f"{_INDENT}- {text(write.use(each))}"]) for each in spec.uses]
    yield "inputs", [(e.span, _value(e.name.id, write.kind(e.kind), _INDENT)) for e in spec.inputs]
    yield "params", [(e.span, [f"{_INDENT}{text(e.name.id)}: {_param(e)}"]) for e in spec.params]
    yield "decode", _definitions(spec, "decode")
    yield "let", _definitions(spec, "let")
    yield "terms", [(e.span, _value(e.name.id, expression(e.body), _INDENT)) for e in spec.terms]
    yield spec.goal.kind, []
    yield "truth", _definitions(spec, "truth")
    yield (
        "surrogate",
        [
            (each.span, _value(each.slot.id, write.option(each.option), _INDENT))
            for each in spec.surrogates
        ],
    )
    yield (
        "schedule",
        [
            (each.span, [f"{_INDENT}- {text(flat(write.option(each.option)))}"])
            for each in spec.schedules
        ],
    )
    yield "examples", [(each.span, _example(each)) for each in spec.examples]


def _definitions(spec: ast.Spec, kind: str) -> list[_Entry]:
    return [
        (each.span, _value(flat(head(each)), expression(each.body), _INDENT))
        for each in spec.definitions
        if each.kind == kind
    ]


def _is_block(lines: list[str]) -> bool:
    """Whether a comment behind the last line would be part of the text."""
    return len(lines) > 1 and lines[0].endswith(": |")


def _hoisted(item: Item | None) -> Item | None:
    """A section's key with its comments above it: behind it, there are entries."""
    if item is None:
        return None
    return Item("", 0, 0, above=item.above, apart=item.apart, within=[*item.within, *item.beside])


def _plain(key: str, said: str) -> list[str]:
    return [f"{key}: {text(said)}"]


def _value(key: str, doc: Doc, indent: str = "") -> list[str]:
    """A key with a piece of the language, as a block of lines if it is too long for one."""
    piece = flat(doc)
    line = f"{indent}{text(key)}: {text(piece, Plain.NUMBER)}"
    if len(line) <= WIDTH or re.search("[^ -~]", piece):
        return [line]
    room = WIDTH - len(indent) - len(_INDENT)
    block = render(doc, room).split("\n")
    if len(block) == 1 and len(piece) > room:
        return [line]
    return [f"{indent}{text(key)}: |", *(f"{indent}{_INDENT}{each}" for each in block)]


def _param(param: ast.Param) -> str:
    within = f" in {write.interval(param.range)}" if param.range else ""
    if not isinstance(param.default, str):
        return text(write.literal(param.default) + within, Plain.NUMBER)
    if write.is_name(param.default):
        return text(param.default + within, Plain.NUMBER)
    entries = {"default": text(param.default, Plain.NEVER)}
    if param.range:
        entries["in"] = text(write.interval(param.range), Plain.NEVER)
    return "{" + ", ".join(f"{key}: {value}" for key, value in entries.items()) + "}"


def _example(example: ast.Example) -> list[str]:
    entries: list[tuple[str, Doc]] = [
        (text(name.id), _array(values)) for name, values in example.inputs
    ]
    entries.append((GIVES, number(example.value)))
    line = flat(enclosed("{", joined((f"{key}: ", value) for key, value in entries), "}"))
    if len(_INDENT) + 2 + len(line) <= WIDTH:
        return [f"{_INDENT}- {line}"]
    lines: list[str] = []
    for key, value in entries:
        start = f"{_INDENT}{'  ' if lines else '- '}"
        lines += (start + render((f"{key}: ", Nest(value)), WIDTH, 4)).split("\n")
    return lines


def _array(values: ast.Array) -> Doc:
    if isinstance(values, tuple):
        return enclosed("[", joined(map(_array, values)), "]")
    if not isinstance(values, str):
        return number(values)
    return text(values, Plain.TEXT if write.is_name(values) else Plain.NEVER)
