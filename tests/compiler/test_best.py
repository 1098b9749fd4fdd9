"""Where the best configuration comes from: signs, ideal scores, or a draw among equals."""

from __future__ import annotations

import pytest
import torch

from lossc.compiler.compile import compile_spec
from lossc.grammar.errors import SpecError
from lossc.runtime.families import binaries_of
from lossc.runtime.optima import draw_best
from tests.surrogates import IDW

CLASSES = "spec t\ninput scores: real[n, p]\ninput label: int[n] in p\n"
DECODED = "decode predicted[i] = argmax[j] scores[i, j]\n"
RANKING = "spec t\ninput score: real[n]\ninput relevant: bool[n]\n"
ITEMS = "spec t\ninput score: real[n]\ninput target: target real[n]\n"


# ------------------------------------------------------------------ signs


@pytest.mark.parametrize(
    "metric",
    [
        "mean[i | score[i] > 0] [relevant[i]] else 0",
        "count[i | relevant[i] and score[i] > 0] / count[i | relevant[i] or score[i] > 0] else 0",
        "(sum[i] [relevant[i]] * [score[i] > 0]) / (1 + sum[i] [score[i] > 0])",
    ],
)
def test_sums_are_split_by_a_condition_that_decides_what_helps(metric):
    """One more above the threshold helps precision if it is relevant and hurts it if not."""
    one = compile_spec(RANKING + f"evaluate {metric}", **IDW)
    assert [row.family.direction for row in one.plan.families] == [1, 1]
    assert "sign propagation" in one.stages.best
    score, relevant = torch.tensor([2.0, -1.0, 3.0]), torch.tensor([True, True, False])
    binaries = one.comparisons(score, relevant) > 0
    assert binaries.tolist() == [True, False, False]  # relevant ones above, the other one below


# ------------------------------------------------------------------ ideal scores


@pytest.mark.parametrize(
    ("spec", "ideal"),
    [
        (CLASSES + DECODED + "minimize mean[i] abs(predicted[i] - label[i]) else 0", "[j == label"),
        (
            "spec t\ninput scores: real[n, p]\ninput label: int[n] in p\n"
            "input cost: target real[p, p]\n" + DECODED
            + "minimize mean[i] cost[label[i], predicted[i]] else 0",
            "[cost[label[i], j] == min[j] cost[label[i], j]]",
        ),
        (
            ITEMS + "let place[i] = 1 + sum[j] [score[j] beats score[i]]\n"
            "evaluate sum[i] target[i] / log2(1 + place[i])",
            "= target[i]",
        ),
        (
            ITEMS + "let place[i] = 1 + sum[j] [score[j] beats score[i]]\n"
            "minimize sum[i] target[i] / log2(1 + place[i])",
            "= -target[i]",
        ),
    ],
)  # fmt: skip
def test_a_metric_suggests_its_own_ideal_scores(spec, ideal):
    one = compile_spec(spec, **IDW)
    assert ideal in one.stages.best
    assert one.check(300).configurations > 0


def test_ideal_scores_that_are_beaten_are_told():
    spec = (
        "spec t\ninput score: real[n]\n"
        "let m = count[i | score[i] > 0]\nevaluate (m - 1) * (n - m) / (1 + n)"
    )
    with pytest.raises(SpecError, match="L033"):
        compile_spec(spec, **IDW)


def test_a_wrong_truth_is_refused():
    spec = CLASSES + DECODED + "evaluate mean[i] [predicted[i] == label[i]] * label[i] else 0\n"
    wrong = spec.replace("mean", "(sum").replace(
        " else 0", ") / (1 + count[i | predicted[i] == 0])"
    )
    with pytest.raises(SpecError, match="L035"):
        compile_spec(wrong + "truth scores[i, j] = [j == 0]", **IDW)


def test_live_values_beside_the_decisions_are_those_of_the_ideal_scores():
    """The median score is best where the scores are ideal, and not where they are random."""
    one = compile_spec(
        RANKING + "let m = count[i | relevant[i]]\n"
        "evaluate sort[i | relevant[i]] sigmoid(score[i]) at ((m + 1) // 2) else 0\n"
        "truth score[i] = where(relevant[i], 30, -30)",
        **IDW,
    )
    assert one.check(200).ok


# ------------------------------------------------------------------ best: sampled


@pytest.mark.parametrize(
    ("name", "params"),
    [("recall_at_k", {"k": 5}), ("precision_at_k", {"k": 3}), ("hit_rate", {"k": 2}),
     ("ndcg", {}), ("f_beta", {}), ("accuracy", {}), ("macro_f1", {})],
)  # fmt: skip
def test_a_drawn_optimum_is_as_good_as_the_best(name, params):
    one = compile_spec(name, params=params, interpolation="idw(best=sampled)")
    loss = one.loss(validate=False)
    generator = torch.Generator().manual_seed(1)
    for number in range(20):
        inputs = {}
        for entry in one.spec.inputs:
            shape = [{"n": 12, "p": 4}[d.size] for d in entry.kind.dims]
            if entry.kind.type == "real":
                inputs[entry.name.id] = torch.rand(shape, generator=generator)
            elif entry.kind.type == "bool":
                inputs[entry.name.id] = torch.rand(shape, generator=generator) < 0.5
            elif entry.kind.below is not None:
                inputs[entry.name.id] = torch.randint(4, shape, generator=generator)
        inputs = loss.prepare(**inputs)
        families = loss.families(*inputs)
        ideal = loss.best(*inputs, families) if one.plan.uses_truth else None

        def metric(rows, families=families, inputs=inputs):
            return loss.metric_of_rows(rows, families, *inputs)

        step = torch.tensor(number)
        drawn = draw_best(families, metric, ideal, None, loss.seed, step)
        stored = torch.cat([family.stored.reshape(-1) for family in families])
        best = stored if ideal is None else ideal & stored
        want, got = (
            one.evaluate_binaries(bits[stored], **dict(zip(loss_names(one), inputs, strict=True)))
            for bits in (best, drawn)
        )
        assert got.item() == pytest.approx(want.item(), abs=1e-6)


def loss_names(one):
    return [entry.name.id for entry in one.spec.inputs]


def test_a_drawn_optimum_leaves_alone_what_need_not_change():
    """Five of ten relevant items must be among the first five: which, is left to the scores."""
    one = compile_spec("precision_at_k", params={"k": 5}, interpolation="idw(best=sampled)")
    loss = one.loss()
    score = torch.randn(40, generator=torch.Generator().manual_seed(3))
    inputs = loss.prepare(score, torch.arange(40) < 10)
    families = loss.families(*inputs)

    def metric(rows):
        return loss.metric_of_rows(rows, families, *inputs)

    now = torch.cat([binaries_of(family).reshape(-1) for family in families])
    stored = torch.cat([family.stored.reshape(-1) for family in families])
    drawn = [
        draw_best(families, metric, None, None, loss.seed, torch.tensor(step)) for step in range(8)
    ]
    wrong = (stored & ~now).sum()
    changed = [(stored & (bits != now)).sum() for bits in drawn]
    assert all(count < wrong for count in changed)
    assert len({tuple(bits.tolist()) for bits in drawn}) > 1


def test_sampling_is_an_option_of_the_spec_too():
    spec = RANKING + (
        "let place[i] = 1 + sum[j] [score[j] beats score[i]]\n"
        "evaluate mean[i | relevant[i]] [place[i] <= 3] else 0\nsurrogate best sampled"
    )
    one = compile_spec(spec, **IDW)
    assert "best=sampled" in str(one.stages)
    score = torch.randn(9, requires_grad=True)
    one.loss()(score, torch.arange(9) % 2 == 0).backward()
    assert score.grad.isfinite().all()
    with pytest.raises(SpecError, match="best = some"):
        compile_spec("auroc", interpolation="idw(best=some)")


# ------------------------------------------------------------------ what the check must not miss


@pytest.mark.parametrize(
    "metric",
    [
        "evaluate 1 / (mean[i] [score[i] > 0])",
        "let m = mean[i] [score[i] > 0]\nminimize 1 / m - 1 / m^2\ntruth score[i] = 0 - 1",
    ],
)
def test_a_best_that_is_undefined_on_most_batches_is_refused(metric):
    with pytest.raises(SpecError, match="undefined on most batches"):
        compile_spec(RANKING + metric, **IDW)


def test_a_truth_that_is_not_needed_is_tried_all_the_same():
    with pytest.raises(SpecError, match="L035"):
        compile_spec(
            CLASSES + DECODED + "evaluate mean[i] [predicted[i] == label[i]] else 0\n"
            "truth scores[i, j] = [j != label[i]]",
            **IDW,
        )


def test_a_large_batch_has_challengers_too():
    with pytest.raises(SpecError, match="L035") as caught:
        compile_spec(
            "spec t\ninput x: real[300, 300]\nlet m = sum[i, j] [x[i, j] > 0]\n"
            "evaluate m - m^2 / 300\ntruth x[i, j] = 1",
            **IDW,
        )
    assert len(str(caught.value)) < 5_000


def test_ideal_scores_are_tried_with_the_params_of_a_loss():
    one = compile_spec(
        RANKING + "param w = 1\nminimize mean[i] (w * abs([score[i] > 0] - [relevant[i]])) else 0",
        **IDW,
    )
    assert one.loss(w=2).w == 2
    with pytest.raises(SpecError, match="L035"):
        one.loss(w=-1)
