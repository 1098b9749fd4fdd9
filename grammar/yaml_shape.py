"""The shape of a YAML document, and its JSON Schema. pydantic lives in this file only.

Editors show the descriptions while a key is typed, so each of them says what to write.
"""

from __future__ import annotations

from typing import Annotated, Any, Literal

from pydantic import BaseModel, ConfigDict, Field, RootModel, ValidationError

from lossc.grammar.words import GOALS

Expression = Annotated[
    str | int | float,
    Field(
        description="An expression, such as `mean[i] [score[i] > 0] else 0`. Quote it if it begins with `[`, `{`, `*`, `&`, `|`, a quote or `- `, or holds ` #`."
    ),
]
Definitions = dict[str, Expression]


# pydantic does not check defaults, and `doc:` with nothing behind it shall not be taken for one
_ABSENT: Any = None


class _Shape(BaseModel):
    model_config = ConfigDict(extra="forbid", strict=True)


class OptionShape(BaseModel):
    """A choice by its name, with its parameters beside it."""

    model_config = ConfigDict(extra="allow", strict=True)
    kind: str = Field(description="The name of the choice, such as `idw`.")
    __pydantic_extra__: dict[str, str | int | float | bool | OptionShape]


class ParamShape(_Shape):
    """A parameter's default, and the interval that its values lie in."""

    default: int | float | str = Field(
        description="The value where users set none: a number, or a word that expressions compare."
    )
    interval: str = Field(
        default=_ABSENT,
        alias="in",
        description="The values that users may set. A round bracket excludes the end.",
        examples=["(0, inf)", "[0, 1]"],
    )


Option = Annotated[
    str | OptionShape,
    Field(description="A choice with parameters: a text or a mapping.", examples=["idw(good = 8)"]),
]
Param = Annotated[
    int | float | str | ParamShape,
    Field(description="A default: `0.5`, or with the values it may have: `0.5 in (0, inf)`."),
]
Kind = Annotated[
    str,
    Field(
        description="`real[n, p]` is a live score, to which gradients flow. `target real[n]`, `bool[n]` and `int[n] in p` (an index below p) are given. Dims are names or sizes. `in [0, inf)` limits a real input, `= 1` makes it optional.",
        examples=["real[n, p]", "int[n] in p", "target real[n] in [0, inf) = 1", "bool[n]"],
    ),
]


class ArrayShape(RootModel["bool | int | float | str | list[ArrayShape]"]):
    """A number (or a word, for a param), or nested lists of them."""

    model_config = ConfigDict(strict=True)


class ExampleShape(BaseModel):
    """Inputs by name, with what the metric or loss must give for them."""

    model_config = ConfigDict(extra="allow", strict=True)
    gives: int | float | str = Field(
        description="The value of the metric, or of the loss, for these inputs."
    )
    __pydantic_extra__: dict[str, ArrayShape]


class DocumentShape(_Shape):
    """A lossc spec: how a network's output is decoded and evaluated."""

    model_config = ConfigDict(
        title="lossc spec",
        json_schema_extra={
            "oneOf": [{"required": [goal]} for goal in GOALS],
            "anyOf": [{"required": ["inputs"]}, {"required": ["use"]}],
        },
    )
    lossc: Literal[1] = Field(description="Version of the format: 1.")
    name: str = Field(
        pattern="^[A-Za-z_][A-Za-z_0-9]*$",
        description="The name of the spec: letters, digits and _.",
        examples=["my_metric"],
    )
    doc: str = Field(default=_ABSENT, description="What it measures, in one line.")
    source: str = Field(default=_ABSENT, description="Who defined it: a paper, or a program.")
    use: list[str] = Field(
        default=[],
        description="Specs whose definitions are brought in, by name.",
        examples=[["precision", "recall as r"]],
    )
    inputs: dict[str, Kind] = Field(
        default={},
        description="Kinds by name: what the loss is called with, in this order.",
        examples=[{"scores": "real[n, p]", "label": "int[n] in p"}],
        json_schema_extra={"minProperties": 1},
    )
    params: dict[str, Param] = Field(
        default={},
        description="Numbers and words that users may set, by name, with their defaults.",
        examples=[{"alpha": "0.5 in (0, inf)"}],
    )
    decode: Definitions = Field(
        default={},
        description="How the network's output becomes an answer.",
        examples=[{"predicted[i]": "argmax[j] scores[i, j]"}],
    )
    let: Definitions = Field(
        default={},
        description="All other definitions, in any order.",
        examples=[{"hits[i]": "sum[j | relevant[j]] [score[j] >= score[i]]"}],
    )
    truth: Definitions = Field(
        default={},
        description="Ideal scores, by input: the metric is best there.",
        examples=[{"scores[i, j]": "[j == label[i]]"}],
    )
    terms: Definitions = Field(default={}, description="Terms of a multi-term loss, by name.")
    evaluate: Expression = Field(default=_ABSENT, description="A metric: the larger the better.")
    maximize: Expression = Field(default=_ABSENT, description="The same as evaluate.")
    minimize: Expression = Field(default=_ABSENT, description="A metric: the smaller the better.")
    loss: Expression = Field(
        default=_ABSENT, description="A differentiable loss, trained as it is."
    )
    combine: Expression = Field(default=_ABSENT, description="How the terms are combined.")
    surrogate: dict[str, Option] = Field(
        default={},
        description="How the metric is made differentiable: `step` and `interpolation`.",
        examples=[{"step": "sigmoid(temperature = 1)", "interpolation": "idw(good = 16)"}],
    )
    schedule: Option | list[Option] = Field(default=[], description="What changes during training.")
    examples: list[ExampleShape] = Field(
        default=[],
        description="Inputs with the value they must give; checked by every compile.",
        examples=[[{"score": [0.9, 0.8], "relevant": [1, 0], "gives": 1}]],
    )


KEYS = tuple(DocumentShape.model_fields)


def shape_faults(document: object) -> list[tuple[str, tuple[int | str, ...]]]:
    """What is wrong with the shape of a document: the kind of each fault, and the path to it."""
    try:
        DocumentShape.model_validate(document)
    except ValidationError as error:
        return [(fault["type"], fault["loc"]) for fault in error.errors(include_url=False)]
    return []


def json_schema() -> dict[str, Any]:
    """The JSON Schema of the YAML form, for editors."""
    schema = DocumentShape.model_json_schema(by_alias=True)
    for shape in (schema, *schema["$defs"].values()):
        for field in shape.get("properties", {}).values():
            if field.get("default", "") is None:  # absent is not the same as null
                del field["default"]
    return {"$schema": "https://json-schema.org/draft/2020-12/schema", **schema}
