"""From the text of ``--loss`` to a loss: a baseline, a bundled spec, or a spec file."""

from __future__ import annotations

import hashlib
import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from pathlib import Path

from torch import nn

from lossc import specs
from lossc.compiler.compile import compile_spec
from lossc.compiler.schedules import read_options
from lossc.compiler.uses.expand import expand
from lossc.grammar.errors import SpecError, closest
from lossc.grammar.folders import search_path, specs_in
from lossc.grammar.format import to_dsl
from lossc.grammar.load import load
from lossc.grammar.parser import parse_option
from lossc.grammar.syntax import Option, Spec
from lossc.models.baselines import BASELINE_INPUTS, BASELINES
from lossc.models.errors import TaskError
from lossc.models.recipe import Recipe
from lossc.models.strongest import StrongestRivals

Value = int | float | str

#: Options that are not the spec's own params; ``seed``, ``lr`` and ``rivals`` are numbers.
CHOICES = ("step", "interpolation", "squash", "transform", "schedule")
NUMBERS = ("seed", "lr", "rivals")
CLASSES = ("scores", "label")  # what a loss takes whose rivals can be counted


@dataclass(frozen=True)
class LossChoice:
    """One loss of a comparison, checked but not yet built.

    Args:
        text: As the user wrote it, and as the table shows it.
        name: A baseline's name, a bundled spec's, or the path of a spec file.
        takes: The inputs it is called with, by name.
        choices: Of ``step``, ``interpolation``, ``squash``, ``transform`` and ``schedule``, those
            that were made.
        params: Values of the spec's params.
        seed: Of the loss's own randomness. ``None``: the run's seed.
        learning_rate: Written in the text. ``None``: the recipe's.
        digest: Of the spec's text and of what it uses, so that a changed file is another loss.
        folders: Where its name, and those that it uses, are looked up before the bundled library.
        rivals: Classes of each example beside its label, those with the highest scores. ``None``:
            all of them.
    """

    text: str
    name: str
    takes: tuple[str, ...]
    choices: Mapping[str, str] = field(default_factory=dict)
    params: Mapping[str, Value] = field(default_factory=dict)
    seed: int | None = None
    learning_rate: float | None = None
    digest: str = ""
    folders: tuple[Path, ...] = ()
    rivals: int | None = None

    @property
    def rule(self) -> str:
        """The name with the surrogate's choices: what a rate is tuned for."""
        names = sorted(set(self.choices) - {"schedule"})  # of later epochs, or of first ones
        choices = ", ".join(f"{key}={self.choices[key]}" for key in names)
        return f"{self.name}({choices})" if choices else self.name

    @property
    def folder(self) -> str:
        """A folder name that is the text where it can be, and unlike that of any other choice."""
        plain = re.sub(r"[^A-Za-z0-9_.=-]+", "-", self.text).strip("-.")[:60]
        if plain == self.text and not self.choices:
            return plain
        whole = repr((self.text, sorted(self.choices.items())))
        return f"{plain}-{hashlib.sha256(whole.encode()).hexdigest()[:8]}"

    def build(self, seed: int) -> nn.Module:
        """The loss, called with its inputs by name, returning a scalar.

        Args:
            seed: The run's.

        Raises:
            SpecError: The spec, a param or a choice is wrong.
        """
        loss = self._of_all_classes(seed)
        return loss if self.rivals is None else StrongestRivals(loss, self.rivals)

    def _of_all_classes(self, seed: int) -> nn.Module:
        if self.name in BASELINES:
            return BASELINES[self.name]()
        loss = compile_spec(
            self.name,
            params=dict(self.params),
            step=self.choices.get("step"),
            interpolation=self.choices.get("interpolation"),
            squash=self.choices.get("squash"),
            transform=self.choices.get("transform"),
            schedule=self.choices.get("schedule"),
            seed=seed if self.seed is None else self.seed,
            gather="none",  # what it is called with is the batch of all processes already
            folders=self.folders,
        ).loss()
        for part in loss.modules():
            if hasattr(part, "gathered"):  # a weighting: of gradients at inputs that are whole
                part.gathered = True  # type: ignore[assignment]
        return loss


def resolve(
    text: str,
    recipe: Recipe,
    defaults: Mapping[str, str | None] = {},
    folders: tuple[Path, ...] = (),
) -> LossChoice:
    """The loss that a text means for a task.

    ``average_precision(interpolation=idw(gradient=published), squash=sigmoid, lr=0.1)`` is a spec
    with choices; any other key is one of the spec's params.

    Args:
        text: A baseline, a bundled spec or the path of a spec file, with options in parentheses.
        recipe: The task that is to feed the loss.
        defaults: Choices for compiled losses that make none themselves.
        folders: Where names of specs are looked up before the bundled library.

    Raises:
        TaskError: No such loss, an option that does not belong, or inputs the task does not have.
        SpecError: The spec or the text of the options is wrong.
    """
    name, options = _split(text.strip())
    choices = {key: _written(value) for key, value in options.items() if key in CHOICES}
    numbers = {key: _number(text, key, options[key]) for key in NUMBERS if key in options}
    params = {key: value for key, value in options.items() if key not in (*CHOICES, *NUMBERS)}
    seed, rate = numbers.get("seed"), numbers.get("lr")
    if name in BASELINES:
        if unfit := sorted({*choices, *params, *(["seed"] if seed is not None else [])}):
            raise TaskError(
                f"baseline '{name}' has no option '{unfit[0]}'; it takes lr, and rivals where it "
                "has scores of classes"
            )
        takes = _check_inputs(name, BASELINE_INPUTS[name], recipe)
        return LossChoice(
            text, name, takes, learning_rate=rate, rivals=_rivals(text, numbers, takes)
        )
    spec = _load(name, folders)
    made = {**{key: value for key, value in defaults.items() if value is not None}, **choices}
    if not set(made) - {"schedule"} and name in recipe.surrogates:
        text = _expanded(text.strip(), recipe.surrogates[name])
        made = {**recipe.surrogates[name], **made}
    takes = _check_inputs(name, (item.name.id for item in spec.inputs), recipe, _optional(spec))
    firsts = _firsts(spec, made.get("schedule"), folders)
    for key, value in params.items():
        if isinstance(value, Option):
            raise TaskError(
                f"loss '{text}': param {key} is a number or a word, not {_written(value)}"
            )
    return LossChoice(
        text,
        name,
        takes,
        made,
        {key: value for key, value in params.items() if not isinstance(value, Option)},
        None if seed is None else int(seed),
        rate,
        hashlib.sha256("\n".join(map(to_dsl, [spec, *firsts])).encode()).hexdigest(),
        folders,
        _rivals(text, numbers, takes),
    )


def _rivals(text: str, numbers: Mapping[str, float], takes: tuple[str, ...]) -> int | None:
    """The number of rivals, of a loss that takes scores of classes and a label."""
    if "rivals" not in numbers:
        return None
    if takes != CLASSES:
        raise TaskError(
            f"loss '{text}': rivals are for losses of {' and '.join(CLASSES)}; "
            f"this one takes {', '.join(takes)}"
        )
    return int(numbers["rivals"])


def _firsts(spec: Spec, schedule: str | None, folders: tuple[Path, ...]) -> list[Spec]:
    """The losses of warm-ups, whose files count as that of the spec does."""
    said = [dict(option.arguments).get("first") for option in read_options(spec, schedule)]
    names = [first.name if isinstance(first, Option) else first for first in said]
    return [_load(name, folders) for name in names if isinstance(name, str)]


def _expanded(text: str, choices: Mapping[str, str]) -> str:
    """The text with the recipe's choices in it, so that the table says what was trained."""
    written = ", ".join(f"{key}={value}" for key, value in choices.items())
    return f"{text[:-1]}, {written})" if text.endswith(")") else f"{text}({written})"


def _split(text: str) -> tuple[str, dict[str, Value | Option]]:
    if Path(text).is_file() or "(" not in text:
        return text, {}
    name, _, rest = text.partition("(")
    # `schedule` is a word of the language, which names nothing in it
    rest = re.sub(r"\bschedule(\s*=)", r"schedule_\1", rest)
    option = parse_option(f"x({rest}")  # the name may be a path, which is no name to the grammar
    renamed = {"schedule_": "schedule"}
    return name.strip(), {renamed.get(key, key): value for key, value in option.arguments}


def _load(name: str, folders: tuple[Path, ...]) -> Spec:
    search_path(folders)  # a folder that is missing is not a loss that is unknown
    try:
        return expand(load(name, folders=folders), folders)
    except SpecError as error:
        if error.diagnostics[0].rule != "file-missing" or Path(name).suffix:
            raise
        known = [*specs.names(), *(stem for folder in folders for stem in specs_in(folder))]
        near = closest(name, [*BASELINES, *known])
        hint = f"\n  hint: {near}" if near else ""
        raise TaskError(
            f"unknown loss '{name}'\n"
            f"  expected: a baseline ({', '.join(BASELINES)}), a bundled spec, or a spec file{hint}"
        ) from None


def _optional(spec: Spec) -> frozenset[str]:
    return frozenset(item.name.id for item in spec.inputs if item.kind.default is not None)


def _check_inputs(
    name: str, takes: Iterable[str], recipe: Recipe, optional: frozenset[str] = frozenset()
) -> tuple[str, ...]:
    """The inputs that the task has.

    Raises:
        TaskError: One that the loss cannot do without is not among them.
    """
    takes = tuple(takes)
    if missing := [item for item in takes if item not in recipe.provides and item not in optional]:
        provided = ", ".join(f"{key}: {kind}" for key, kind in recipe.provides.items())
        raise TaskError(
            f"loss '{name}' does not fit task '{recipe.name}': it takes {', '.join(takes)}\n"
            f"  missing: {', '.join(missing)}\n"
            f"  the task provides: {provided}"
        )
    return tuple(item for item in takes if item in recipe.provides)


def _number(text: str, key: str, value: Value | Option) -> float:
    if isinstance(value, (str, Option)):
        raise TaskError(f"loss '{text}': {key} is a number, not {_written(value)}")
    if key == "lr" and not 0 < value < float("inf"):
        raise TaskError(f"loss '{text}': lr is a positive number, not {value}")
    if key == "rivals" and (value < 1 or value != int(value)):
        raise TaskError(f"loss '{text}': rivals is an integer from 1, not {value}")
    if key == "seed" and (value < 0 or value != int(value)):
        raise TaskError(f"loss '{text}': seed is an integer from 0, not {value}")
    return value


def _written(value: Value | Option) -> str:
    """``name(key=value)``, as the compiler takes it."""
    if not isinstance(value, Option):
        return str(value)
    if not value.arguments:
        return value.name
    return f"{value.name}({', '.join(f'{key}={_written(v)}' for key, v in value.arguments)})"
