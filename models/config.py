"""What ``--config`` and ``--set`` say: a recipe's settings, and the command's own options."""

from __future__ import annotations

import dataclasses
import json
import math
import re
import typing
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Literal

from pydantic import PositiveFloat, PositiveInt

from lossc.grammar.document import read_tree
from lossc.grammar.errors import SpecError
from lossc.grammar.source import Source
from lossc.grammar.yaml_tree import Entries
from lossc.models.errors import TaskError
from lossc.models.recipe import Recipe
from lossc.models.settings import RATE, setting_values, validated

#: Of the arithmetic, as Lightning names it. Data and weights are float32 in all of them.
Precision = Literal["32-true", "bf16-mixed", "16-mixed"]


@dataclass(frozen=True)
class Options:
    """The options of ``lossc train`` that a config may have; ``None``: not given."""

    task: str | None = None
    losses: tuple[str, ...] | None = None
    seeds: PositiveInt | None = None
    data: Path | None = None
    lr: PositiveFloat | None = None
    quick: bool | None = None
    keep_finished: bool | None = None
    out: Path | None = None
    workers: PositiveInt | None = None
    devices: PositiveInt | None = None
    step: str | None = None
    interpolation: str | None = None
    squash: str | None = None
    precision: Precision | None = None
    specs: tuple[Path, ...] | None = None
    input: dict[str, Path] | None = None


_PLAIN = re.compile(r"[A-Za-z_][\w./-]*")
_WORDS = ("null", "true", "false")

OPTIONS = tuple(each.name for each in dataclasses.fields(Options))


@dataclass(frozen=True)
class Written:
    """What was written somewhere.

    Args:
        options: Of the command, by name.
        settings: Of the recipe, by whole name.
        places: Where each of them is.
    """

    options: dict[str, Any] = field(default_factory=dict)
    settings: dict[str, object] = field(default_factory=dict)
    places: dict[str, str] = field(default_factory=dict)

    def __or__(self, later: Written) -> Written:
        """Both; where they differ, ``later``."""
        parts = {key.partition(".")[0] for key, value in later.settings.items() if value is None}
        kept = {
            key: value
            for key, value in self.settings.items()
            if key.partition(".")[0] not in parts or key in parts
        }
        return Written(
            {**self.options, **later.options},
            {**kept, **later.settings},
            {**self.places, **later.places},
        )


def read_config(path: Path) -> Written:
    """The settings and options of a YAML file.

    Names of settings may be nested or written out: ``optimiser: {momentum: 0.8}`` or
    ``optimiser.momentum: 0.8``. ``data`` with a text is the folder of the data.

    Raises:
        TaskError: The file cannot be read, or an option cannot have its value.
        SpecError: It is no YAML.
    """
    try:
        text = path.read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        reason = "it is not a text" if isinstance(error, ValueError) else error.strerror
        raise TaskError(f"{path}: the config cannot be read: {reason}") from None
    try:
        root = read_tree(Source(str(path), text))
    except SpecError as error:
        found = error.diagnostics[0]
        if found.rule != "bad-document":
            raise
        raise TaskError(f"{found.span}: {found.message}, and no mapping of settings") from None
    return _divided(_leaves(root))


def read_assignments(texts: Sequence[str]) -> Written:
    """The settings and options of ``--set KEY=VALUE``.

    Raises:
        TaskError: A text is no assignment, its value no YAML, or a key comes twice.
    """
    leaves: list[tuple[str, Any, str]] = []
    for text in texts:
        key, sign, value = text.partition("=")
        key, where = key.strip(), f"--set {text}"
        if not sign or not key:
            raise TaskError(f"{where}: expected KEY=VALUE, such as optimiser.momentum=0.8")
        try:
            root = read_tree(Source("--set", f"value: {value}"))
        except SpecError:
            raise TaskError(f"{where}: the value is no YAML, such as 3, best or [30, 40]") from None
        below = root.entries[0][1]
        if len(root.entries) > 1:
            raise TaskError(f"{where}: the value is no YAML, such as 3, best or [30, 40]")
        if isinstance(below, Entries) and key not in OPTIONS:
            leaves += [(f"{key}.{name}", each, where) for name, each, _ in _leaves(below)]
        else:
            leaves.append((key, below.value, where))
    return _divided(leaves)


def as_config(recipe: Recipe, options: Options) -> str:
    """A recipe's settings as a text that :func:`read_config` takes back.

    Args:
        recipe: The task as it would be trained.
        options: Those of the command that made it so.
    """
    given = {name: getattr(options, name) for name in OPTIONS}
    lines = [f"{name}: {_yaml(value)}" for name, value in given.items() if value is not None]
    lines.append("")
    opened = ""
    for key, value in setting_values(recipe).items():
        part, _, rest = key.partition(".")
        line = f"{key}: {_yaml(value)}"
        if rest and not (part in given and given[part] is not None):
            lines += [f"{part}:"] if part != opened else []
            opened, line = part, f"  {rest}: {_yaml(value)}"
        if key == RATE and recipe.learning_rates:
            line = line.replace(rest, f"# {rest}", 1) + "  # of losses without one of their own"
        lines.append(line)
    return "\n".join(lines) + "\n"


def _divided(leaves: Iterable[tuple[str, Any, str]]) -> Written:
    found = Written()
    annotations = typing.get_type_hints(Options, include_extras=True)
    for key, value, place in leaves:
        if key in found.places:
            raise TaskError(f"{place}: '{key}' is set twice")
        found.places[key] = place
        if key not in OPTIONS:
            found.settings[key] = value
            continue
        try:
            found.options[key] = validated(annotations[key], value)
        except ValueError as error:
            raise TaskError(f"{place}: option '{key}': {error}") from None
    return found


def _leaves(root: Entries) -> Iterator[tuple[str, Any, str]]:
    """Whole names with values and places; a mapping is a value only where an option is one."""
    for key, node in root.entries:
        if isinstance(node, Entries) and key.text != "input":
            for name, value, place in _leaves(node):
                yield f"{key.text}.{name}", value, place
        else:
            yield key.text, node.value, str(key.span)


def _yaml(value: Any) -> str:
    if isinstance(value, dict):
        return "{" + ", ".join(f"{_yaml(k)}: {_yaml(v)}" for k, v in value.items()) + "}"
    if isinstance(value, tuple):
        return "[" + ", ".join(map(_yaml, value)) + "]"
    if isinstance(value, float) and math.isinf(value):
        return ".inf" if value > 0 else "-.inf"
    if isinstance(value, str) and _PLAIN.fullmatch(value) and value.lower() not in _WORDS:
        return value
    return json.dumps(str(value) if isinstance(value, Path) else value, ensure_ascii=False)
