"""The YAML form of a spec. yaml and pydantic live in this file only."""

from __future__ import annotations

import re
from typing import Annotated, Any, Literal

import yaml
from pydantic import BaseModel, ConfigDict, Field, ValidationError

from lossc.grammar import syntax as ast
from lossc.grammar.assemble import assemble
from lossc.grammar.errors import Diagnostic, SpecError, UnfinishedSpec, lost_names
from lossc.grammar.source import Source, Span
from lossc.grammar.tokens import oversized
from lossc.grammar.words import GOALS, MAX_YAML_NODES
from lossc.grammar.yaml_faults import misread, misshapen, refuse, without_echoes
from lossc.grammar.yaml_spec import statements_of
from lossc.grammar.yaml_tree import Entries, Items, Node, Scalar

_MAX_NESTING = 20

# ---------------------------------------------------------------------------- the shape

Expression = Annotated[str | int | float, Field(description="An expression of the language.")]
Definitions = dict[str, Expression]


# pydantic does not check defaults, and `doc:` with nothing behind it shall not be taken for one
_ABSENT: Any = None


class _Shape(BaseModel):
    model_config = ConfigDict(extra="forbid", strict=True)


class OptionShape(BaseModel):
    """A choice by its name, with its parameters beside it."""

    model_config = ConfigDict(extra="allow", strict=True)
    kind: str
    __pydantic_extra__: dict[str, str | int | float | bool | OptionShape]


class ParamShape(_Shape):
    """A parameter's default, and the interval that its values lie in."""

    default: int | float | str
    interval: str = Field(default=_ABSENT, alias="in", examples=["(0, inf)", "[0, 1]"])


Option = Annotated[
    str | OptionShape,
    Field(description="A choice with parameters: a text or a mapping.", examples=["idw(good = 8)"]),
]


class DocumentShape(_Shape):
    """A lossc spec."""

    model_config = ConfigDict(
        title="lossc spec",
        json_schema_extra={"oneOf": [{"required": [goal]} for goal in GOALS]},
    )
    lossc: Literal[1] = Field(description="Version of the format.")
    name: str = Field(pattern="^[A-Za-z_][A-Za-z_0-9]*$")
    doc: str = Field(default=_ABSENT, description="What it measures, in one line.")
    source: str = Field(default=_ABSENT, description="Who defined it.")
    use: list[str] = Field(default=[], description="Specs whose definitions are brought in.")
    inputs: dict[str, str] = Field(
        description="Kinds by name.",
        examples=[{"scores": "real[n, p]", "label": "int[n] in p"}],
        json_schema_extra={"minProperties": 1},
    )
    params: dict[str, int | float | str | ParamShape] = Field(
        default={}, description="Defaults by name.", examples=[{"alpha": "0.5 in (0, inf)"}]
    )
    decode: Definitions = Field(default={}, description="How the network's output is decoded.")
    let: Definitions = Field(default={}, description="Definitions.")
    truth: Definitions = Field(default={}, description="Ideal scores, by input.")
    terms: Definitions = Field(default={}, description="Terms of a multi-term loss.")
    evaluate: Expression = Field(default=_ABSENT, description="A metric: the larger the better.")
    maximize: Expression = Field(default=_ABSENT, description="The same as evaluate.")
    minimize: Expression = Field(default=_ABSENT, description="A metric: the smaller the better.")
    loss: Expression = Field(default=_ABSENT, description="A differentiable loss.")
    combine: Expression = Field(default=_ABSENT, description="How the terms are combined.")
    surrogate: dict[str, Option] = Field(
        default={},
        description="How the metric is made differentiable.",
        examples=[{"step": "sigmoid(temperature = 1)", "interpolation": "idw(good = 16)"}],
    )
    schedule: Option | list[Option] = Field(default=[], description="What changes during training.")


def json_schema() -> dict[str, Any]:
    """The JSON Schema of the YAML form, for editors."""
    schema = DocumentShape.model_json_schema(by_alias=True)
    for shape in (schema, *schema["$defs"].values()):
        for field in shape["properties"].values():
            if field.get("default", "") is None:  # absent is not the same as null
                del field["default"]
    return {"$schema": "https://json-schema.org/draft/2020-12/schema", **schema}


# ---------------------------------------------------------------------------- reading


def read_yaml(source: Source) -> ast.Spec:
    """The spec of a YAML document.

    Raises:
        SpecError: With every finding of the document.
    """
    too_much = oversized(source)
    if too_much:
        raise SpecError(too_much)
    try:
        root = _compose(source)
    except yaml.MarkedYAMLError as error:
        marks = [mark.index for mark in (error.problem_mark, error.context_mark) if mark]
        raise SpecError(misread(source, error.problem or str(error), marks)) from None
    except yaml.reader.ReaderError as error:
        reason = f"character U+{error.character:04X} is not allowed"
        raise SpecError(misread(source, reason, [error.position])) from None
    if not isinstance(root, Entries):
        what = "a list" if isinstance(root, Items) else "a single text"
        message = f"the document is {what}"
        raise refuse(root.span, "bad-document", message, "a mapping that begins with `lossc: 1`")
    found: list[Diagnostic] = []
    try:
        DocumentShape.model_validate(root.value)
    except ValidationError as error:
        faults = [(fault["type"], fault["loc"]) for fault in error.errors(include_url=False)]
        found += misshapen(root, faults, tuple(DocumentShape.model_fields))
    statements, wrong = statements_of(root)
    found += wrong
    end = len(source.text.rstrip())
    spec, more = assemble(statements, Span(source, 0, end), whole=not found, yaml=True)
    found += more
    if found or spec is None:
        raise UnfinishedSpec(without_echoes(found), spec, lost_names(found))
    return spec


def _compose(source: Source) -> Node:
    """The one document of a text.

    Built from events, not by ``yaml.compose``: aliases are refused as they come, and a document of
    any depth or number of aliases costs nothing.
    """
    # open collections with the key that waits for its value; the root is a list of documents
    stack: list[tuple[list[Any], Scalar | None, int]] = [([], None, 0)]
    mappings: list[bool] = [False]
    keys: list[dict[str, Span]] = [{}]
    nodes = 0
    for event in yaml.parse(source.text, Loader=yaml.SafeLoader):
        begin, end = event.start_mark, event.end_mark
        span = Span(source, begin.index if begin else 0, end.index if end else 0)
        if isinstance(event, yaml.AliasEvent) or getattr(event, "anchor", None):
            hint = "an expression that begins with `*` or `&` must be quoted"
            message = "aliases and anchors are not part of the format"
            raise refuse(span, "bad-yaml", message, hint=hint)
        if getattr(event, "tag", None):
            raise refuse(span, "bad-yaml", "tags are not part of the format")
        if isinstance(event, yaml.DocumentStartEvent) and stack[0][0]:
            message = "the text holds several documents"
            raise refuse(span, "bad-document", message, "one document, one spec")
        node: Node | None = None
        if isinstance(event, yaml.CollectionStartEvent):
            if len(stack) > _MAX_NESTING:
                raise refuse(span, "too-large", f"the document nests deeper than {_MAX_NESTING}")
            stack.append(([], None, span.start))
            mappings.append(isinstance(event, yaml.MappingStartEvent))
            keys.append({})
            continue
        if isinstance(event, yaml.ScalarEvent):
            node = _scalar(event, span)
        elif isinstance(event, yaml.CollectionEndEvent):
            content, _, start = stack.pop()
            keys.pop()
            whole = Span(source, start, max(start, span.end))
            node = Entries(content, whole) if mappings.pop() else Items(content, whole)
        if node is None:
            continue
        nodes += 1
        if nodes > MAX_YAML_NODES:
            message = f"a document has at most {MAX_YAML_NODES:,} keys and values"
            raise refuse(span, "too-large", message)
        content, key, opened = stack[-1]
        if not mappings[-1]:
            content.append(node)
        elif key is not None:
            content.append((key, node))
            stack[-1] = (content, None, opened)
        elif not isinstance(node, Scalar):
            raise refuse(node.span, "bad-document", "a key is a text", "a name")
        else:
            first = keys[-1].setdefault(node.text, node.span)
            if first is not node.span:
                message = f"key '{node.text}' is given twice: first in line {first.line}"
                raise refuse(node.span, "duplicate", message)
            stack[-1] = (content, node, opened)
    documents: list[Node] = stack[0][0]
    empty = isinstance(documents[0], Scalar) and not documents[0].text if documents else True
    if empty:
        nowhere = Span(source, 0, 0)
        raise refuse(nowhere, "bad-document", "the document is empty", "`lossc: 1`, and the rest")
    return documents[0]


def _scalar(event: Any, span: Span) -> Scalar:
    if event.style == ">":
        hint = "use `|`, which keeps the lines as they are"
        raise refuse(span, "bad-yaml", "folded texts (`>`) are not part of the format", hint=hint)
    bad = re.search("[\0\ud800-\udfff]", event.value)
    if bad:
        raise refuse(span, "not-text", f"not a text: character U+{ord(bad.group()):04X}")
    return Scalar(event.value, event.style or "", span)
