"""What a surrogate can be: the tables of step relaxations, interpolations and their options."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field


@dataclass(frozen=True)
class Choice:
    """One option of the surrogate.

    Args:
        default: Its value if nobody gives one.
        choices: The texts that it may take; empty for a number.
        low: The least number.
        closed: Whether ``low`` itself is allowed.
        whole: Whether only whole numbers are.
        words: Words that it takes in place of a number.
    """

    default: int | float | str
    choices: tuple[str, ...] = ()
    low: float = 0.0
    closed: bool = False
    whole: bool = False
    words: tuple[str, ...] = ()


@dataclass(frozen=True)
class Step:
    """A step relaxation.

    Args:
        function: Its name in ``lossc.runtime.relaxations``.
        reaches: Whether a relaxed binary can equal its bit at scores that are not far apart.
        powers: The function of ``lossc.runtime.exponentials`` that gives it as a sum of
            exponentials; empty where it is none.
        compact: Whether it is constant beyond one temperature, where its slope is 0.
    """

    function: str
    reaches: bool = False
    powers: str = ""
    compact: bool = False


@dataclass(frozen=True)
class Interpolation:
    """A way to get a differentiable value from relaxed binaries.

    Args:
        run_time: Its options that the loss takes as arguments.
        compile_time: Its options that decide what code is written.
        random: Whether it draws random numbers.
        needs_best: Whether it pulls towards the best configuration, which must be known then.
        why_no_reach: Why it refuses a step that reaches 0 or 1; empty where it does not.
        usual: What the options of the step are with it, where nobody says.
    """

    run_time: tuple[str, ...] = ()
    compile_time: tuple[str, ...] = ()
    random: bool = False
    needs_best: bool = False
    why_no_reach: str = ""
    usual: Mapping[str, int | float | str] = field(default_factory=dict)


STEPS: Mapping[str, Step] = {
    "sigmoid": Step("sigmoid_step", powers="sigmoid_powers"),
    "laplace": Step("laplace_step", powers="laplace_powers"),
    "arctan": Step("arctan_step"),
    "algebraic": Step("algebraic_step"),
    "smoothstep": Step("smoothstep_step", reaches=True, compact=True),
    "hard_sigmoid": Step("hard_sigmoid_step", reaches=True, compact=True),
    "straight_through": Step("straight_through_step", reaches=True, powers="sigmoid_powers"),
}
STEP_OPTIONS = ("temperature", "squash")
DEFAULT_STEP = "sigmoid"
#: By whether a spec decodes scores by an argmax, what trained best; bundled specs may name another.
DEFAULT_INTERPOLATION = {False: "substitute", True: "idw"}
#: What refuses a metric for this reason gives way to another, if nobody named it.
GIVES_WAY = {"no-relaxation": "idw", "unknown-best": "substitute"}

INTERPOLATIONS: Mapping[str, Interpolation] = {
    "idw": Interpolation(
        ("good", "bad", "nearby", "power", "gradient", "bits"),
        ("inconsistent", "best", "flips"),
        random=True,
        needs_best=True,
        why_no_reach="the relaxed binaries could equal a configuration, where the gradient is 0",
    ),
    "substitute": Interpolation(
        compile_time=("tnorm",),
        usual={"temperature": 0.1, "squash": "sigmoid", "max_spread": 4.0},
    ),
    "multilinear": Interpolation(("samples",), random=True),
    "bound": Interpolation(),
    "perturbed": Interpolation(("samples", "noise"), random=True),
}

OPTIONS: Mapping[str, Choice] = {
    "temperature": Choice(1.0, words=("auto",)),
    "squash": Choice("none", ("none", "sigmoid")),
    "good": Choice(16, low=0, closed=True, whole=True),
    "bad": Choice(16, low=0, closed=True, whole=True),
    "nearby": Choice(16, low=0, closed=True, whole=True),
    "power": Choice(1.0),
    "gradient": Choice("exact", ("exact", "improving", "published", "attract")),
    "bits": Choice("auto", ("auto", "drawn", "expected")),
    "samples": Choice(16, low=1, closed=True, whole=True),
    "noise": Choice(1.0),
}
COMPILE_TIME: Mapping[str, Choice] = {
    "max_spread": Choice("none", words=("none",)),
    "inconsistent": Choice("extend", ("extend", "published")),
    "best": Choice("first", ("first", "sampled", "none")),
    "flips": Choice("bit", ("bit", "row", "column", "share")),
    "tnorm": Choice("godel", ("godel", "product", "lukasiewicz")),
    "transform": Choice("none", ("none", "log")),
    "gather": Choice("none", ("none", "batch")),
    "memory": Choice("none", ("none", "queue")),
    "size": Choice(1024, low=1, closed=True, whole=True),
}
ALL_OPTIONS: Mapping[str, Choice] = {**OPTIONS, **COMPILE_TIME}


def usual_options(
    step: str, interpolation: str, follows: bool = False
) -> dict[str, int | float | str]:
    """All options where nobody says anything of them.

    They follow from what trained best (``docs/results.md``): a low temperature between bounded
    scores, which must not spread too far then. A step that is constant beyond one temperature
    keeps the temperature 1, at which no bounded scores are beyond it. A temperature that follows
    the scores needs no bounds, which would take the slope from scores that are far apart.

    Args:
        step: The step's name.
        interpolation: The interpolation's.
        follows: Whether the temperature follows the scores.
    """
    usual = {} if follows else dict(INTERPOLATIONS[interpolation].usual)
    if STEPS[step].compact:
        usual.pop("temperature", None)
    return {name: usual.get(name, choice.default) for name, choice in ALL_OPTIONS.items()}
