"""Functions of two whole arrays: the usual distances, for any number of dims."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from lossc.compiler.front.building import Env
from lossc.compiler.front.whole_arrays import Pair, WholeArrays
from lossc.compiler.ir.node import Index, Node
from lossc.compiler.passes.comparisons import has_gradient
from lossc.grammar import syntax as sx
from lossc.grammar.errors import closest, one_of
from lossc.grammar.source import Span


@dataclass(frozen=True)
class PairFunction:
    """A function of a prediction and a target that have the same dims.

    Args:
        meaning: One line for the reference.
        options: Defaults by name; a word is one of several.
    """

    meaning: str
    options: Mapping[str, float | str] = field(default_factory=dict)


#: Whole-array functions by name. N is the size of the first dim, d a difference.
PAIRS: Mapping[str, PairFunction] = {
    "euclidean": PairFunction("sum of d^2 over 2 N, as in Caffe"),
    "sum_squared_error": PairFunction("sum of d^2"),
    "mean_squared_error": PairFunction("mean of d^2"),
    "sum_absolute_error": PairFunction("sum of abs(d)"),
    "mean_absolute_error": PairFunction("mean of abs(d)"),
    "smooth_l1": PairFunction(
        "mean of d^2 / (2 beta) where abs(d) < beta, else of abs(d) - beta / 2", {"beta": 1.0}
    ),
    "kl_divergence": PairFunction(
        "mean over maps of the divergence of the prediction from the target, in nats",
        {"leading": 0.0},
    ),
    "js_divergence": PairFunction(
        "mean over maps of the Jensen-Shannon divergence, in nats",
        {"leading": 0.0, "normalise": "softmax"},
    ),
}
#: The weighted sum over pairs; see :meth:`Pairs.adaptive`.
ADAPTIVE = "adaptive"
_NORMALISE = ("softmax", "sum")


class Pairs(WholeArrays):
    """The part of the builder that knows functions of whole arrays."""

    if TYPE_CHECKING:

        def long_point(self, count: int, span: Span) -> Node: ...

    def pair_function(self, call: sx.Call, env: Env) -> Node:
        """A call of one of :data:`PAIRS`."""
        name, known = call.name.id, PAIRS[call.name.id].options
        if len(call.args) != 2:
            self.scope.error(
                call.span,
                "wrong-arity",
                f"{name}() takes a prediction and a target, not {len(call.args)} arguments",
                expected=f"`{name}(prediction, target)`",
            )
            return self.placeholder
        options = self._options(call, known, env)
        pair = self.paired(call.args[0], call.args[1], call.span)
        if pair is None or options is None:
            return self.placeholder
        if name in ("kl_divergence", "js_divergence"):
            return self._divergence(call, pair, options)
        return self._distance_of(name, pair, options)

    # ------------------------------------------------------------------ options

    def _options(
        self, call: sx.Call, known: Mapping[str, float | str], env: Env
    ) -> dict[str, Node | str] | None:
        """Options by name: words, and numbers that nothing live decides."""
        found: dict[str, Node | str] = {
            key: value if isinstance(value, str) else self.make.const(value)
            for key, value in known.items()
        }
        good = True
        for key, expr in call.kwargs:
            if key not in known:
                self.scope.error(
                    expr.span,
                    "bad-option",
                    f"{call.name.id}() has no option '{key}'",
                    expected=one_of(known) if known else "no options",
                    hint=closest(key, known),
                )
                good = False
            elif isinstance(known[key], str):
                if not isinstance(expr, sx.String) or expr.value not in _NORMALISE:
                    words = [f'"{word}"' for word in _NORMALISE]
                    message = f"'{key}' is one of two words"
                    self.scope.error(expr.span, "bad-option", message, expected=one_of(words))
                    good = False
                else:
                    found[key] = expr.value
            else:
                node = self.number(expr, env)
                least = self.constants.value(node)
                if node.live or (key == "beta" and least is not None and least <= 0):
                    message = f"'{key}' is a number above 0 that does not depend on scores"
                    self.scope.error(expr.span, "bad-option", message)
                    good = False
                found[key] = node
        return found if good else None

    # ------------------------------------------------------------------ distances

    def _distance_of(self, name: str, pair: Pair, options: Mapping[str, Node | str]) -> Node:
        make, span = self.make, pair.span
        if name == "smooth_l1":
            beta = options["beta"]
            assert isinstance(beta, Node)
            each = [self._smooth(d, beta, span) for d in self.differences(pair)]
        elif name.endswith("absolute_error"):
            each = [make("abs", d, kind=d.kind, span=span) for d in self.differences(pair)]
        else:
            two = make.const(2)
            each = [make.arithmetic("pow", d, two, span) for d in self.differences(pair)]
        total = self.total(each, pair.axes, span)
        if name.startswith("sum"):
            return total
        size = self._size_of(pair.axes[0])
        if name == "euclidean":
            size = make.arithmetic("mul", make.const(2), size, span)
        else:
            for index in pair.axes[1:]:
                size = make.arithmetic("mul", size, self._size_of(index), span)
            size = make.arithmetic("mul", size, make.const(len(each)), span)
        return make.arithmetic("div", total, self.at_least_one(size), span)

    def differences(self, pair: Pair) -> list[Node]:
        """Prediction minus target, for each coordinate."""
        return [
            self.make.arithmetic("sub", left, right, pair.span)
            for left, right in zip(pair.left, pair.right, strict=True)
        ]

    def total(self, each: list[Node], axes: tuple[Index, ...], span: Span) -> Node:
        """The sum over all indices and coordinates."""
        whole = self.make.const(0)
        for node in each:
            part = self.make.reduce("sum", axes, node, None, span)
            whole = self.make.arithmetic("add", whole, part, span)
        return whole

    def _smooth(self, difference: Node, beta: Node, span: Span) -> Node:
        """d^2 / (2 beta) up to beta, and a line of slope 1 from there: no decision is in it."""
        make = self.make
        size = make("abs", difference, kind="real", span=span)
        near = make("minimum", size, beta, kind="real", span=span)
        square = make.arithmetic("pow", near, make.const(2), span)
        twice = make.arithmetic("mul", make.const(2), beta, span)
        curve = make.arithmetic("div", square, twice, span)
        return make.arithmetic("add", curve, make.arithmetic("sub", size, near, span), span)

    def _size_of(self, index: Index) -> Node:
        extent = index.extent
        if isinstance(extent.size, int):
            return self.make.const(extent.size + extent.extra)
        size = self.make("dim", name=extent.size, kind="int")
        return self.make.arithmetic("add", size, self.make.const(extent.extra))

    def at_least_one(self, count: Node) -> Node:
        """A count to divide by: what is summed over nothing is 0."""
        if count.op == "const" and count.number >= 1:
            return count
        return self.make("maximum", count, self.make.const(1), kind=count.kind, span=count.span)

    # ------------------------------------------------------------------ adaptive

    def adaptive_pairs(self, call: sx.Call) -> list[tuple[Pair, Node, Node]]:
        """The pairs of ``adaptive((prediction, target), ...)``: each with its value and weight.

        The value is the sum of the squared errors over the batch size N, and the weight
        1 / mean abs(error) over the batch, without gradient; 0 for a pair without error. Then the
        mean gradient of an element is 2 / N in every pair.

        Source: AdaptiveWeightEucLoss, memo on adaptive Euclidean losses for integral pose
        regression, figures 1 and 2, and its code.
        """
        if call.kwargs or not call.args:
            said = f"no option '{call.kwargs[0][0]}'" if call.kwargs else "at least one pair"
            self.scope.error(
                call.span,
                "wrong-arity",
                f"adaptive() takes {said}",
                expected="`adaptive((prediction, target), ...)`",
            )
            return []
        found = []
        for arg in call.args:
            items = arg.items if isinstance(arg, sx.Tuple) else ()
            if len(items) != 2:
                given = f"{len(items)} arrays" if items else "no pair"
                self.scope.error(
                    arg.span,
                    "wrong-arity",
                    f"adaptive() takes pairs of a prediction and a target, and this is {given}",
                    expected="`(prediction, target)`",
                )
                continue
            pair = self.paired(items[0], items[1], arg.span)
            if pair is None:
                continue
            differences = self.differences(pair)
            if not any(map(has_gradient, differences)):
                message = f"no gradient reaches a live input through '{pair.name}'"
                self.scope.error(arg.span, "not-live", message)
                continue
            two = self.make.const(2)
            squares = [self.make.arithmetic("pow", d, two, pair.span) for d in differences]
            total = self.total(squares, pair.axes, pair.span)
            count = self.at_least_one(self._size_of(pair.axes[0]))
            value = self.make.arithmetic("div", total, count, pair.span)
            weight = self.make("balance", *differences, bound=pair.axes, span=pair.span)
            found.append((pair, value, weight))
        return found

    def adaptive(self, call: sx.Call) -> Node:
        """``adaptive(...)`` as a number: the weighted sum of its pairs."""
        whole = self.make.const(0)
        for pair, value, weight in self.adaptive_pairs(call):
            part = self.make.arithmetic("mul", weight, value, pair.span)
            whole = self.make.arithmetic("add", whole, part, call.span)
        return whole

    # ------------------------------------------------------------------ divergences

    def _divergence(self, call: sx.Call, pair: Pair, options: Mapping[str, Node | str]) -> Node:
        make, span = self.make, call.span
        leading = options["leading"]
        assert isinstance(leading, Node)
        first = self.constants.value(leading)
        usual = 1 if len(pair.axes) == 2 else 2
        count = first if "leading" in dict(call.kwargs) else usual
        if len(pair.left) > 1 or count is None or count not in range(len(pair.axes)):
            message = f"{call.name.id}() compares maps: dims behind those that number them"
            expected = f"`leading` from 0 to {len(pair.axes) - 1}: dims that number the maps"
            self.scope.error(span, "wrong-kind", message, expected=expected)
            return self.placeholder
        outer, inner = pair.axes[: int(count)], pair.axes[int(count) :]
        scores, target = pair.left[0], pair.right[0]
        mass = make.reduce("sum", inner, target, None, span)
        zero = make.const(0)
        share = make("else", make.arithmetic("div", target, mass, span), zero, kind="real")
        present = make("gt", mass, zero, kind="bool", span=span)
        if options.get("normalise") == "sum":
            positive = make("relu", scores, kind="real", span=span)
            whole = make.reduce("sum", inner, positive, None, span)
            own = make("else", make.arithmetic("div", positive, whole, span), zero, kind="real")
            entropy = make("times_log", own, own, kind="real", span=span)
        else:
            spread = make.reduce("logsumexp", inner, scores, None, span)
            log = make.arithmetic("sub", scores, spread, span)
            own = make("exp", log, kind="real", span=span)
            entropy = make.arithmetic("mul", own, log, span)
        known = make("times_log", share, share, kind="real", span=span)
        if call.name.id == "kl_divergence":
            each = make.arithmetic("sub", known, make.arithmetic("mul", share, log, span), span)
        else:
            both = make.arithmetic("add", share, own, span)
            half = make.arithmetic("mul", make.const(0.5), both, span)
            mixed = make("times_log", both, half, kind="real", span=span)
            sides = make.arithmetic("add", known, entropy, span)
            each = make.arithmetic("sub", sides, mixed, span)
            each = make.arithmetic("mul", make.const(0.5), each, span)
        of_map = make.reduce("sum", inner, each, None, span)
        # a map without a target, as of a joint that is not there, counts nothing
        chosen = make.where(present, of_map, zero, span)
        total = make.reduce("sum", outer, chosen, None, span)
        maps = make.reduce("sum", outer, make.iverson(present), None, span)
        return make.arithmetic("div", total, self.at_least_one(maps), span)
