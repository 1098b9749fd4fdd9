"""Generated metrics of several scores an item: classes, heatmaps, numbered ones."""

from __future__ import annotations

from typing import ClassVar

from tests.properties.ranking_themes import Binary, Order
from tests.properties.theme import Theme, Unit


class Classes(Theme):
    """Scores whose largest one should stand at `label`."""

    dims: ClassVar[dict[str, str]] = {"i": "n", "j": "p", "c": "p"}
    truth = ("truth scores[i, j] = 10 * [j == label[i]]",)

    def declare(self) -> None:
        inputs = self.lines.inputs
        inputs["scores"] = "real[n, p]"
        inputs["label"] = "int[n] in p"
        if self.draws.chance(30):
            self.lines.params["skip"] = self.draws.pick("255", "-1")
            inputs["label"] += " ignore skip"
        inputs["cost"] = "target real[p, p]"
        decision = self.draws.pick("decode", "let")
        self.lines.definitions.append(f"{decision} predicted[i] = argmax[j] scores[i, j]")
        if self.draws.chance(30):
            self.lines.definitions[0] = (
                f"{decision} predicted[i] = argmin[j] {self.draws.pick('-', '-2 * ')}scores[i, j]"
            )

    def valid(self) -> str:
        return "valid(label[i])" if "skip" in self.lines.params else ""

    def weights_of(self, index: str) -> list[str]:
        if self.valid():
            return []
        return [f"(1 + label[{index}])", f"abs(cost[label[{index}], 0])"] if index == "i" else []

    def filters_of(self, index: str) -> list[str]:
        return [f"label[{index}] == 0"] if index == "i" else []

    def unit(self) -> Unit:
        self.lines.needs_truth |= self.draws.chance(50)
        shape = self.draws.pick("hit", "hit", "near", "top", "margin", "recall", "sure", "table")
        unit = getattr(self, shape)()
        filters = ((self.valid(), "i"), *unit.filters) if self.valid() else unit.filters
        return Unit(unit.indices, filters, unit.good, unit.rewards)

    def hit(self) -> Unit:
        return Unit(
            ("i",),
            (),
            self.draws.pick(
                "predicted[i] == label[i]",
                "label[i] == predicted[i]",
                "not predicted[i] != label[i]",
                "(argmax[m] scores[i, m]) == label[i]",
            ),
        )

    def near(self) -> Unit:
        off = "abs(predicted[i] - label[i])"
        self.lines.needs_truth = True
        return Unit(
            ("i",), (), f"{off} <= {self.draws.pick('1', '0', '0.5')}", f"(1 / (1 + {off}))"
        )

    def top(self) -> Unit:
        above = self.draws.pick(
            "(sum[m] [scores[i, m] beats scores[i, label[i]]])",
            "(count[m | scores[i, m] > scores[i, label[i]]])",
            "(sum[m | m != label[i]] [scores[i, m] >= scores[i, label[i]]])",
        )
        return Unit(
            ("i",), (), f"{above} < {self.place()}", self.draws.pick("", f"(1 / (1 + {above}))")
        )

    def margin(self) -> Unit:
        good = self.above("scores[i, label[i]]", "scores[i, j]")
        if self.draws.chance(30):
            good = f"scores[i, label[i]] > {self.draws.pick('0.5', '1')} + scores[i, j]"
        return Unit(("i", "j"), (("j != label[i]", "ij"),), good)

    def recall(self) -> Unit:
        return Unit(("c", "i"), (("label[i] == c", "ic"),), "predicted[i] == c")

    def sure(self) -> Unit:
        self.lines.needs_truth = True
        sure = self.draws.pick(
            "(max[m] scores[i, m]) > t", "scores[i, label[i]] > t", "any[m] [scores[i, m] > t]"
        )
        self.lines.params.setdefault("t", "0.5 in [-1, 1]")
        return Unit(("i",), (), f"predicted[i] == label[i] and ({sure})")

    def table(self) -> Unit:
        self.lines.needs_truth = True
        if not any("let price" in each for each in self.lines.definitions):
            self.lines.definitions.append(
                "let price[a in p, b in p] = where(a == b, 0, 1 + abs(cost[a, b]))"
            )
        return Unit(("i",), (), "predicted[i] == label[i]", "exp(-price[label[i], predicted[i]])")


class Heatmap(Theme):
    """Heatmaps whose peak should be near a joint."""

    dims: ClassVar[dict[str, str]] = {"i": "n", "j": "k"}
    truth = ("truth heatmap[b, q, y, x] = -distance((x, y), joint[b, q])",)

    def declare(self) -> None:
        inputs = self.lines.inputs
        inputs["heatmap"] = "real[n, k, h, w]"
        inputs["joint"] = "target real[n, k, 2]"
        inputs["visible"] = "bool[n, k]"
        inputs["size"] = "target real[n]"
        self.lines.definitions.append("decode peak[b, q] = argmax[x, y] heatmap[b, q, y, x]")

    def place(self) -> str:
        return self.draws.pick("1", "2")

    def weights_of(self, index: str) -> list[str]:
        return [f"abs(size[{index}])"] if index == "i" else []

    def unit(self) -> Unit:
        self.lines.needs_truth |= self.draws.chance(30)
        near = self.draws.pick("1", "1.5", "abs(size[i])", "0.5 * n")
        peak = self.draws.pick("peak[i, j]", "(argmax[x, y] heatmap[i, j, y, x])")
        good = self.draws.pick(
            f"distance({peak}, joint[i, j]) <= {near}",
            f"{near} >= distance(joint[i, j], {peak})",
            f"not distance({peak}, joint[i, j]) > {near}",
        )
        filters = (("visible[i, j]", "ij"),) if self.draws.chance(70) else ()
        return Unit(("i", "j"), filters, good)


class Fixed(Theme):
    """A few numbered scores for each item, and a second live input."""

    dims: ClassVar[dict[str, str]] = {"i": "n", "j": "0..2"}
    truth = (
        "truth pair[i, j] = where(wanted[i, j], 10, -10)",
        "truth level = 0",
    )

    def declare(self) -> None:
        inputs = self.lines.inputs
        inputs["pair"] = "real[n, 3]"
        inputs["level"] = "real"
        inputs["wanted"] = "bool[n, 3]"

    def filters_of(self, index: str) -> list[str]:
        return [f"wanted[{index}, 0]"] if index == "i" else []

    def unit(self) -> Unit:
        column = self.draws.pick("j", "j", "0", "2")
        indices = ("i", "j") if column == "j" else ("i",)
        wanted, pair = f"wanted[i, {column}]", f"pair[i, {column}]"
        t = self.draws.pick("level", "0.5", "level + 1", "0.5 * level")
        if self.draws.chance(50):
            return Unit(indices, ((wanted, "".join(indices)),), self.above(pair, t))
        return Unit(indices, ((f"not {wanted}", "".join(indices)),), self.above(t, pair))


THEMES = {
    "binary": Binary,
    "classes": Classes,
    "order": Order,
    "heatmap": Heatmap,
    "fixed": Fixed,
}
