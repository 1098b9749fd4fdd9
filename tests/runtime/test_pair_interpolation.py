"""Interpolation by sorting against the plain reference over the same anchors, written out."""

from __future__ import annotations

import functools
import sys

import pytest
import torch
from torch.testing import assert_close

from lossc.compiler.compile import compile_spec
from lossc.runtime.anchors import fair_counts
from lossc.runtime.counter import random_words
from lossc.runtime.flipped_shares import flip_share
from lossc.runtime.pair_anchors import pick_pairs, random_counts, rows_stored, rows_won
from lossc.runtime.pair_lines import pick_pair_lines
from lossc.runtime.pair_numbers import dense_pairs, pairs_stored, pairs_won
from lossc.runtime.pair_shares import thinned_rows
from lossc.runtime.pairs import order_pairs
from lossc.runtime.reference import idw_gradient

METRICS = (
    *("average_precision", "auroc", "interpolated_average_precision", "fnmr_at_fmr"),
    *("tpr_at_fpr", "equal_error_rate"),
)
KINDS = ("random", "tied", "far", "full", "grouped", "perfect")


FLIPS = ("row", "column", "share")


@functools.cache
def compiled(name, step="sigmoid", flips="bit"):
    step = f"{step}(temperature=1)"
    return compile_spec(name, step=step, interpolation=f"idw(flips={flips})")


def inputs_of(name, kind, n=26):
    generator = torch.Generator().manual_seed(n + len(kind))
    score = torch.randn(n, generator=generator, dtype=torch.float64)
    relevant = torch.rand(n, generator=generator) < 0.4
    if kind == "tied":
        score = torch.randint(-2, 3, (n,), generator=generator).double()
    if kind == "far":
        score = score * 40
    if kind == "full":
        relevant = torch.ones(n, dtype=torch.bool)
    if kind == "perfect":
        score = score.sigmoid() + relevant * 2
    inputs = [score.requires_grad_(), relevant]
    if kind == "grouped" and name != "interpolated_average_precision":
        inputs.append(torch.randint(0, 3, (n,), generator=generator))
    return inputs


def turned(family, parts):
    """Pairs with the items of the rows first, as the flat order of binaries has them."""
    return [part if family.rows == "left" else part.transpose(-1, -2) for part in parts]


def factors_of(rule, values, value):
    return {
        "exact": values - value,
        "improving": (values - value).clamp_min(0),
        "published": values + value,
        "attract": values,
    }[rule]


def written_out(loss, inputs, options, rule):
    """Value and gradient over all anchors, with the bad ones at their expected distance."""
    module = sys.modules[type(loss).__module__]
    prepared = loss.prepare(*inputs)
    families = loss.pairs(*prepared)
    orders = tuple(order_pairs(family.pairs) for family in families)
    temperature, squash = options["temperature"], options["squash"]
    bits, where, relaxed = [], [], []
    for family in families:
        pairs = family.pairs
        _, stored, won = turned(family, dense_pairs(pairs))
        if squash == "sigmoid":
            pairs = pairs._replace(left=pairs.left.sigmoid(), right=pairs.right.sigmoid())
        comparisons, *_ = turned(family, dense_pairs(pairs))
        bits.append(won[stored])
        where.append(stored)
        z = comparisons[stored] / temperature
        if options["step"] == "laplace":
            tail = (-z.abs()).exp() / 2
            relaxed.append(torch.where(z > 0, 1 - tail, torch.where(z < 0, tail, z / 2 + 0.5)))
        else:
            relaxed.append(z.sigmoid())
    u, now = torch.cat(relaxed), torch.cat(bits)
    kept = torch.stack([pairs_stored(order).sum() for order in orders])
    won = torch.stack([pairs_won(order).sum() for order in orders])
    good, nearby, bad = (options[name] for name in ("good", "nearby", "bad"))
    seed, step = loss.seed, loss.step - 1
    flips = options.get("flips", "bit")
    lost = kept - won
    some = bool(lost.sum() > 0)
    all_stored = torch.cat([rows_stored(f, o) for f, o in zip(families, orders, strict=True)])
    words = random_words(seed, step, (1 if flips == "share" else 2) * (good + nearby))
    best = torch.ones_like(now)

    def flipped(before, picked, only):
        rows = []
        for number, i, j in zip(*(value.tolist() for value in picked), strict=True):
            row, start = before.clone(), sum(int(stored.sum()) for stored in where[:number])
            left = families[number].rows == "left"
            # all pairs of the item on the line's side: of the outer index, or of the inner one
            on_left = options["sides"][number] == "left" if flips != "bit" else None
            for place, (a, b) in enumerate(where[number].nonzero().tolist()):
                pair = (a, b) if left else (b, a)
                if flips == "bit":
                    row[start + place] ^= pair == (i, j)
                elif pair[0 if on_left else 1] == (i if on_left else j):
                    row[start + place] ^= bool(only[start + place])
            rows.append(row)
        return torch.stack(rows)

    if flips != "share":
        pick = pick_pairs if flips == "bit" else pick_pair_lines
        sides = options.get("sides", ())
        words = words.reshape(-1, 2)
        to_good = pick(families, orders, sides, words[:good], kept, False)
        to_near = pick(families, orders, sides, words[good:], lost if some else kept, some)
        sampled = [best.unsqueeze(0), flipped(best, to_good, best)]
        sampled = torch.cat([*sampled, flipped(now, to_near, ~now if some else best)])
        values = [loss.evaluate_binaries(b, *prepared) for b in sampled]
        squared = (u - sampled.double()).square().sum(-1)
    else:
        q_good = flip_share(words[:good], kept.sum())
        q_near = flip_share(words[good:], (lost if some else kept).sum())
        now_rows = torch.cat([rows_won(f, o) for f, o in zip(families, orders, strict=True)])
        rows, squared = [all_stored], [(u - 1).square().sum()]
        for number, q in enumerate(q_good):
            rows.append(all_stored - thinned_rows(all_stored, q, (seed, step), number))
            squared.append(((u - 1).square() * (1 - q) + u.square() * q).sum())
        for number, q in enumerate(q_near):
            may = all_stored - now_rows if some else all_stored
            change = thinned_rows(may, q, (seed, step), good + number)
            rows.append(now_rows + (change if some else -change))
            mean = torch.where(now, 1.0 if some else 1 - q, q)  # E[(u - a)^2], a in {0, 1}
            squared.append(((u - 1).square() * mean + u.square() * (1 - mean)).sum())
        values = [loss.metric_of_rows(r.unsqueeze(0), families, *prepared)[0] for r in rows]
        squared = torch.stack(squared)
    for number in range(bad):
        rows = random_counts(all_stored, seed, step, number)
        values.append(loss.metric_of_rows(rows.unsqueeze(0), families, *prepared)[0])
    values = torch.stack(values).double()
    fair = ((u - 0.5).square() + 0.25).sum().expand(bad)
    weights = torch.cat([squared, fair]) ** -0.5
    value = (weights * values).sum() / weights.sum()
    factors = factors_of(rule, values, value.detach())
    pulled = ((factors / weights.sum()).detach() * weights).sum()
    (gradient,) = torch.autograd.grad(pulled, inputs[0])
    assert module is not None
    return value.detach(), gradient


RULES = [("bit", rule) for rule in ("exact", "improving", "published", "attract")]
RULES += [(flips, rule) for flips in FLIPS for rule in ("exact", "published")]


@pytest.mark.parametrize("name", METRICS)
@pytest.mark.parametrize(("flips", "rule"), RULES)
def test_value_and_gradient_equal_the_written_out_ones(name, flips, rule, monkeypatch):
    compared = 0
    for squash in ("none", "sigmoid"):
        one = compiled(name, flips=flips)
        options = {"temperature": 0.7, "squash": squash, "good": 5, "nearby": 4, "bad": 3}
        loss = one.loss(**options, gradient=rule, validate=False)
        sense = 1 if one.plan.graph.goal == "minimize" else -1
        monkeypatch.setattr(sys.modules[type(loss).__module__], "many_pairs", lambda pairs: True)
        for kind in KINDS:
            inputs = inputs_of(name, kind)
            value = loss(*inputs)
            families = loss.pairs(*loss.prepare(*inputs))
            if sum(int(dense_pairs(family.pairs)[1].sum()) for family in families) == 0:
                assert value.isfinite()
                continue
            (gradient,) = torch.autograd.grad(value, inputs[0])
            # a row is all pairs of a positive, whose index is the outer one; in average_precision
            # it is the one that is beaten by other positives
            sides = [family.rows if family.rows != "total" else "left" for family in families]
            if flips == "column":
                sides = ["left" if side == "right" else "right" for side in sides]
            how = {**options, "step": "sigmoid", "flips": flips, "sides": tuple(sides)}
            expected = written_out(loss, inputs, how, rule)
            assert_close(sense * value.detach(), expected[0], rtol=1e-8, atol=1e-9)
            scale = expected[1].abs().max()
            assert_close(sense * gradient, expected[1], rtol=1e-6, atol=1e-8 * (1 + float(scale)))
            compared += 1
    assert compared >= 9


def test_the_laplace_step_is_exact(monkeypatch):
    loss = compiled("auroc", "laplace").loss(temperature=0.4, good=3, nearby=3, bad=2)
    monkeypatch.setattr(sys.modules[type(loss).__module__], "many_pairs", lambda pairs: True)
    inputs = inputs_of("auroc", "random")
    value = loss(*inputs)
    (gradient,) = torch.autograd.grad(value, inputs[0])
    options = {"temperature": 0.4, "squash": "none", "good": 3, "nearby": 3, "bad": 2}
    expected = written_out(loss, inputs, {**options, "step": "laplace"}, "exact")
    assert_close(-value.detach(), expected[0], rtol=1e-12, atol=0)
    assert_close(-gradient, expected[1], rtol=1e-10, atol=1e-14)


def test_few_and_many_pairs_agree_on_the_average():
    one = compiled("average_precision")
    inputs = inputs_of("average_precision", "random", 60)
    few = one.loss(bits="expected", validate=False)
    many = one.loss(validate=False)
    module = sys.modules[type(many).__module__]
    before = module.many_pairs
    try:
        found = []
        for loss, sorting in ((few, False), (many, True)):
            module.many_pairs = lambda pairs, sorting=sorting: sorting
            total, slope = 0.0, torch.zeros(60, dtype=torch.float64)
            for _ in range(60):
                value = loss(*inputs)
                total += value.item() / 60
                slope += torch.autograd.grad(value, inputs[0])[0] / 60
            found.append((total, slope))
    finally:
        module.many_pairs = before
    assert found[0][0] == pytest.approx(found[1][0], rel=0.02)
    cosine = torch.nn.functional.cosine_similarity(found[0][1], found[1][1], dim=0)
    assert cosine > 0.99


def test_fair_counts_are_binomial():
    for size in (0, 1, 7, 32, 33, 200, 10**6):
        words = random_words(torch.tensor(3), torch.tensor(size), 3 * 20_000).reshape(-1, 1, 3)
        counts = fair_counts(words, torch.tensor([size])).double()
        assert ((counts >= 0) & (counts <= size)).all()
        assert counts.mean().item() == pytest.approx(
            size / 2, abs=4 * (size / 4 / 20_000) ** 0.5 + 1e-9
        )
        if size:
            assert counts.var().item() == pytest.approx(size / 4, rel=0.05)


def test_half_a_million_scores_take_no_pairs():
    loss = compiled("auroc").loss(validate=False)
    generator = torch.Generator().manual_seed(1)
    score = torch.randn(200_000, generator=generator, requires_grad=True)
    relevant = torch.rand(200_000, generator=generator) < 0.1
    loss(score, relevant).backward()
    assert score.grad.isfinite().all()
    assert score.grad[relevant].mean() < 0 < score.grad[~relevant].mean()


def test_the_reference_has_the_same_rules():
    # the rule of this file's reference is that of lossc.runtime.reference
    u = torch.tensor([0.2, 0.7, 0.9], dtype=torch.float64, requires_grad=True)
    anchors = torch.tensor([[1.0, 1, 1], [0, 1, 0]], dtype=torch.float64)
    values = torch.tensor([1.0, 0.25], dtype=torch.float64)
    weights = (u - anchors).square().sum(-1) ** -0.5
    value = ((weights * values).sum() / weights.sum()).detach()
    for rule in ("exact", "improving", "published", "attract"):
        fresh = (u - anchors).square().sum(-1) ** -0.5
        pulled = ((factors_of(rule, values, value) / fresh.sum()).detach() * fresh).sum()
        (gradient,) = torch.autograd.grad(pulled, u)
        assert_close(gradient, idw_gradient(u.detach(), anchors, values, rule))
