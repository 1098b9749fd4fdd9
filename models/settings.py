"""Settings of a recipe by their names, such as ``optimiser.momentum``."""

from __future__ import annotations

import dataclasses
import json
import types
import typing
import warnings
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Any, Literal, Union, get_args, get_origin

import torch
from pydantic import ConfigDict, TypeAdapter, ValidationError

from lossc.grammar.errors import closest
from lossc.models.errors import TaskError
from lossc.models.recipe import Recipe

RATE = "optimiser.learning_rate"
_STRICT = ConfigDict(strict=True, allow_inf_nan=False)


def with_settings(
    recipe: Recipe,
    settings: Mapping[str, object],
    places: Mapping[str, str] = {},
    others: Iterable[str] = (),
) -> Recipe:
    """The recipe with other values in some of its fields, or in those of its parts.

    ``{"epochs": 3, "optimiser.momentum": 0.8}``, or nested: ``{"optimiser": {"momentum": 0.8}}``. A
    part is a dataclass in a field: network, data, optimiser, ... What is set at once is checked at
    once. A part that a recipe can do without is turned off by ``None``. ``optimiser.learning_rate``
    is then the rate of every loss, in place of those that the recipe has for some.

    Args:
        recipe: A task.
        settings: Values by name, as YAML has them: a tuple is a list.
        places: Where each was written, for messages.
        others: What may be set besides, elsewhere, for messages.

    Raises:
        TaskError: There is no such setting, it cannot have that value, or the network cannot be
            built with it.
    """
    flat = flattened(settings)
    tree: dict[str, Any] = {}
    for key, value in flat.items():
        *path, last = key.split(".")
        branch = tree
        for name in path:
            branch = branch.setdefault(name, _Part())
            if not isinstance(branch, _Part):
                raise TaskError(f"{_where(key, places)}: '{name}' is set as a whole, too")
        if last in branch:
            raise TaskError(f"{_where(key, places)}: parts of it are set, too")
        branch[last] = value
    made: Recipe = _Setter(recipe, places, others).changed(recipe, tree, "")
    if RATE in flat:
        made = dataclasses.replace(made, learning_rates={})
    if "network" in tree:
        _check_network(made, next(key for key in flat if key.startswith("network")), places)
    return made


def flattened(settings: Mapping[str, object]) -> dict[str, object]:
    """Nested settings by their whole names: ``optimiser.momentum``."""
    flat: dict[str, object] = {}
    for key, value in settings.items():
        if isinstance(value, Mapping):
            flat |= {f"{key}.{name}": each for name, each in flattened(value).items()}
        else:
            flat[key] = value
    return flat


def setting_names(recipe: Recipe) -> list[str]:
    """Everything of a recipe that can be set, by name."""
    return [setting.name for setting in _settings(recipe)]


def setting_values(recipe: Recipe) -> dict[str, Any]:
    """The values of what can be set, by name; parts that can only be turned off are left out."""
    return {each.name: each.value for each in _settings(recipe) if each.simple}


def validated(annotation: Any, value: object) -> Any:
    """A value as YAML has it in the type of an annotation: a list becomes a tuple, say.

    Raises:
        ValueError: It does not fit.
    """
    try:
        text = json.dumps(value)
    except (TypeError, ValueError):
        raise ValueError(f"no plain value: {value!r}") from None
    adapter: TypeAdapter[Any] = TypeAdapter(annotation, config=_STRICT)
    try:
        return adapter.validate_json(text)
    except ValidationError as error:
        found = dict.fromkeys(each["msg"].removeprefix("Input ") for each in error.errors())
        raise ValueError(f"{text} {', or '.join(found)}") from None


@dataclass(frozen=True)
class _Setting:
    name: str
    value: Any
    annotation: Any
    simple: bool


class _Part(dict[str, Any]):
    """Settings of one part, as opposed to a value that is a mapping."""


class _Setter:
    """Puts values into dataclasses, and says what is wrong with them."""

    def __init__(self, recipe: Recipe, places: Mapping[str, str], others: Iterable[str]):
        self.recipe, self.places = recipe, places
        self.names = [*others, *setting_names(recipe)]

    def changed(self, part: Any, tree: Mapping[str, Any], prefix: str) -> Any:
        annotations = _open_fields(part)
        values = {}
        for name, value in tree.items():
            key = prefix + name
            if name not in annotations:
                raise self.unknown(self.first(key, value))
            current, annotation = getattr(part, name), annotations[name]
            if isinstance(value, _Part):
                if not _is_part(current):
                    raise self.without_settings(self.first(key, value), key, current, annotation)
                values[name] = self.changed(current, value, f"{key}.")
            elif _is_simple(annotation) or (value is None and _is_optional(annotation)):
                values[name] = self.value(key, annotation, value)
            else:
                raise self.without_settings(key, key, current, annotation)
        try:
            return dataclasses.replace(part, **values)
        except ValueError as error:
            key = self.first(prefix + next(iter(tree)), next(iter(tree.values())))
            raise TaskError(f"{_where(key, self.places)}: {error}") from None

    def value(self, key: str, annotation: Any, value: object) -> Any:
        if not _is_simple(annotation):
            return None
        try:
            return validated(annotation, value)
        except ValueError as error:
            raise TaskError(f"{_where(key, self.places)}: {error}") from None

    def first(self, key: str, value: Any) -> str:
        """The whole name of a setting below ``key``."""
        while isinstance(value, _Part):
            name, value = next(iter(value.items()))
            key = f"{key}.{name}"
        return key

    def unknown(self, key: str) -> TaskError:
        below = [name for name in self.names if name.startswith(key.rpartition(".")[0] + ".")]
        near = closest(key, self.names)
        return TaskError(
            f"{_where(key, self.places)}: task '{self.recipe.name}' has no such setting\n"
            f"  expected: one of: {', '.join(below or self.names)}"
            + (f"\n  hint: {near}" if near else "")
        )

    def without_settings(self, key: str, part: str, current: Any, annotation: Any) -> TaskError:
        where = _where(key, self.places)
        if _is_part(current):
            names = [name for name in self.names if name.startswith(f"{part}.")]
            return TaskError(f"{where}: it has parts\n  expected: one of: {', '.join(names)}")
        if _is_simple(annotation):
            return TaskError(f"{where}: '{part}' is a single value")
        return TaskError(f"{where}: '{part}' of task '{self.recipe.name}' has no settings")


def _where(key: str, places: Mapping[str, str]) -> str:
    place = places.get(key)
    return f"{place}: setting '{key}'" if place else f"setting '{key}'"


def _settings(part: Any, prefix: str = "") -> Iterator[_Setting]:
    for name, annotation in _open_fields(part).items():
        value, key = getattr(part, name), prefix + name
        if _is_simple(annotation):
            yield _Setting(key, value, annotation, simple=True)
        elif _is_part(value):
            yield from _settings(value, f"{key}.")
        elif _is_optional(annotation):
            yield _Setting(key, value, annotation, simple=False)


def _open_fields(part: Any) -> dict[str, Any]:
    """The annotations of the fields that are settings or may have some, by name."""
    hints = typing.get_type_hints(type(part), include_extras=True)
    return {
        field.name: hints[field.name]
        for field in dataclasses.fields(part)
        if not field.metadata.get("fixed")
        and (_is_simple(hints[field.name]) or not isinstance(getattr(part, field.name), Mapping))
    }


def _is_part(value: Any) -> bool:
    return dataclasses.is_dataclass(value) and not isinstance(value, type)


def _is_simple(annotation: Any) -> bool:
    """Whether YAML can write all values of a type: numbers, texts, and lists of them."""
    origin, arguments = get_origin(annotation), get_args(annotation)
    if origin is Annotated:
        return _is_simple(arguments[0])
    if origin is Literal:
        return True
    if origin in (Union, types.UnionType, tuple):
        return all(each is Ellipsis or _is_simple(each) for each in arguments)
    return annotation in (bool, int, float, str, Path, type(None))


def _is_optional(annotation: Any) -> bool:
    union = get_origin(annotation) in (Union, types.UnionType)
    return union and type(None) in get_args(annotation)


def _check_network(recipe: Recipe, key: str, places: Mapping[str, str]) -> None:
    """Build the network without its weights."""
    try:
        with torch.device("meta"), warnings.catch_warnings():
            warnings.simplefilter("ignore")  # weights of a file are not copied there
            recipe.network()
    except (ValueError, OSError, RuntimeError) as error:
        raise TaskError(f"{_where(key, places)}: {error}") from None
