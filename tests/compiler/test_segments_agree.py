"""Groups, masks and ignored labels against loops, on random, tied and empty data."""

from __future__ import annotations

import math

import numpy as np
import pytest
import torch

from lossc.compiler.compile import compile_spec

BATCHES = 100


def check(one, want, **inputs):
    """The metric, as written and by way of binaries."""
    inputs = {name: torch.as_tensor(value) for name, value in inputs.items()}
    inputs = {entry.name.id: inputs[entry.name.id] for entry in one.spec.inputs}
    assert one.metric(**inputs).item() == pytest.approx(want)
    assert one.refactored(**inputs).item() == pytest.approx(want)


def draws(seed):
    """Random numbers, and scores of a shape: every other time with many ties."""
    generator = np.random.default_rng(seed)
    for number in range(BATCHES):

        def scores(*shape, tied=number % 2):
            if tied:
                return generator.integers(-2, 3, shape) / 2.0
            return generator.normal(size=shape)

        yield generator, scores


def test_the_winner_of_what_a_mask_leaves():
    one = compile_spec(
        "spec t\ninput scores: real[n, p]\ninput label: int[n] in p\ninput mask: bool[n, p]\n"
        "decode predicted[i] = argmax[j | mask[i, j]] scores[i, j]\n"
        "let right = mean[i] [abs(predicted[i] - label[i]) <= 1]\n"
        "let none = mean[i] [predicted[i] != label[i]]\n"
        "evaluate right - none else 0\ntruth scores[i, j] = -abs(j - label[i])"
    )
    for generator, scores in draws(0):
        n, p = int(generator.integers(0, 5)), int(generator.integers(1, 5))
        score, label = scores(n, p), generator.integers(0, p, n)
        mask = generator.random((n, p)) < 0.5
        right, wrong = 0, 0
        for i in range(n):
            allowed = np.flatnonzero(mask[i])
            # an argmax over nothing is undefined: no condition about it holds, and `!=` is `not ==`
            best = allowed[score[i][allowed].argmax()] if len(allowed) else math.nan
            right += abs(best - label[i]) <= 1
            wrong += best != label[i]
        want = (right - wrong) / n if n else 0
        check(one, want, scores=score, label=label, mask=mask)


def test_the_value_of_a_winner_is_undefined_where_a_mask_leaves_nothing():
    one = compile_spec(
        "spec t\ninput scores: real[n, p]\ninput mask: bool[n, p]\n"
        "input cost: target real[p] in [0, 9]\n"
        "decode predicted[i] = argmax[j | mask[i, j]] scores[i, j]\n"
        "minimize mean[i] (cost[predicted[i]] else 10) else 0\ntruth scores[i, j] = -cost[j]"
    )
    for generator, scores in draws(1):
        n, p = int(generator.integers(0, 5)), int(generator.integers(1, 5))
        score, cost = scores(n, p), generator.random(p) * 9
        mask = generator.random((n, p)) < 0.4
        paid = []
        for i in range(n):
            allowed = np.flatnonzero(mask[i])
            paid.append(cost[allowed[score[i][allowed].argmax()]] if len(allowed) else 10)
        check(one, np.mean(paid) if n else 0, scores=score, mask=mask, cost=cost)


def test_medians_inside_groups():
    one = compile_spec(
        "spec t\ninput score: real[n]\ninput group: int[n]\n"
        "let size[g in values(group)] = count[i | group[i] == g]\n"
        "let middle[g in values(group)] = "
        "sort[i | group[i] == g] score[i] at ((size[g] + 1) // 2)\n"
        "evaluate mean[g in values(group)] [middle[g] > 0.25] else 0"
    )
    for generator, scores in draws(2):
        n = int(generator.integers(0, 10))
        score, group = scores(n), generator.integers(-1, 3, n)
        middles = [
            torch.tensor(score[group == member]).median().item() > 0.25
            for member in set(group.tolist())
        ]
        check(one, np.mean(middles) if middles else 0, score=score, group=group)


def test_the_best_group_is_its_member_and_not_its_place():
    one = compile_spec(
        "spec t\ninput score: real[n]\ninput group: int[n]\ninput right: int\n"
        "let best = argmax[g in values(group)] mean[i | group[i] == g] score[i]\n"
        "evaluate [best == right]\ntruth score[i] = [group[i] == right]"
    )
    for generator, scores in draws(3):
        n = int(generator.integers(0, 8))
        score, group = scores(n), generator.integers(0, 3, n) * 5
        right = int(generator.integers(0, 3)) * 5
        members = list(dict.fromkeys(group.tolist()))  # the first of equal ones wins
        best = max(members, key=lambda g: score[group == g].mean(), default=None)
        check(one, float(best == right), score=score, group=group, right=right)


def test_ranks_of_labels_without_the_ignored_ones():
    one = compile_spec(
        "spec t\ninput scores: real[n, p]\ninput label: int[n] in p ignore skip\nparam skip = 255\n"
        "evaluate mean[i | valid(label[i])] 1 / (rank[c] scores[i, c] at label[i]) else 0"
    )
    for generator, scores in draws(4):
        n, p = int(generator.integers(0, 6)), int(generator.integers(1, 5))
        score, label = scores(n, p), generator.integers(0, p, n)
        label[generator.random(n) < 0.4] = 255
        found = []
        for i in np.flatnonzero(label != 255):
            order = np.argsort(-score[i], kind="stable").tolist()
            found.append(1 / (1 + order.index(label[i])))
        check(one, np.mean(found) if found else 0, scores=score, label=label)


def test_top_items_of_the_top_groups():
    """Of the two best groups, by their best item, the share of relevant first items."""
    one = compile_spec(
        "spec t\ninput score: real[n]\ninput relevant: bool[n]\ninput group: int[n]\n"
        "let inside[i] = rank[j | group[j] == group[i]] score[j] at i\n"
        "let leads[i] = [inside[i] == 1]\n"
        "let ahead[i] = sum[j | leads[j]] [score[j] beats score[i]]\n"
        "let chosen[i] = [leads[i] and ahead[i] < 2]\n"
        "evaluate mean[i | chosen[i]] [relevant[i]] else 0\n"
        "truth score[i] = where(relevant[i], 3, -3)"
    )
    for generator, scores in draws(5):
        n = int(generator.integers(0, 9))
        score, relevant = scores(n), generator.random(n) < 0.5
        group = generator.integers(0, 3, n)
        order = np.argsort(-score, kind="stable")
        leaders = [next(i for i in order if group[i] == g) for g in set(group.tolist())]
        top = [i for i in order if i in leaders][:2]
        want = relevant[top].mean() if top else 0
        check(one, want, score=score, relevant=relevant, group=group)
