"""The table of error rules: one line each, and the page that ``lossc explain L0xx`` prints."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class Rule:
    """A code, a title, and what ``lossc explain`` says about it."""

    code: str
    title: str
    explanation: str


RULES: dict[str, Rule] = {
    # reading
    "file-missing": Rule(
        "L001", "no such spec", "The path does not exist, and no bundled spec has that name."
    ),
    "not-text": Rule(
        "L002",
        "not a text file",
        "Specs are UTF-8 text. The file is a folder, binary, or in another encoding.",
    ),
    "too-large": Rule(
        "L003",
        "too large or too deep",
        "A spec has at most 200,000 characters and 20,000 words, numbers and signs, and an expression nests at most 100 deep, so that no text, however hostile, takes more than a second. A written range holds at most 4,096 numbers, a point 16, an input 8 dims of at most 65,536; an expression has at most 8 free indices and 16,777,216 values by its fixed dims; definitions nest at most 100 deep. An example gives an input at most 1,000 numbers.",
    ),
    "bad-yaml": Rule(
        "L004",
        "not valid YAML",
        "The YAML reader gave up here. Aliases (`*x`) and anchors (`&x`) are not part of the format.",
    ),
    "swallowed-expression": Rule(
        "L005",
        "YAML swallowed an expression",
        'An expression that begins with `[ { * & " | -` or that holds ` #` means something else to YAML. Put it in quotes.',
    ),
    "bad-document": Rule(
        "L006",
        "wrong shape of document",
        "A YAML spec is a mapping with the keys that docs/language.md lists.",
    ),
    "unknown-key": Rule(
        "L007", "unknown key", "The document has a key that the format does not have."
    ),
    "missing-part": Rule(
        "L008",
        "a part is missing",
        "A spec needs a name, at least one input, and exactly one of evaluate, minimize, loss, combine. An example says what every input is that has no default.",
    ),
    # syntax
    "syntax": Rule(
        "L010", "syntax error", "The text does not follow the grammar of docs/language.md."
    ),
    "unclosed-bracket": Rule(
        "L011", "unclosed bracket", "A `(` or `[` is never closed, or is closed by the other kind."
    ),
    "unknown-name": Rule(
        "L012",
        "unknown name",
        "Nothing of that name is declared: no input, param, definition, dim, index, operation or function.",
    ),
    "keyword-name": Rule(
        "L013",
        "keyword as a name",
        "Statement words (`input`, `let`, `evaluate`, ...) and operators (`in`, `at`, `beats`, ...) are reserved.",
    ),
    "duplicate": Rule("L014", "defined twice", "Every name is defined once in a spec."),
    "bad-number": Rule(
        "L015",
        "number out of range",
        "A literal or constant expression is too large to be computed.",
    ),
    # meaning
    "cycle": Rule("L020", "cyclic definition", "Definitions refer to each other in a circle."),
    "dim-clash": Rule(
        "L021",
        "dim clash",
        "An index, or two operands, are asked to range over two different dims.",
    ),
    "wrong-kind": Rule(
        "L022",
        "wrong kind",
        "A number stands where a condition must, or the other way round, or a subscript is not an integer.",
    ),
    "no-range": Rule(
        "L023",
        "index without a range",
        "An index ranges over the dim that it subscripts, or over the range of what it is compared with by `==`, or over a written range (`r in 1..m`). This one has none of the three.",
    ),
    "wrong-arity": Rule(
        "L024",
        "wrong number of subscripts or arguments",
        "An input is subscripted once for each of its dims, a function called with all of its arguments.",
    ),
    "target-argmax": Rule(
        "L026",
        "decision on a target",
        "argmax decides between live scores; of a target it would be a constant, and the spec would have no gradient.",
    ),
    "param-range": Rule(
        "L027",
        "parameter out of range",
        "A parameter's value lies outside its declared range (temperatures and anchor counts included).",
    ),
    "bad-option": Rule(
        "L028",
        "unknown option",
        "The surrogate, interpolation, schedule or parameter has no such option.",
    ),
    "undefined-value": Rule(
        "L029",
        "value without a default",
        "A reduction over nothing, or a division by zero, without an `else` that says what it is then.",
    ),
    "no-decision": Rule(
        "L030",
        "nothing discrete",
        "An `evaluate` spec without a comparison, argmax, rank or threshold on a live input has no decision to relax; write it as a `loss`.",
    ),
    "not-live": Rule(
        "L031",
        "no gradient",
        "The goal does not depend on any live input, so no network could learn from it.",
    ),
    "not-supported": Rule(
        "L032",
        "not supported here",
        "The language has the construct, and the compiler does not take it in this place.",
    ),
    "unknown-best": Rule(
        "L033",
        "best configuration unknown",
        "The sign of the metric in some comparisons could not be derived, so the best configuration is not known: add a `truth` statement with ideal scores.",
    ),
    "refactoring-differs": Rule(
        "L034",
        "refactored metric differs",
        "On some batch the refactored metric is not the metric as written. This is a defect of lossc: please report it with the printed batch.",
    ),
    "best-beaten": Rule(
        "L035",
        "a configuration beats the best one",
        "A sampled configuration has a better metric than the one taken as best: the `truth` statement is not the optimum.",
    ),
    "bad-use": Rule(
        "L036",
        "cannot use that spec",
        "`use` takes names of bundled specs and of specs in folders named by the user (`--specs`, `folders=`, LOSSC_SPECS), without cycles. What two specs both declare must be the same in both; `use other as alias` puts `alias_` before the names of definitions and params, and inputs with their dims are always shared.",
    ),
    "example-differs": Rule(
        "L037",
        "example with another value",
        "The metric, or the loss, does not have the value that an `example` gives for its inputs, to a relative or absolute 1e-6. Either the spec or the example is wrong.",
    ),
    "no-relaxation": Rule(
        "L038",
        "this interpolation does not fit the metric",
        "`substitute` puts relaxed binaries into the metric itself, and `bound` puts lower bounds there: neither has a gradient through a rounded count, and a bound needs a metric that never falls when a comparison is won. `idw`, `multilinear` and `perturbed` take any metric.",
    ),
    "log-range": Rule(
        "L039",
        "no logarithm of this metric",
        "`transform log` trains minus the logarithm of a metric from 0 to 1 (of 1 less the metric for `minimize`); on some batch this one was outside.",
    ),
    "bad-schedule": Rule(
        "L045",
        "schedule that does not fit",
        "`schedule` takes `warmup`, whose first loss must take the inputs of the spec (by name, or by kind and axes), and `linear`, `cosine`, `exponential` or `piecewise` of a number: a param of the spec, or an option of its surrogate such as `temperature`. There is at most one warm-up, and one schedule of each number.",
    ),
    "bad-network": Rule(
        "L046",
        "network without a loss that can be read",
        "`lossc import` turns the loss layers of a Caffe network into a spec: EuclideanLoss, which compares two blobs, and AdaptiveWeightEucLoss, which compares pairs of them. Flatten layers before them are followed; layers that are for testing only, or have a loss_weight of 0, are left out.",
    ),
    "bad-term": Rule(
        "L047",
        "terms that do not fit together",
        "`term name = ...` is an expression, or a call of another spec, which gets inputs and definitions by name, each with the kind and the dims that it declares. `combine` is a weighted sum of all terms, each once: weights are numbers, params, and what is made of them; `adaptive((prediction, target), ...)` and the named weightings are parts of the sum. A term stands in `combine` alone.",
    ),
    # the gradient audit: warnings
    "dead-gradient": Rule(
        "L040",
        "dead gradient",
        "On more than 5% of the batches whose metric could be better, the gradient of the surrogate is zero altogether, or on most of them it is so small that a step of a tenth of the scores' spread lowers the loss by less than 1e-6: nothing is learnt there. Usual reasons are a temperature far below the scale of the scores (every relaxed binary has reached its bit), one far above it together with the t-norm `lukasiewicz` (no row is near to being won), hinges that are all satisfied or all cut off, and `multilinear` for metrics of the first places (among independent coins, next to nothing ever ranks first). `temperature = auto` follows the scores; `lossc check` measures other settings and suggests one. `lossc compile` and `lossc report` warn where scores near one another, as training starts with, have no gradient.",
    ),
    "sparse-gradient": Rule(
        "L041",
        "sparse gradient",
        "More than 90% of the entries of the gradient are zero: nearly every score is left as it is. That may be meant (a hinge, or the t-norm `godel`, moves the hardest comparison alone), but it is slow. A higher temperature reaches more scores.",
    ),
    "non-finite-gradient": Rule(
        "L042",
        "gradient not finite",
        "A gradient, or the loss itself, is infinite or NaN on realistic scores in single precision; one such step ruins a network. `squash = sigmoid` bounds the scores; another interpolation may do without the operation at fault.",
    ),
    "gradient-does-not-help": Rule(
        "L043",
        "gradient does not help",
        "Where there is a gradient, steps against it make the metric worse more often than better, or most batches are improved by none of several sizes of step: the surrogate's direction is not that of the metric. A temperature near the scale of the scores is the usual remedy.",
    ),
    "loose-surrogate": Rule(
        "L044",
        "loose surrogate",
        "The surrogate is farther from the metric than half of what the metric can move at all, so that its value says little about it: watch `loss.metric` instead. Its gradient may be fine all the same; bounds by hinges are such a case.",
    ),
}
