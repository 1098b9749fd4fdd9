"""Caffe's loss layers as a spec: what ``lossc import`` writes."""

from __future__ import annotations

import re
from dataclasses import dataclass, field

from lossc.grammar.errors import Diagnostic, SpecError
from lossc.grammar.prototxt import Layer, read_layers
from lossc.grammar.source import Source
from lossc.grammar.words import REDUCTIONS, RESERVED, TYPES

PAIRED = {"EuclideanLoss": "euclidean", "AdaptiveWeightEucLoss": "adaptive"}


@dataclass
class _Term:
    """A loss layer.

    Args:
        layer: Where it stands.
        name: Of its weight.
        weight: Its ``loss_weight``.
        pairs: Blobs that it compares, predictions first.
    """

    layer: Layer
    name: str
    weight: float
    pairs: list[tuple[str, str]]


@dataclass
class _Names:
    """Blobs and layers as names of the language, each its own."""

    taken: set[str] = field(default_factory=lambda: {*RESERVED, *REDUCTIONS, *TYPES, "b", "j", "n"})
    of: dict[str, str] = field(default_factory=dict)

    def fresh(self, wish: str) -> str:
        """The name itself, or with an underscore more."""
        name = re.sub(r"\W", "_", wish, flags=re.ASCII) or "blob"
        name = f"x{name}" if not name[0].isalpha() else name
        while name in self.taken or re.fullmatch(r"d\d+", name):
            name += "_"
        self.taken.add(name)
        return name

    def blob(self, blob: str) -> str:
        """The name of a blob, the same every time."""
        if blob not in self.of:
            self.of[blob] = self.fresh(blob)
        return self.of[blob]


def spec_of_network(source: Source, name: str) -> str:
    """The text of a spec with the loss that a network's loss layers add up to.

    Inputs are what the layers compare, flattened to ``[n, d]``. Loss weights are params.

    Args:
        source: The network.
        name: Of the spec; changed where the language does not take it.

    Raises:
        SpecError: It cannot be read, has no loss, or a loss that is none of these layers.

    Source: Caffe's ``EuclideanLoss`` (sum of squares over twice the batch size), and
    ``AdaptiveWeightEucLoss`` of the memo on integral pose regression, figures 1 to 3.
    """
    names = _Names()
    title = names.fresh(name)
    terms, left_out = _terms(source, names)
    sizes = _sizes(terms)
    live = {prediction for term in terms for prediction, _ in term.pairs}
    blobs = list(dict.fromkeys(blob for term in terms for pair in term.pairs for blob in pair))
    lines = [f"# The loss layers of {source.name.rpartition('/')[2]}. Give every blob flattened:"]
    lines += ["# x.flatten(1), of shape [n, d]."]
    lines += [f"# Left out, with a loss_weight of 0: {one}." for one in left_out]
    lines += [f"spec {title}", f'doc "{_doc(terms)}"', ""]
    for blob in blobs:
        kind = "real" if blob in live else "target real"
        lines.append(f"input {names.blob(blob)}: {kind}[n, {sizes[blob]}]")
    body: list[str] = []
    total: list[str] = []
    for term in terms:
        weight = names.fresh(f"weight_{term.name}")
        interval = " in [0, inf)" if term.weight >= 0 else ""
        lines.append(f"param {weight} = {term.weight!r}{interval}")
        if PAIRED[term.layer.text("type")] == "adaptive":
            pairs = [(left, _fixed(names, right, live, body)) for left, right in term.pairs]
            listed = ", ".join(f"({names.blob(left)}, {right})" for left, right in pairs)
            total.append(f"{weight} * adaptive({listed})")
        else:
            ((left, right),) = term.pairs
            name = names.fresh(term.name)
            body.append(f"term {name} = euclidean({names.blob(left)}, {names.blob(right)})")
            total.append(f"{weight} * {name}")
    body.sort(key=lambda line: line.startswith("term"))
    return "\n".join([*lines, "", *body, f"combine {' + '.join(total)}"]) + "\n"


def _fixed(names: _Names, blob: str, live: set[str], body: list[str]) -> str:
    """A target of the adaptive layer, which gives targets no gradient."""
    name = names.blob(blob)
    if blob not in live:
        return name
    fixed = names.fresh(f"fixed_{blob}")
    body.append(f"let {fixed}[b, j] = detach({name}[b, j])")
    return fixed


def _doc(terms: list[_Term]) -> str:
    kinds = list(dict.fromkeys(term.layer.text("type") for term in terms))
    return f"The sum of {' and '.join(kinds)} layers, each with its weight. 0 on an empty batch."


def _terms(source: Source, names: _Names) -> tuple[list[_Term], list[str]]:
    """The loss layers of training, and the names of those without weight."""
    layers = [x for x in read_layers(source) if not x.phases or "TRAIN" in x.phases]
    flat: dict[str, str] = {}
    terms, left_out, errors = [], [], []
    for layer in layers:
        kind = layer.text("type")
        bottoms = [flat.get(bottom, bottom) for bottom in layer.texts("bottom")]
        if kind == "Flatten" and bottoms and layer.texts("top"):
            flat[layer.text("top")] = bottoms[0]
            continue
        weights = [value for value, _ in layer.fields.get("loss_weight", [])]
        if not kind.endswith("Loss") and not any(weights):
            continue
        weight = weights[0] if weights else 1.0
        name = layer.text("name") or layer.text("top") or kind
        if weight == 0:
            left_out.append(name)
            continue
        wrong = _wrong(layer, weight, bottoms)
        if wrong is not None:
            errors.append(wrong)
            continue
        pairs = list(zip(bottoms[::2], bottoms[1::2], strict=True))
        terms.append(_Term(layer, name, float(weight), pairs))
    if errors:
        raise SpecError(errors)
    if not terms:
        message = "there is no loss layer to train with"
        known = f"a layer of type {' or '.join(PAIRED)}"
        raise SpecError(Diagnostic(None, "bad-network", message, known, file=source.name))
    return terms, left_out


def _wrong(layer: Layer, weight: object, bottoms: list[str]) -> Diagnostic | None:
    """What is wrong with a loss layer."""
    kind = layer.text("type")
    known = " or ".join(PAIRED)
    if kind not in PAIRED:
        message = f"a layer of type '{kind}' has no counterpart"
        return Diagnostic(layer.place("type"), "bad-network", message, known)
    if not isinstance(weight, float):
        message = f"a loss weight is a number, not '{weight}'"
        return Diagnostic(layer.place("loss_weight"), "bad-network", message)
    if kind == "EuclideanLoss" and len(bottoms) != 2:
        message = f"it compares two blobs, not {len(bottoms)}"
        return Diagnostic(layer.place("bottom"), "bad-network", message)
    if len(bottoms) % 2 or not bottoms:
        message = f"it compares pairs of blobs, and has {len(bottoms)} of them"
        hint = "Caffe leaves the last one out without a word"
        return Diagnostic(layer.place("bottom"), "bad-network", message, hint=hint)
    same = next((a for a, b in zip(bottoms[::2], bottoms[1::2], strict=True) if a == b), None)
    if same is not None:
        message = f"'{same}' is compared with itself"
        return Diagnostic(layer.place("bottom"), "bad-network", message)
    return None


def _sizes(terms: list[_Term]) -> dict[str, str]:
    """The dim of each blob: blobs that are compared have the same."""
    group: dict[str, str] = {}

    def root(blob: str) -> str:
        while group.setdefault(blob, blob) != blob:
            blob = group[blob]
        return blob

    for term in terms:
        for left, right in term.pairs:
            group[root(right)] = root(left)
    roots = list(dict.fromkeys(root(blob) for blob in group))
    return {blob: f"d{1 + roots.index(root(blob))}" for blob in group}
