"""Well-typed metrics: arithmetic and reductions that rise with every decision of a theme."""

from __future__ import annotations

from random import Random

from tests.properties.drawing import Draws, Lines, binding
from tests.properties.theme import Theme, Unit
from tests.properties.themes import THEMES

DEPTH = 2


class Metrics:
    """The metrics of one seed about one theme."""

    def __init__(self, random: Random, theme: str):
        self.draws, self.lines = Draws(random), Lines()
        self.theme: Theme = THEMES[theme](self.draws, self.lines)

    def text(self) -> str:
        """The text of one spec."""
        rises = self.draws.chance(70)
        value = self.value(self.draws.whole(0, DEPTH), rises)
        goal = self.draws.pick("evaluate", "maximize") if rises else "minimize"
        if self.draws.chance(10):
            goal = "minimize" if rises else "evaluate"
            value = f"-{value}"
        elif self.draws.chance(10):
            goal = "minimize" if rises else "evaluate"
            value = f"1 - {value}"
        if self.lines.needs_truth or self.draws.chance(30):
            self.lines.truth = list(self.theme.truth)
        return self.lines.text(f"{goal} {value}", self.surrogate())

    def surrogate(self) -> list[str]:
        step = f"surrogate step sigmoid(temperature = {self.draws.pick('0.5', '1', '2')})"
        interpolation = self.draws.pick(
            "idw(good = 4, bad = 4)", "idw(gradient = published)", "idw"
        )
        more = self.draws.some(
            step,
            f"surrogate interpolation {interpolation}",
            "surrogate squash sigmoid",
            'doc "A \\"text\\" # of \\\\ it."',
            'source "nobody"',
        )
        return more

    # ------------------------------------------------------------------ values that rise or fall

    def value(self, depth: int, rises: bool) -> str:
        """A number without free indices, never negative."""
        if depth == 0:
            return self.named(self.collapsed(rises))
        one = self.value(depth - 1, rises)
        shape = self.draws.whole(0, 13)
        match shape:
            case 0 | 1:
                found = f"({one} + {self.value(depth - 1, rises)})"
            case 2:
                found = f"({self.theme.weight(())} * {one})"
            case 3:
                found = f"({one} * {self.value(depth - 1, rises)})"
            case 4:
                found = f"{self.draws.pick('min', 'max')}({one}, {self.value(depth - 1, rises)})"
            case 5:
                found = f"({one} / (1 + {self.value(depth - 1, not rises)}))"
            case 6:
                found = f"({one} / ({one} + {self.value(depth - 1, not rises)}) else 0)"
            case 7:
                found = self.draws.pick(
                    f"sqrt({one})", f"({one}^2)", f"log(1 + {one})", f"({one}^0.5)"
                )
            case 8:
                found = f"exp(-{self.value(depth - 1, not rises)})"
            case 9:
                found = (
                    f"where(n > {self.draws.whole(1, 4)}, {one}, {self.value(depth - 1, rises)})"
                )
            case 10:
                found = (
                    f"relu({self.draws.pick('1', 'n', 'n^2')} - {self.value(depth - 1, not rises)})"
                )
            case 11:
                found = f"({one} else {self.draws.pick('0', '1', '0.5')})"
            case 12:
                found = f"sigmoid({one} - {self.value(depth - 1, not rises)})"
            case _:
                found = f"(({one} + 1) / n else 0)"
        return self.named(found)

    def named(self, value: str) -> str:
        """The value, or the name of a definition of it."""
        if self.draws.chance(75):
            return value
        name = self.lines.name("d")
        self.lines.definitions.append(f"{self.draws.pick('let', 'let', 'decode')} {name} = {value}")
        return name

    # ------------------------------------------------------------------ reductions of a unit

    def collapsed(self, rises: bool) -> str:
        unit = self.theme.unit()
        if len(unit.indices) == 2 and self.draws.chance(60):
            return self.nested(unit, rises)
        where = [text for text, _ in unit.filters] + [self.theme.filter(unit.indices)]
        return self.reduced(list(unit.indices), unit.indices, where, unit, rises)

    def nested(self, unit: Unit, rises: bool) -> str:
        """The inner index first: a value for each outer one, which is then reduced."""
        outer, inner = unit.indices
        outside = [text for text, letters in unit.filters if letters == outer]
        inside = [text for text, letters in unit.filters if letters != outer]
        value = self.reduced([inner], (outer, inner), inside, unit, rises)
        if self.draws.chance(50):
            name = self.lines.name("v")
            self.lines.definitions.append(f"let {name}[{self.outer_binder(outer)}] = {value}")
            value = f"{name}[{outer}]"
        where = [*outside, self.theme.filter((outer,))]
        if outer == "c":
            where.append("any[m] [label[m] == c]")
        some = binding([outer], *where)
        least = self.draws.pick("0.5", "1", "0.1 * n")
        compared = (
            f"{value} {self.draws.pick('>', '>=') if rises else self.draws.pick('<', '<=')} {least}"
        )
        compared = compared if rises else f"not ({compared})"
        return self.draws.pick(
            f"(mean{some} {value} else {self.draws.pick('0', '1')})",
            f"(sum{some} {value})",
            f"(sum{some} {self.theme.weight((outer,) if outer != 'c' else ())} * {value})",
            f"({self.draws.pick('min', 'max')}{some} {value} else 0)",
            f"(sort{some} {value} at {self.draws.pick('1', '2')} else 0)",
            f"count{binding([outer], *where, compared)}",
            f"(mean{some} [{compared}] else 0)",
            f"[all{some} ({compared})]",
            f"log(1 + (sum{some} {value}^2))",
            f"relu(logsumexp{some} {value} else 0)",
        )

    def outer_binder(self, outer: str) -> str:
        return outer

    def reduced(
        self, bound: list[str], names: tuple[str, ...], where: list[str], unit: Unit, rises: bool
    ) -> str:
        """The unit, reduced along ``bound``: a number that rises or falls with its decisions."""
        some = binding(bound, *where)
        ranged = [i if " in " in i else f"{i} in {self.theme.dims[i]}" for i in bound]
        alone = binding(ranged, *where)  # where no index is a subscript
        if unit.rewards and rises and self.draws.chance(60):
            return self.draws.pick(
                f"(sum{some} {unit.rewards})",
                f"(mean{some} {unit.rewards} else 0)",
                f"(max{some} {unit.rewards} else 0)",
                f"(sum{some} {self.theme.weight(())} * {unit.rewards})",
            )
        held = f"({unit.good})" if rises else f"not ({unit.good})"
        plain = tuple(name for name in names if name != "c" and " " not in name)
        weight = self.theme.weight(plain)
        return self.draws.pick(
            f"(mean{some} [{held}] else {self.draws.pick('0', '1', '0.5')})",
            f"(mean{some} [{held}] else 0)",
            f"(sum{some} [{held}])",
            f"(sum{some} {weight} * [{held}])",
            f"count{binding(bound, *where, held)}",
            f"((sum{some} {weight} * [{held}]) / (sum{alone} {weight}) else 0)",
            f"[all{some} ({held})]",
            f"[any{some} ({held})]",
            f"(prod{some} [{held}])",
            f"({self.draws.pick('min', 'max')}{some} [{held}] else 1)",
            f"(mean{some} [{held}] * {weight} else 0)",
            f"(count{binding(bound, *where, held)} / max(1, count{alone}))",
        )


def metric(random: Random, theme: str) -> str:
    """The text of a well-typed metric."""
    return Metrics(random, theme).text()
