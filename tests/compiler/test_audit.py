"""The gradient audit: L040 to L044, on surrogates that are broken on purpose and on sound ones."""

from __future__ import annotations

import json
import math

import pytest
import torch

import lossc.specs
from lossc.compiler.audit import Audit, audit, dead_start, flagged, quick_audit, warnings
from lossc.compiler.audit_rows import STEPS, Auditor, Row, gradient
from lossc.compiler.compile import CompiledLoss, compile_spec
from lossc.compiler.realistic import Drawer
from lossc.compiler.validate import PLACES
from lossc.grammar.error_codes import RULES
from tests.surrogates import IDW, PLAIN

SIZES = (16, 64)
LUKASIEWICZ = "substitute(tnorm=lukasiewicz)"


def codes(found: Audit) -> set[str]:
    return {finding.code for finding in warnings(found)}


def rows_at(found: Audit, scale: float) -> list[Row]:
    return [row for row in found.rows if row.scale == scale]


def drawn(compiled: CompiledLoss, size: int, seed: int = 0):
    drawer = Drawer(compiled.plan, PLACES)
    return drawer.draw(drawer.sizes(size), torch.Generator().manual_seed(seed))


# ------------------------------------------------------------------ realistic batches


def test_labels_are_below_the_number_of_classes():
    draw = drawn(compile_spec("top_k_accuracy", **IDW), 64)
    assert draw.free["scores"].shape == (64, 10)
    assert set(draw.fixed["label"].tolist()) == set(range(10))


def test_few_flags_are_true_and_optional_inputs_are_left_out():
    compiled = compile_spec("average_precision", **IDW)
    draw = drawn(compiled, 256)
    assert draw.fixed["relevant"].double().mean().item() == pytest.approx(0.2, abs=0.1)
    score, relevant, group = draw.arguments(draw.free)
    assert group is None
    assert compiled.metric(score, relevant) > 0


def test_places_lie_in_the_map_and_lengths_in_their_range():
    draw = drawn(compile_spec("pckh", **IDW), 4)
    n, k, h, w = draw.free["heatmap"].shape
    joint = draw.fixed["joint"]
    assert joint.shape == (n, k, 2)
    assert ((joint >= 0) & (joint <= torch.tensor([w - 1, h - 1]))).all()
    assert (draw.fixed["head"] > 0).all()
    assert draw.fixed["visible"].double().mean() > 0.5


def test_scores_stay_in_their_range():
    goal = "evaluate mean[i | y[i]] [q[i] > 0.5] else 0"
    text = f"spec t\ninput q: real[n] in [0, 1]\ninput y: bool[n]\n{goal}"
    draw = drawn(compile_spec(text, **IDW), 16)
    q = draw.arguments(draw.scaled(100.0))[0]
    assert q is not None
    assert ((q > 0) & (q < 1)).all()


def test_batches_are_bounded_by_their_comparisons():
    drawer = Drawer(compile_spec("mean_iou", **IDW).plan, 2**14)
    sizes = drawer.sizes(16)
    assert sizes["n"] * sizes["h"] * sizes["w"] * sizes["p"] ** 2 <= drawer.places(sizes) <= 2**14
    assert sizes["h"] == 4  # sides are halved before the batch is


def test_other_scores_show_the_best_and_the_worst_metric():
    for name in ("accuracy", "pckh", "auroc", "mean_iou"):
        compiled = compile_spec(name, **IDW)
        draw = drawn(compiled, 16)
        others = draw.others(torch.Generator().manual_seed(0), 1)
        found = [float(compiled.metric(*draw.arguments(other))) for other in others]
        assert found[1:] == [1.0, 0.0], name


# ------------------------------------------------------------------ figures


def test_figures_are_those_of_a_recomputation():
    compiled = compile_spec("accuracy", interpolation="substitute(tnorm=product)", **PLAIN)
    auditor = Auditor(compiled, Drawer(compiled.plan, PLACES), (16,), 1, 0)
    row = auditor.row(16, 1.0)

    generator = torch.Generator().manual_seed(0)
    drawer = Drawer(compiled.plan, PLACES)
    draw = drawer.draw(drawer.sizes(16), generator)
    scores = draw.free["scores"].float().requires_grad_()
    label = draw.fixed["label"]
    own = scores.gather(1, label.unsqueeze(1))
    other = torch.ones_like(scores, dtype=torch.bool).scatter(1, label.unsqueeze(1), False)
    margins = (own - scores)[other].reshape(16, 9)
    smooth = margins.sigmoid().prod(-1).mean()  # the product t-norm
    (slope,) = torch.autograd.grad(-smooth, scores)
    exact = scores.detach().double()

    def accuracy(scores: torch.Tensor) -> float:
        return float((scores.argmax(-1) == label).double().mean())

    unit = max(1.0, float(margins.detach().double().abs().flatten().median()))
    size = slope.double().square().mean().sqrt()
    moved = [accuracy(exact - share * unit * slope.double() / size) for share in STEPS]
    now = accuracy(exact)
    assert row.batches == row.improvable == 1
    assert row.gap == pytest.approx(abs(float(smooth.detach()) - now), abs=1e-6)
    assert row.zero == float((slope == 0).double().mean())
    assert row.nonfinite == row.dead == 0
    assert row.slope == pytest.approx(0.1 * unit * float(size) * slope.numel(), rel=1e-4)
    assert row.improved == sum(value > now for value in moved) / len(STEPS)
    assert row.worsened == sum(value < now for value in moved) / len(STEPS)
    assert row.unchanged == sum(value == now for value in moved) / len(STEPS)
    assert row.helped == float(max(moved) > now)
    assert row.reach == 1  # from no label to all


def test_the_share_of_zero_entries_is_that_of_the_hardest_rivals():
    compiled = compile_spec("accuracy", interpolation="substitute(tnorm=godel)", **PLAIN)
    row = Auditor(compiled, Drawer(compiled.plan, PLACES), (16,), 4, 0).row(16, 1.0)
    assert row.zero == pytest.approx(0.8)  # of ten classes, the label and one rival have a gradient


def test_a_metric_that_cannot_be_better_asks_nothing():
    compiled = compile_spec("specificity", **IDW)  # all scores are below the threshold
    row = Auditor(compiled, Drawer(compiled.plan, PLACES), (16,), 4, 0).row(16, 0.0)
    assert row.batches == 4
    assert row.improvable == 0
    assert math.isnan(row.dead)
    assert math.isnan(row.improved)


@pytest.mark.parametrize("name", ["fnmr_at_fmr", "accuracy"])
@pytest.mark.parametrize("transform", ["none", "log"])
def test_the_gap_is_in_the_units_of_the_metric(name, transform):
    compiled = compile_spec(name, interpolation="multilinear", transform=transform)
    row = Auditor(compiled, Drawer(compiled.plan, PLACES), (64,), 2, 0).row(64, 1.0)
    assert 0 <= row.gap <= 1


def test_a_loss_has_no_gap():
    found = quick_audit(compile_spec("cross_entropy"))
    assert all(math.isnan(row.gap) for row in found.rows)
    assert all(row.improved == 1 for row in found.rows)
    assert found.surrogate == "none"
    assert codes(found) == set()


def test_batches_of_a_memory_do_not_mix():
    plain, queued = (
        compile_spec("auroc", interpolation="substitute", memory=memory, **PLAIN)
        for memory in (None, "queue(size=64)")
    )
    draw = drawn(plain, 16)
    loss = queued.loss()
    values = [gradient(loss, draw, draw.free)[0] for _ in range(3)]
    assert values == [gradient(plain.loss(), draw, draw.free)[0]] * 3


# ------------------------------------------------------------------ broken surrogates


def test_lukasiewicz_over_many_classes_is_dead():
    compiled = compile_spec("accuracy", interpolation=LUKASIEWICZ)
    found = audit(compiled, SIZES, batches=8)
    assert "L040" in codes(found)
    assert all(row.dead == 1 for row in rows_at(found, 0.0))
    (dead,) = (finding for finding in warnings(found) if finding.code == "L040")
    assert "100% of the batches" in dead.message
    assert "equal scores (batches of 16 and 64)" in dead.message
    assert found.remedies["dead-gradient"].whole
    assert found.remedies["dead-gradient"].setting in dead.suggestion


def test_hinges_that_are_cut_off_are_dead():
    compiled = compile_spec("average_precision", interpolation="bound")
    found = audit(compiled, SIZES, batches=8, search=False)
    assert "L040" in codes(found)
    assert all(row.dead == 1 for row in rows_at(found, 0.0))
    assert all(row.dead > 0.5 for row in rows_at(found, 100.0))


def test_a_step_that_is_too_steep_is_dead_and_a_wider_one_is_suggested():
    compiled = compile_spec(
        "accuracy", step="smoothstep(temperature=0.0001)", interpolation="substitute"
    )
    found = audit(compiled, SIZES, scales=(1.0,), batches=8)
    assert "L040" in codes(found)
    assert found.remedies["dead-gradient"].setting == "--step 'smoothstep(temperature=1)'"
    settled = compile_spec("accuracy", step="smoothstep(temperature=1)", interpolation="substitute")
    assert codes(audit(settled, SIZES, scales=(1.0,), batches=8)) == set()


def test_noise_that_is_too_little_is_dead_and_more_is_suggested():
    compiled = compile_spec("accuracy", interpolation="perturbed")
    found = audit(compiled, (16,), scales=(100.0,), batches=8)
    assert codes(found) == {"L040"}
    assert "perturbed(noise=100)" in warnings(found)[0].suggestion


def test_saturated_binaries_leave_few_gradients():
    compiled = compile_spec("accuracy", interpolation="substitute(tnorm=godel)", **PLAIN)
    found = audit(compiled, (64,), scales=(100.0,), batches=8, search=False)
    assert "L041" in codes(found)


def test_a_gradient_that_is_not_finite():
    class Broken(CompiledLoss):
        def loss(self, /, **overrides):
            made = super().loss(**overrides)
            plain = made.forward
            made.forward = lambda *inputs: plain(*inputs) + (0 * plain(*inputs)).sqrt()
            return made

    whole = compile_spec("auroc", interpolation="substitute", **PLAIN)
    broken = Broken(whole.plan.graph, whole.plan, whole.surrogate, {})
    found = audit(broken, (16,), scales=(1.0,), batches=2, search=False)
    assert found.rows[0].nonfinite == 1
    assert codes(found) == {"L042"}


def test_a_gradient_that_points_the_wrong_way():
    class Turned(CompiledLoss):
        def loss(self, /, **overrides):
            made = super().loss(**overrides)
            plain = made.forward
            made.forward = lambda *inputs: -plain(*inputs)
            return made

    whole = compile_spec("auroc", interpolation="substitute", **PLAIN)
    turned = Turned(whole.plan.graph, whole.plan, whole.surrogate, {})
    found = audit(turned, (64,), scales=(1.0,), batches=8, search=False)
    assert found.rows[0].worsened > 0.9
    assert codes(found) == {"L043", "L044"}  # its value is minus the metric


def test_hinges_far_from_the_metric_are_loose():
    found = audit(compile_spec("auroc", interpolation="bound"), (64,), batches=4, search=False)
    assert codes(found) == {"L044"}
    assert {row.scale for row in flagged(found.rows)["loose-surrogate"]} == {1.0, 100.0}


# ------------------------------------------------------------------ sound ones


@pytest.mark.parametrize("name", ["accuracy", "average_precision", "auroc", "ndcg", "pckh"])
def test_the_defaults_are_sound_at_every_scale(name):
    found = audit(compile_spec(name), batches=8, limit=2**14)
    assert warnings(found) == []
    assert found.remedies == {}
    assert len(found.rows) == 4 * len(found.dims)


def test_a_temperature_that_follows_the_scores_is_sound_at_every_scale():
    compiled = compile_spec(
        "average_precision", step="sigmoid(temperature=auto)", interpolation="substitute"
    )
    found = audit(compiled, SIZES, batches=8)
    assert warnings(found) == []


# ------------------------------------------------------------------ form


def test_as_json():
    compiled = compile_spec("accuracy", interpolation=LUKASIEWICZ)
    found = audit(compiled, (16,), scales=(1.0,), batches=4)
    read = json.loads(json.dumps(found.as_dict()))
    assert read["spec"] == "accuracy"
    assert read["surrogate"].startswith("sigmoid + substitute")
    assert read["dims"] == {"16": {"n": 16, "p": 10}}
    (row,) = read["rows"]
    assert set(row) == set(Row.__dataclass_fields__)
    first = read["warnings"][0]
    assert set(first) == {"code", "rule", "title", "message", "suggestion"}
    assert RULES[first["rule"]].code == first["code"]


def test_the_same_seed_gives_the_same_figures():
    compiled = compile_spec("auroc", **IDW)
    rows = [audit(compiled, (16,), batches=2, seed=seed, search=False).rows for seed in (0, 0, 1)]
    assert str(rows[0]) == str(rows[1])
    assert str(rows[0]) != str(rows[2])


def test_fixed_dims_that_are_too_large_are_not_audited():
    text = "spec t\ninput s: real[1024, 32, 32]\nevaluate mean[i, j, k] [s[i, j, k] > 0.5]"
    compiled = compile_spec(text, **IDW)
    assert quick_audit(compiled).rows == ()


# ------------------------------------------------------------------ where training starts


@pytest.mark.parametrize(
    ("name", "interpolation"),
    [
        ("accuracy", LUKASIEWICZ),
        ("precision", "bound"),
        ("precision_at_k", "multilinear"),
        ("pckh", "substitute(tnorm=product)"),
    ],
)
def test_a_dead_start_is_told_with_a_remedy_that_is_alive(name, interpolation):
    dead = compile_spec(name, **PLAIN, interpolation=interpolation)
    finding = dead_start(dead)
    assert finding is not None
    assert (finding.code, finding.rule) == ("L040", "dead-gradient")
    assert "this is gone" in finding.suggestion
    setting = finding.suggestion.split("'")[1]
    assert dead_start(compile_spec(name, **PLAIN, interpolation=setting)) is None
    # and that is so by autograd alone: all scores equal, no gradient
    draw = drawn(dead, 4 if name == "pckh" else 64)
    equal = {key: torch.zeros_like(value).float() for key, value in draw.free.items()}
    least = max(
        float(slope.abs().max())
        for slope in gradient(dead.loss(validate=False), draw, equal)[1].values()
    )
    assert least < 1e-7


@pytest.mark.parametrize("name", sorted(lossc.specs.names()))
def test_no_default_starts_dead(name):
    assert dead_start(compile_spec(name)) is None


def test_corrections_of_what_is_worth_nothing_hold_back():
    # with nothing picked, each correction picks one item and leaves all others as they are
    found = audit(compile_spec("precision", **IDW), (64,), (0.0, 0.01))
    assert "L043" in codes(found)
    assert "idw(nearby=0)" in found.remedies["gradient-does-not-help"].setting
    nearby = {**IDW, "interpolation": "idw(nearby=0)"}
    cured = audit(compile_spec("precision", **nearby), (64,), (0.0, 0.01))
    assert "L043" not in codes(cured)
    assert all(row.helped == 1 for row in cured.rows)


@pytest.mark.parametrize("name", ["precision", "recall", "f_beta", "jaccard", "specificity"])
@pytest.mark.parametrize("interpolation", ["idw", "substitute"])
def test_a_temperature_that_follows_reaches_a_threshold(name, interpolation):
    step = "sigmoid(temperature=auto)"
    found = quick_audit(compile_spec(name, step=step, interpolation=interpolation))
    assert not {"L040", "L041", "L042"} & codes(found)
