"""``lossc curves``: the numbers against closed forms, autograd and the compiled loss."""

from __future__ import annotations

import csv
import json
from math import log, log1p, nan
from xml.etree import ElementTree

import pytest
import torch
from typer.testing import CliRunner

import lossc
from lossc.cli import app
from lossc.compiler.compile import compile_spec
from lossc.reporting.class_curves import class_curves, layout

PLACES = (0.02, 0.2, 0.5, 0.8, 0.97)
GAMMAS = (0, 0.5, 1, 2, 5)


def run(*arguments: object):
    return CliRunner().invoke(app, ["curves", *(str(argument) for argument in arguments)])


def drawn(spec, *, side="background", held=(0.2, 0.5, 0.8), places=PLACES, **params):
    return class_curves(spec, compile_spec(spec, params=params), side, held, places)


def logit(q):
    return log(q) - log1p(-q)


@pytest.mark.parametrize("gamma", GAMMAS)
def test_background_of_anchor_loss_is_the_closed_form_of_equation_1_and_13(gamma):
    curves = drawn("anchor_bce", gamma=gamma, slack=0)
    assert [curve.held for curve in curves] == ([None] if gamma == 0 else [0.2, 0.5, 0.8])
    for curve in curves:
        held = 0.2 if curve.held is None else curve.held
        for k, q in enumerate(PLACES):
            gap = 1 + q - held
            term = -(gap**gamma) * log(1 - q)
            slope = -(gap ** (gamma - 1)) * (gamma * log(1 - q) - gap / (1 - q))
            assert curve.term[k] == pytest.approx(term, rel=1e-11, abs=1e-13)
            assert curve.loss[k] == pytest.approx(term - log(held), rel=1e-11)
            assert curve.d_q[k] == pytest.approx(slope, rel=1e-11)
            assert curve.d_logit[k] == pytest.approx(slope * q * (1 - q), rel=1e-11)


@pytest.mark.parametrize("gamma", GAMMAS)
def test_target_of_anchor_loss_is_the_closed_form_of_equation_a_2(gamma):
    for curve in drawn("anchor_bce", side="target", gamma=gamma, slack=0, modulate="target"):
        anchor = 0.2 if curve.held is None else curve.held
        for k, q in enumerate(PLACES):
            term = -((1 - q + anchor) ** gamma) * log(q)
            assert curve.term[k] == pytest.approx(term, rel=1e-11, abs=1e-13)


def test_figure_a_1_the_modulator_crosses_one_at_the_anchor():
    (target,) = drawn("anchor_bce", side="target", held=[0.2], gamma=2, slack=0, modulate="target")
    (background,) = drawn("anchor_bce", held=[0.8], gamma=2, slack=0)
    for k, q in enumerate(PLACES):
        if q != 0.2:
            assert (target.term[k] > -log(q)) == (q < 0.2)
        if q != 0.8:
            assert (background.term[k] > -log(1 - q)) == (q > 0.8)


def test_slack_lowers_the_anchor_to_zero_at_most():
    (curve,) = drawn("anchor_bce", held=[0.03], gamma=2, slack=0.05)
    for k, q in enumerate(PLACES):
        assert curve.term[k] == pytest.approx(-((1 + q) ** 2) * log(1 - q), rel=1e-11)


def test_losses_that_do_not_look_at_the_other_class_have_one_curve():
    (focal,) = drawn("focal", gamma=2)
    (bce,) = drawn("bce")
    (static,) = drawn("anchor_bce_static", anchor=0.8, gamma=2)
    assert focal.held is bce.held is static.held is None
    for k, q in enumerate(PLACES):
        assert focal.term[k] == pytest.approx(-(q**2) * log(1 - q), rel=1e-11)
        assert bce.loss[k] == pytest.approx(-log(1 - q), rel=1e-11)
        assert bce.d_logit[k] == pytest.approx(q, rel=1e-11)
        assert static.term[k] == pytest.approx(-((q + 0.2) ** 2) * log(1 - q), rel=1e-11)
    (hit,) = drawn("bce", side="target")
    assert hit.d_logit == pytest.approx([q - 1 for q in PLACES])


def test_soft_targets_and_maps_are_anchor_loss_as_well():
    plain, soft, pose = (
        drawn(spec, gamma=2, **({} if spec == "anchor_pose" else {"slack": 0}))
        for spec in ("anchor_bce", "anchor_bce_soft", "anchor_pose")
    )
    for one, other, pixel in zip(plain, soft, pose, strict=True):
        assert one.held == other.held == pixel.held
        assert other.term == pytest.approx(one.term, rel=1e-11)
        assert [2 * value for value in pixel.term] == pytest.approx(one.term, rel=1e-11)


@pytest.mark.parametrize(
    "spec", ["anchor_bce", "anchor_bce_weighted", "focal", "cross_entropy", "ohem"]
)
@pytest.mark.parametrize("side", ["background", "target"])
def test_curves_are_the_compiled_loss_and_its_gradient(spec, side):
    loss = lossc.loss(spec)
    for curve in drawn(spec, side=side, held=(0.3, 0.7)):
        # where the other class makes no difference to the term, it was the first one
        other = 0.3 if curve.held is None else curve.held
        for k, q in enumerate(PLACES):
            pair = [logit(other), logit(q)] if side == "background" else [logit(q), logit(other)]
            scores = torch.tensor([pair], dtype=torch.float64, requires_grad=True)
            value = loss(scores, torch.tensor([0]))
            (slope,) = torch.autograd.grad(value, scores)
            at = 1 if side == "background" else 0
            assert curve.loss[k] == pytest.approx(float(value.detach()), rel=1e-12)
            assert curve.d_logit[k] == pytest.approx(float(slope[0, at]), rel=1e-12, abs=1e-15)
            if spec in ("anchor_bce", "anchor_bce_weighted") and side == "target":
                continue  # the anchor of the background moves too, and carries no gradient
            step = 1e-6
            moved = [scores.detach().clone() for _ in range(2)]
            moved[0][0, at] += step
            moved[1][0, at] -= step
            up, down = (float(loss(each, torch.tensor([0]))) for each in moved)
            assert curve.d_logit[k] == pytest.approx((up - down) / (2 * step), rel=1e-5, abs=1e-8)


def test_scores_that_are_probabilities_move_themselves():
    spec = """\
spec brier
doc "The squared error of probabilities."
source "Brier"
input prob: real[n, k] in [0, 1]
input label: int[n] in k
loss mean[i] sum[c] (prob[i, c] - [c == label[i]])^2
"""
    (curve,) = drawn(spec)
    assert curve.term == pytest.approx([q * q for q in PLACES])
    assert curve.d_q == pytest.approx([2 * q for q in PLACES])
    assert curve.d_logit == pytest.approx([2 * q * q * (1 - q) for q in PLACES])


@pytest.mark.parametrize("spec", ["accuracy", "heatmap_mse", "euclidean", "average_precision"])
def test_metrics_and_regressions_have_no_layout_of_classes(spec):
    assert layout(compile_spec(spec)) is None
    with pytest.raises(ValueError, match="no loss of classes"):
        drawn(spec)


def test_command_prints_a_table_of_published_points():
    result = run("anchor_bce:gamma=2,slack=0", "--held", 0.5, "--points", 9, "--by", "q")
    assert result.exit_code == 0, result.output
    numbers = [line.split() for line in result.stdout.splitlines()]
    assert ["0.8", "2.72", "12.635"] in numbers
    assert ["0.5", "0.69315", "3.3863"] in numbers


def test_command_writes_csv_and_json_with_the_same_numbers(tmp_path):
    path = tmp_path / "curves.csv"
    result = run("anchor_bce", "focal", "-p", "gamma=1.5", "--points", 5, "-o", path, "--json")
    assert result.exit_code == 0, result.output
    curves = json.loads(result.stdout)["curves"]
    assert [curve["name"] for curve in curves] == ["anchor_bce gamma=1.5"] * 3 + ["focal gamma=1.5"]
    rows = list(csv.DictReader(path.read_text(encoding="utf-8").splitlines()))
    assert len(rows) == 4 * 5
    numbers = [[float(row[key]) for row in rows] for key in ("q", "loss", "term", "d_logit", "d_q")]
    for found, key in zip(numbers, ("q", "loss", "term", "d_logit", "d_q"), strict=True):
        assert found == [value for curve in curves for value in curve[key]]
    assert [row["held"] for row in rows[::5]] == ["0.2", "0.5", "0.8", ""]
    assert float(rows[-1]["term"]) == pytest.approx(-((5 / 6) ** 1.5) * log(1 / 6))


def test_a_shared_param_is_for_the_specs_that_have_it():
    result = run("bce", "focal:gamma=0", "-p", "gamma=2", "--points", 3, "--json")
    assert result.exit_code == 0, result.output
    bce, focal = json.loads(result.stdout)["curves"]
    assert (bce["name"], focal["name"]) == ("bce", "focal gamma=0")
    assert focal["term"] == pytest.approx(bce["term"])


def test_pictures_name_every_curve_and_repeat(tmp_path):
    pytest.importorskip("matplotlib")
    first, second, png = (tmp_path / name for name in ("a.svg", "b.svg", "c.png"))
    for path in (first, second, png):
        result = run("anchor_bce", "bce", "--points", 9, "-o", path)
        assert result.exit_code == 0, result.output
        assert result.stdout == ""
    text = first.read_text(encoding="utf-8")
    assert text == second.read_text(encoding="utf-8")
    shown = {(node.text or "").strip() for node in ElementTree.fromstring(text).iter()}
    assert {"anchor_bce, target 0.2", "anchor_bce, target 0.8", "bce"} <= shown
    assert png.read_bytes().startswith(b"\x89PNG")
    assert sorted(path.name for path in tmp_path.iterdir()) == ["a.svg", "b.svg", "c.png"]


def test_a_metric_is_shown_against_a_score(tmp_path):
    path = tmp_path / "curves.csv"
    result = run("accuracy", "--points", 4, "-o", path, "--json")
    assert result.exit_code == 0, result.output
    curves = json.loads(result.stdout)
    assert len(curves["places"]) == len(curves["metric"]) == 4
    rows = list(csv.reader(path.read_text(encoding="utf-8").splitlines()))
    assert rows[0] == [curves["score"], "metric", *curves["values"]]
    assert [float(row[1]) for row in rows[1:]] == curves["metric"]


@pytest.mark.parametrize(
    ("arguments", "code", "said"),
    [
        (("focal", "heatmap_mse"), 1, "'heatmap_mse' is no loss of classes"),
        (("focal", "-p", "gama=2"), 1, "did you mean 'gamma'?"),
        (("focal:gamma",), 1, "focal:gamma"),
        (("focal", "--held", 1.5), 2, "no probability"),
        (("focal", "--held", nan), 2, "no probability"),
        (("focal", "-o", "x.pdf"), 2, ".csv or .svg or .png"),
        (("focal", "--points", 1), 2, "--points"),
    ],
)
def test_wrong_usage_is_explained(arguments, code, said):
    result = run(*arguments)
    assert result.exit_code == code
    assert said in result.output.replace("\n", " ")


def test_output_goes_to_a_device_and_through_a_link(tmp_path):
    assert run("bce", "-o", "/dev/null").exit_code == 0
    path, link = tmp_path / "real.svg", tmp_path / "link.svg"
    path.write_text("old", encoding="utf-8")
    link.symlink_to(path)
    pytest.importorskip("matplotlib")
    assert run("bce", "--points", 3, "-o", link).exit_code == 0
    assert link.is_symlink()
    assert "<svg" in path.read_text(encoding="utf-8")
