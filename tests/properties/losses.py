"""Well-typed losses: arithmetic of live values that is defined, and has a slope, everywhere."""

from __future__ import annotations

from random import Random

from tests.properties.drawing import Draws, Lines, binding

DEPTH = 3


class Losses:
    """The losses of one seed: live, target, whole and boolean inputs over n and p."""

    def __init__(self, random: Random):
        self.draws, self.lines = Draws(random), Lines()
        self.lines.inputs.update(
            {
                "scores": "real[n, p]",
                "offset": "real[n]",
                "label": "int[n] in p",
                "kept": "bool[n]",
                "target": "target real[n, p]",
                "weight": "target real[n]" + self.draws.pick("", " = 1"),
            }
        )
        self.lines.params.update({"gamma": "2 in [0, 8]", "mode": '"smooth"'})

    def text(self) -> str:
        value = self.over_items()
        if self.draws.chance(30):
            value = f"{value} + {self.draws.pick('0.5', 'gamma', 'n')} * {self.over_items()}"
        return self.lines.text(f"loss {value}", self.draws.some('doc "A loss."'))

    def over_items(self) -> str:
        """A number: the items' values reduced along i, and the classes' along c before."""
        inner = self.named(self.over_classes()) if self.draws.chance(60) else self.item()
        inner = f"({inner} + 0.1 * softplus(offset[i]))"  # some of it is live, whatever is drawn
        where = self.draws.pick(
            "", "", "kept[i]", "weight[i] > 0", "label[i] != 1", "offset[i] > -5"
        )
        some = binding(["i"], where)
        return self.draws.pick(
            f"(mean{some} {inner} else 0)",
            f"(mean{some} {inner} else {self.draws.pick('1', '0.5')})",
            f"(sum{some} {inner})",
            f"((sum{some} {inner}) / (1 + n))",
            f"((sum{some} abs(weight[i]) * {inner}) / (1 + sum[i] abs(weight[i])))",
        )

    def over_classes(self) -> str:
        """A number for each i."""
        value = self.value(
            self.draws.whole(1, DEPTH), ("scores[i, c]", "target[i, c]", "offset[i]")
        )
        where = self.draws.pick("", "", "c != label[i]", "target[i, c] > 0", "c % 2 == 0")
        some = binding(["c" if "scores[i, c]" in value else "c in p"], where)
        return self.draws.pick(
            f"(sum{some} {value})",
            f"(mean{some} {value} else 0)",
            f"({self.draws.pick('max', 'min')}{some} {value} else 0)",
            f"(logsumexp{some} {value} else 0)",
            "((logsumexp[c] scores[i, c]) - scores[i, label[i]])",
        )

    def item(self) -> str:
        leaves = ("offset[i]", "scores[i, label[i]]", "weight[i]", "scores[i, 0]")
        return self.named(self.value(self.draws.whole(1, DEPTH), leaves))

    def named(self, value: str) -> str:
        if self.draws.chance(60):
            return value
        name = self.lines.name("v")
        self.lines.definitions.append(f"let {name}[i] = {value}")
        return f"{name}[i]"

    def value(self, depth: int, leaves: tuple[str, ...]) -> str:
        """An expression with a finite slope wherever the scores are moderate."""
        if depth == 0:
            return self.draws.pick(*leaves, leaves[0])
        one, other = self.value(depth - 1, leaves), self.value(depth - 1, leaves)
        return self.draws.pick(
            f"({one} + {other})",
            f"({one} - {other})",
            f"({one} * {other})",
            f"({one} / (1 + {other}^2))",
            f"abs({one})",
            f"({one}^2)",
            f"(sigmoid({one})^gamma)",
            f"(-{one})",
            f"tanh({one})",
            f"sigmoid({one})",
            f"softplus({one})",
            f"relu({one})",
            f"log(sigmoid({one}))",
            f"log(1 - sigmoid({one}))",
            f"log(1 + {one}^2)",
            f"exp(-{one}^2)",
            f"exp(tanh({one}))",
            f"sqrt(1 + {one}^2)",
            f"cos({one})",
            f"detach({one}) * {other}",
            f"max({one}, {other})",
            f"min({one}, {self.draws.pick('1', '0', 'gamma')})",
            f"where(kept[i], {one}, {other})",
            f"where({one} > 0, {one}, {other})",
            f'where(mode == "smooth", {one}, {other})',
            f"[{one} > 0] * {other}",
            f"({one} / [kept[i]] else {other})",
        )


def loss(random: Random) -> str:
    """The text of a well-typed loss."""
    return Losses(random).text()
