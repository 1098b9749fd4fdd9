"""``lossc report``: the figures against what they stand for, and the page against its promises."""

from __future__ import annotations

import json
import re
import shutil
import subprocess
from dataclasses import replace
from html.parser import HTMLParser
from pathlib import Path

import pytest
import torch
from torch.testing import assert_close
from typer.testing import CliRunner

import lossc
from lossc.cli import app
from lossc.compiler.compile import compile_spec
from lossc.reporting import svg
from lossc.reporting.contenders import contenders, reason
from lossc.reporting.fidelity import FRACTIONS, fidelity, states
from lossc.reporting.gradients import gradients
from lossc.reporting.inputs import Drawer
from lossc.reporting.kept_anchors import NAME, KeptAnchors
from lossc.reporting.markup import tag
from lossc.reporting.measure import Effort, measure
from lossc.reporting.page import page
from lossc.reporting.ranks import rank_correlation
from lossc.reporting.states import moved, noise_for, trained

TINY = Effort(states=4, draws=1, steps=8, starts=2, points=9, grid=4, limit=0.002)
HOSTILE = """\
spec hostile
doc "</style><script>alert(1)</script><img src=http://a.example onerror=alert(1)> & \\"this\\""
source "https://example.com/<b>"
input score: real[n] in [0, 1]
input relevant: bool[n]
evaluate mean[i | relevant[i]] [score[i] > 0.5]
"""


def compiling(spec, **options):
    def compile_with(interpolation, transform):
        chosen = {**options, **({"interpolation": interpolation} if interpolation else {})}
        return compile_spec(spec, transform=transform, **chosen)

    return compile_with


def run(*arguments: object):
    return CliRunner().invoke(app, ["report", *(str(argument) for argument in arguments)])


@pytest.fixture(scope="module")
def accuracy():
    return contenders(compiling("accuracy"))[0]


@pytest.fixture(scope="module")
def report():
    return measure(compiling("accuracy"), effort=TINY)


@pytest.fixture(scope="module")
def hostile():
    return measure(compiling(HOSTILE), effort=TINY)


# ------------------------------------------------------------------ what is compared


def test_the_own_surrogate_comes_first(accuracy):
    names = [one.name for one in accuracy]
    assert names[0] == "substitute (godel)"
    assert {"idw", "substitute (product)", "multilinear", "bound", "perturbed"} <= set(names)
    chosen = compiling("accuracy", interpolation="idw(gradient=published)")
    found, said = contenders(chosen)
    assert (found[0].name, found[0].own, said[0].own) == ("own idw", True, True)


def test_norms_that_make_no_difference_are_one_surrogate():
    names = [one.name for one in contenders(compiling("auroc"))[0]]
    assert [name for name in names if "substitute" in name] == ["substitute"]


def test_a_refusal_is_shown_with_its_code():
    _, said = contenders(compiling("top_k_accuracy"))
    (bound,) = [entry for entry in said if entry.name == "bound"]
    assert bound.refused.startswith("L038: there is no bound")


def test_values_are_in_the_units_of_the_metric():
    for spec in ("accuracy", "equal_error_rate"):
        for transform in ("none", "log"):
            compiled = compile_spec(spec, interpolation="substitute", transform=transform)
            drawer = Drawer(compiled)
            batch = drawer.batch(8, torch.Generator().manual_seed(0)).arguments()
            (own, *_), _ = contenders(lambda *_, c=compiled: c)
            found = own.function()(*batch)
            plain = compile_spec(spec, interpolation="substitute", transform="none").loss()(*batch)
            assert_close(found, -plain if spec == "accuracy" else plain)


# ------------------------------------------------------------------ batches and distances


def test_batches_are_drawn_as_they_are_described():
    compiled = compile_spec("mean_iou")
    batch = Drawer(compiled).batch(8, torch.Generator().manual_seed(0))
    label = batch.fixed["label"]
    assert (label == 255).sum() == int(0.1 * label.numel())
    assert label[label != 255].max() < batch.free["scores"].shape[1]
    ranked = Drawer(compile_spec("average_precision"))
    batch = ranked.batch(50, torch.Generator().manual_seed(0))
    assert batch.fixed["relevant"].sum() == 10
    assert batch.arguments()[2] is None  # the group stays what it is by default


def test_targets_are_like_those_of_the_examples():
    batch = Drawer(compile_spec("ndcg")).batch(200, torch.Generator().manual_seed(0))
    assert set(batch.fixed["gain"].tolist()) == {0.0, 1.0, 2.0, 3.0}


@pytest.mark.parametrize("fraction", FRACTIONS)
def test_scores_move_as_little_as_changes_the_share(accuracy, fraction):
    compiled = accuracy[0].compiled
    generator = torch.Generator().manual_seed(0)
    batch = Drawer(compiled).batch(64, generator)

    def bits(one):
        return compiled.comparisons(*one.arguments()) > 0

    there, reached = moved(bits, batch, noise_for(batch, generator), fraction)
    changed = (bits(there) != bits(batch)).double().mean()
    assert reached == pytest.approx(float(changed))
    assert reached == pytest.approx(fraction, abs=0.002)
    spread = there.free["scores"].std() / batch.free["scores"].std()
    assert 0.9 < float(spread) < 1.1


def test_training_improves_the_metric(accuracy):
    own = accuracy[0]
    batch = Drawer(own.compiled).batch(64, torch.Generator().manual_seed(0))
    there = trained(own, batch, 8)
    before, after = (float(own.compiled.metric(*one.arguments())) for one in (batch, there))
    assert after > before + 0.2


# ------------------------------------------------------------------ fidelity


def test_distance_zero_is_the_surrogate_at_its_own_scores(accuracy):
    found = fidelity(accuracy, count=4, draws=1, steps=8, seed=3)
    met = states(accuracy[0], 4, 8, 3)
    loss = lossc.loss("accuracy", interpolation="substitute(tnorm=godel)")
    metric = torch.stack([loss.metric(*one.arguments()) for one in met])
    smooth = torch.stack([-loss(*one.arguments()).detach() for one in met])
    fit = found.bins[0].fits["substitute (godel)"]
    assert found.bins[0].reached == 0
    assert found.bins[0].metric == pytest.approx(float(metric.mean()))
    assert fit.rms == pytest.approx(float((smooth - metric).square().mean().sqrt()))
    ranks = [values.argsort().argsort().double() for values in (smooth, metric)]
    assert len(set(metric.tolist())) == len(metric)  # so that ranks need no ties
    assert fit.rank == pytest.approx(float(torch.corrcoef(torch.stack(ranks))[0, 1]))
    assert [one.samples for one in found.bins] == [4] * len(FRACTIONS)


@pytest.mark.parametrize("flips", ["bit", "row", "share"])
def test_anchors_that_are_kept_are_those_of_the_loss(flips):
    """At the scores where they are drawn, the plain reference is what the loss computes."""
    step, interpolation = "sigmoid(temperature=1)", f"idw(bits=drawn, flips={flips})"
    drawn = compile_spec("accuracy", step=step, interpolation=interpolation)
    (own, *_), _ = contenders(lambda *_: drawn)
    batch = Drawer(drawn).batch(16, torch.Generator().manual_seed(0))
    value = KeptAnchors.of([own]).at(batch)
    assert_close(value(batch), -own.loss()(*batch.arguments()), rtol=1e-9, atol=1e-9)


def test_rank_correlation_is_spearmans():
    pytest.importorskip("scipy", reason="scipy comes with the extra `train`")
    from scipy.stats import spearmanr

    first = torch.randint(5, (30,), generator=torch.Generator().manual_seed(0))
    second = torch.randint(5, (30,), generator=torch.Generator().manual_seed(1))
    assert rank_correlation(first, second) == pytest.approx(spearmanr(first, second).statistic)
    assert rank_correlation(first, torch.ones(30)) != rank_correlation(first, torch.ones(30))


# ------------------------------------------------------------------ gradients, curves, cost


def test_gradients_are_those_of_the_loss(accuracy):
    chosen = [one for one in accuracy if one.name in ("idw", "substitute (lukasiewicz)")]
    _, (_, flat) = gradients(chosen, n=16, count=1, seed=0)
    # all is lost clearly where a row has ten rivals at about the same score
    assert (flat.norm, flat.zero, flat.improves) == (0, 1, 0)
    substitute = [one for one in accuracy if one.name == "substitute (godel)"]
    _, (found,) = gradients(substitute, n=16, count=1, seed=0)
    batch = Drawer(substitute[0].compiled).batch(16, torch.Generator().manual_seed(2), 0.1)
    scores, label = batch.arguments()
    loss = lossc.loss("accuracy", interpolation="substitute(tnorm=godel)")
    loss(scores.requires_grad_(), label).backward()
    assert found.norm == pytest.approx(float(scores.grad.norm()))
    assert found.zero == pytest.approx(1 - 2 / 10)  # the label's and its hardest rival's
    assert found.nonfinite == 0


def test_curves_show_the_metric_that_moves(report):
    curve, surface = report.curves, report.surface
    assert len(set(curve.metric)) > 1
    assert set(curve.values) == {entry.name for entry in report.surrogates if not entry.refused}
    assert all(len(values) == len(curve.places) == 9 for values in curve.values.values())
    assert len(surface.value) == len(surface.metric) == len(surface.second) == 4
    bounds = curve.values["bound"]
    assert all(bound <= exact + 1e-9 for bound, exact in zip(bounds, curve.metric, strict=True))


def test_cost_grows_until_it_is_too_much(report):
    assert [cost.surrogate for cost in report.cost] == ["substitute (godel)", "idw"]
    for cost in report.cost:
        sizes = [point.n for point in cost.points]
        assert sizes == [64 * 2**k for k in range(len(sizes))]
        assert all(point.milliseconds > 0 for point in cost.points)
        assert cost.ended


def test_the_same_seed_gives_the_same_figures():
    first, second = (
        replace(measure(compiling("recall"), effort=TINY, seed=5), cost=[]).as_dict()
        for _ in range(2)
    )
    assert json.dumps(first) == json.dumps(second)


def test_a_metric_that_is_undefined_somewhere():
    text = "spec rare\ninput score: real[n]\nevaluate mean[i | score[i] > 99] [score[i] > 100]\n"
    found = measure(compiling(text, interpolation="substitute"), effort=TINY)
    assert found.fidelity.bins[0].samples == 0
    assert "Note: the metric is undefined" in page(found)


# ------------------------------------------------------------------ the page


class Reader(HTMLParser):
    """Tags that are open, and all elements with their attributes."""

    def __init__(self):
        super().__init__()
        self.open, self.elements, self.text = [], [], []

    def handle_starttag(self, tag, attrs):
        self.elements.append((tag, dict(attrs)))
        if tag not in ("meta", "br"):
            self.open.append(tag)

    def handle_endtag(self, tag):
        assert self.open.pop() == tag

    def handle_data(self, data):
        self.text.append(data)


def read(text: str) -> Reader:
    reader = Reader()
    reader.feed(text)
    reader.close()
    assert reader.open == []
    return reader


def test_the_page_needs_nothing_else(report, hostile):
    for found in (report, hostile):
        elements = read(page(found)).elements
        assert {name for name, _ in elements}.isdisjoint({"script", "img", "link", "iframe", "use"})
        for _, attributes in elements:
            assert {"src", "href", "srcset", "style"}.isdisjoint(attributes)
            assert not any(name.startswith("on") for name in attributes)
        assert "url(" not in page(found)
        assert "@import" not in page(found)


def test_a_hostile_spec_stays_text(hostile):
    text = page(hostile)
    assert "<script" not in text
    assert "<img" not in text
    assert any("<script>alert(1)</script>" in data for data in read(text).text)


def test_text_that_is_no_unicode_gets_written(hostile):
    page(replace(hostile, doc="\ud800")).encode()


def test_the_page_reads_on_a_phone_and_aloud(report):
    elements = read(page(report)).elements
    metas = [attributes for name, attributes in elements if name == "meta"]
    assert {"name": "viewport", "content": "width=device-width, initial-scale=1"} in metas
    assert "prefers-color-scheme:dark" in page(report)
    assert ("html", {"lang": "en"}) in elements
    names = [name for name, _ in elements]
    assert names.count("caption") == names.count("table") == names.count("thead")
    assert names.count("figcaption") == names.count("figure") > 5
    for name, attributes in elements:
        if name == "svg":
            assert attributes.get("aria-label") or attributes.get("aria-hidden") == "true"
        if name == "th":
            assert attributes["scope"] in ("col", "row")
    # every table scrolls inside its own box
    boxes = [attributes for name, attributes in elements if attributes.get("class") == "scroll"]
    assert len(boxes) == names.count("table")


def test_a_differentiable_loss_has_no_fidelity():
    found = measure(compiling("focal"), effort=TINY)
    assert found.fidelity is None
    text = page(found)
    headings = re.findall(r"<h2[^>]*>([^<]*)", text)
    assert headings == ["Stages", "Gradient", "Curves", "Cost", "The spec"]
    assert found.gradients[0].improves == 1
    assert found.curves.metric is None


def test_attributes_and_text_are_escaped():
    assert tag("a", "<&", title='"<') == '<a title="&quot;&lt;">&lt;&amp;</a>'


def test_a_chart_leaves_gaps_where_there_is_no_number():
    line = svg.Line([0, 1, 2, 3], [1.0, float("nan"), 2.0, float("inf")], "s0")
    drawn = svg.chart([line], svg.Axis("x"), svg.Axis("y"), "a chart")
    assert drawn.count("<polyline") == 2
    assert "nan" not in drawn.replace("a chart", "")
    logarithmic = svg.Axis("n", logarithmic=True)
    svg.chart([svg.Line([], [], "s0")], logarithmic, logarithmic, "nothing to show")


# ------------------------------------------------------------------ the command


def test_json_has_the_figures_and_nothing_else(tmp_path):
    result = run("recall", "--quick", "--json", "-o", tmp_path / "recall.html")
    assert result.exit_code == 0, result.stderr
    found = json.loads(result.stdout)
    fields = (
        "spec goal doc source text made stages summary surrogates fidelity gradients curves surface"
        " cost notes"
    )
    assert set(found) == set(fields.split())
    assert set(found["fidelity"]) == {"shapes", "comparisons", "states", "steps", "bins"}
    first = found["fidelity"]["bins"][0]
    assert set(first) == {"fraction", "reached", "samples", "metric", "spread", "fits"}
    assert first["fits"].keys() >= {"idw", "substitute", "perturbed", NAME}
    assert set(first["fits"]["idw"]) == {"rms", "rank"}
    assert found["made"]["quick"] is True
    assert set(found["cost"][0]["points"][0]) == {"n", "scores", "milliseconds"}
    assert (tmp_path / "recall.html").read_text(encoding="utf-8").startswith("<!doctype html>")


def test_a_page_on_standard_output():
    result = run("euclidean", "--quick")
    assert result.exit_code == 0, result.stderr
    read(result.stdout)
    assert "<title>lossc report: euclidean</title>" in result.stdout


def test_an_unknown_spec_ends_with_1():
    result = run("acuracy")
    assert result.exit_code == 1
    assert result.stdout == ""
    assert "accuracy" in result.stderr


def test_a_page_never_overwrites_a_spec(tmp_path):
    spec = tmp_path / "mine.lossc"
    spec.write_text(HOSTILE, encoding="utf-8")
    assert run(spec, "-o", spec).exit_code == 2
    assert spec.read_text(encoding="utf-8") == HOSTILE


def test_a_browser_shows_the_page(report, tmp_path):
    browser = shutil.which("chromium") or shutil.which("chromium-browser")
    if browser is None:
        pytest.skip("chromium is not installed")
    path = tmp_path / "report.html"
    path.write_text(page(report), encoding="utf-8")
    picture = tmp_path / "report.png"
    flags = ["--headless", "--no-sandbox", "--disable-gpu", f"--user-data-dir={tmp_path / 'own'}"]
    command = [browser, *flags, f"--screenshot={picture}", "--window-size=390,1200"]
    done = subprocess.run([*command, path.as_uri()], capture_output=True, check=False, timeout=120)
    assert done.returncode == 0, done.stderr
    assert Path(picture).stat().st_size > 10_000


def test_reasons_are_one_line():
    from lossc.grammar.errors import SpecError

    with pytest.raises(SpecError) as caught:
        compile_spec("ndcg", interpolation="bound")
    assert "\n" not in reason(caught.value)


def test_a_spec_may_have_a_memory_and_a_temperature_of_its_own(tmp_path):
    spec = tmp_path / "mine.lossc"
    chosen = "surrogate memory queue(size = 64)\nsurrogate step sigmoid(temperature = auto)\n"
    spec.write_text(HOSTILE + chosen, encoding="utf-8")
    result = run(spec, "--quick", "--json")
    assert result.exit_code == 0, result.stderr
    found = json.loads(result.stdout)
    assert found["stages"]["surrogate"]["memory"] == "none"
    assert NAME not in found["fidelity"]["bins"][0]["fits"]
