"""Generated metrics of one score an item: decided one by one, or ranked."""

from __future__ import annotations

from tests.properties.theme import Theme, Unit


class Binary(Theme):
    """Scores that should be positive where `relevant`, and negative elsewhere."""

    truth = ("truth score[i] = where(relevant[i], 10, -10)",)

    def declare(self) -> None:
        inputs = self.lines.inputs
        inputs["score"] = "real[n]"
        inputs["relevant"] = "bool[n]"
        inputs["weight"] = "target real[n]" + self.draws.pick("", " = 1", " = 0.5")
        inputs["group"] = "int[n]" + self.draws.pick("", " = 0")

    def weights_of(self, index: str) -> list[str]:
        return [f"abs(weight[{index}])", f"weight[{index}]^2", f"[relevant[{index}]]"]

    def filters_of(self, index: str) -> list[str]:
        return [f"weight[{index}] > 0", f"group[{index}] == 0 or weight[{index}] < 1"]

    def unit(self) -> Unit:
        shape = self.draws.pick("one", "one", "pair", "pair", "rank", "count", "both", "group")
        return getattr(self, shape)()

    def one(self) -> Unit:
        if self.draws.chance(50):
            return Unit(("i",), (("relevant[i]", "i"),), self.above("score[i]", self.threshold()))
        below = self.above(self.threshold(), "score[i]")
        return Unit(("i",), (("not relevant[i]", "i"),), below)

    def pair(self) -> Unit:
        filters = [("relevant[i]", "i"), ("not relevant[j]", "j")]
        good = self.above("score[i]", "score[j]")
        rewards = ""
        match self.draws.whole(0, 5):
            case 0:
                good = "score[i] beats score[j]"
            case 1:
                margin = self.with_param(self.draws.pick("0.5", "1", "beta"))
                good = f"score[i] > score[j] + {margin}"
            case 2:
                rewards = "([score[i] > score[j]] + 0.5 * [score[i] == score[j]])"
            case 3:
                filters.append(("group[i] == group[j]", "ij"))
        return Unit(("i", "j"), tuple(filters), good, rewards)

    def rank(self) -> Unit:
        """The place among the others: which of the relevant ones comes first is not for `truth`."""
        place = "(1 + sum[m | not relevant[m]] [score[m] beats score[i]])"
        if self.draws.chance(50):
            name = self.lines.name("place")
            self.lines.definitions.append(f"let {name}[i] = {place}")
            place = f"{name}[i]"
        rewards = f"(1 / {place})" if self.draws.chance(30) else ""
        return Unit(("i",), (("relevant[i]", "i"),), f"{place} <= {self.place()}", rewards)

    def count(self) -> Unit:
        above = self.draws.pick("score[m] >= score[i]", "not score[i] > score[m]")
        beaten = f"(sum[m | not relevant[m]] [{above}])"
        if self.draws.chance(30):
            hits = "(sum[m | relevant[m]] [score[m] >= score[i]])"
            return Unit(
                ("i",), (("relevant[i]", "i"),), f"{beaten} < 1", f"{hits} / ({hits} + {beaten})"
            )
        return Unit(("i",), (("relevant[i]", "i"),), f"{beaten} < {self.place()}")

    def both(self) -> Unit:
        self.lines.needs_truth = True
        t = self.threshold()
        good = self.draws.pick(
            f"[score[i] > {t}] == [relevant[i]]",
            f"(score[i] > {t}) == relevant[i]",
            f"not ((score[i] >= {t}) != relevant[i])",
            f"(score[i] > {t} and relevant[i]) or not (score[i] > {t} or relevant[i])",
        )
        return Unit(("i",), (), good)

    def group(self) -> Unit:
        good = f"any[m | group[m] == c and relevant[m]] [score[m] > {self.threshold()}]"
        seen = "any[m | group[m] == c] [relevant[m]]"
        return Unit(("c in values(group)",), ((seen, ""),), f"({good})")


class Order(Theme):
    """Scores that should be in the order of `target`."""

    truth = ("truth score[i] = target[i]",)

    def declare(self) -> None:
        self.lines.inputs["score"] = "real[n]"
        self.lines.inputs["target"] = "target real[n]"

    def weights_of(self, index: str) -> list[str]:
        return [f"abs(target[{index}])", f"exp(min(2, target[{index}]))"]

    def filters_of(self, index: str) -> list[str]:
        return [f"target[{index}] > 0"]

    def unit(self) -> Unit:
        filters = (("target[i] > target[j]", "ij"),)
        good = self.above("score[i]", "score[j]")
        rewards = ""
        match self.draws.whole(0, 4):
            case 0:
                rewards = "(1 + sign(score[i] - score[j]))"
            case 1:
                good = "score[i] beats score[j]"
            case 2:
                self.lines.needs_truth = True
                good = "sign(score[i] - score[j]) == sign(target[i] - target[j])"
        return Unit(("i", "j"), filters, good, rewards)
