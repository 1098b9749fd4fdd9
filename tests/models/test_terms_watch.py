"""Figures of a loss's terms while it trains, and what is said of terms that are not trained."""

from __future__ import annotations

import warnings
from dataclasses import replace

import pytest
import torch

import lossc
from lossc.models.errors import TrainingError
from lossc.models.losses import resolve
from lossc.models.terms_watch import TermsWatch, TermWarning, gradient_figures, gradient_sizes
from lossc.models.trainer import train
from tests.models.interrupting import Interrupted

HEAD = "spec t\ninput scores: real[n, p]\ninput label: int[n] in p\n"
TERMS = "term entropy = cross_entropy(scores, label)\nterm size = mean[i in n, j] scores[i, j]^2\n"


@pytest.fixture
def job_of(make_job, digits, tmp_path):
    """A job whose loss is the text of a spec."""

    def make(text, epochs):
        path = tmp_path / "own.lossc"
        path.write_text(text, encoding="utf-8")
        recipe = replace(digits, epochs=epochs)
        return make_job("cross_entropy", recipe=recipe, choice=resolve(str(path), recipe))

    return make


def shares(**values):
    return {f"share/{name}": value for name, value in values.items()}


def test_what_lasts_is_said_once():
    watch = TermsWatch(torch.nn.Identity(), patience=3)
    said = [watch.look(shares(a=0.5, b=0.497, c=0.003)) for _ in range(6)]
    assert [len(each) for each in said] == [0, 0, 1, 0, 0, 0]
    assert said[2][0].startswith(
        "term 'c' has had less than 1% of the gradient for 3 epochs (0.30% in the last): it is "
        "hardly trained; another weight may help"
    )


def test_a_break_begins_the_count_anew():
    watch = TermsWatch(torch.nn.Identity(), patience=2)
    rows = [0.001, 0.02, 0.001, 0.02, 0.001, 0.001]
    said = [watch.look(shares(a=1 - share, b=share)) for share in rows]
    assert [len(each) for each in said] == [0, 0, 0, 0, 0, 1]


def test_of_one_that_has_it_all_the_others_are_not_said_as_well():
    watch = TermsWatch(torch.nn.Identity(), patience=1)
    (message,) = watch.look(shares(a=0.999, b=0.0005, c=0.0005))
    assert message.startswith("term 'a' has had more than 99% of the gradient for 1 epochs (99.90%")
    assert "the other terms are hardly trained" in message
    assert watch.look(shares(a=0.999, b=0.0005, c=0.0005)) == []


def test_nothing_to_say():
    watch = TermsWatch(torch.nn.Identity(), patience=1)
    assert watch.look({}) == []
    assert watch.look(shares(a=1.0)) == []  # the only term
    assert watch.look(shares(a=0.2, b=0.8)) == []
    assert watch.look(shares(a=0.0, b=0.4, c=0.6), without={"a"}) == []
    nan = float("nan")
    assert watch.look(shares(a=nan, b=nan)) == []
    told = shares(a=0.999, b=0.001) | {"gradient_share/a": 0.4, "gradient_share/b": 0.6}
    assert watch.look(told) == []  # the gradients count, where they are known
    assert watch.epoch() == {}
    assert watch.not_finite() == ""


def test_sizes_are_means_over_the_inputs_that_a_term_reads():
    text = (
        "spec t\ninput one: real[n]\ninput two: real[n, m]\n"
        "term first = 3 * sum[i] one[i]\nterm second = mean[i in n, j] two[i, j]^2\n"
        "term both = sum[i] one[i] + 2 * sum[i in n, j] two[i, j]\n"
        "combine first + 0.5 * second + both"
    )
    loss = lossc.loss(text)
    two = torch.linspace(-2, 3, 8).reshape(2, 4).requires_grad_()
    inputs = {"one": torch.ones(2, requires_grad=True), "two": two}
    before = {name: value.clone() for name, value in loss.state_dict().items()}
    sizes = gradient_sizes(loss, inputs)
    assert loss.training and loss.figures() == {}
    assert all(torch.equal(value, before[name]) for name, value in loss.state_dict().items())
    assert sizes["first"] == pytest.approx(3)
    assert sizes["second"] == pytest.approx((2 * two / 8).abs().mean().item())
    assert sizes["both"] == pytest.approx((2 * 1 + 8 * 2) / 10)
    figures = gradient_figures(sizes, {"second": 0.5})
    assert figures["gradient/second"] == pytest.approx(sizes["second"] / 2)
    total = sizes["first"] + sizes["second"] / 2 + sizes["both"]
    assert figures["gradient_share/first"] == pytest.approx(sizes["first"] / total)


@pytest.mark.parametrize("scale", [1e-4, 1.0, 1e4])
def test_adaptive_pairs_have_equal_gradients_whatever_their_scale(scale):
    loss = lossc.loss("adaptive_h1")
    shapes = {"heatmap_2d": (2, 3, 4, 4), "heatmap_3d": (2, 3, 5, 4, 4)}
    inputs = {}
    for (name, shape), size in zip(shapes.items(), (1.0, scale), strict=True):
        inputs[name] = (size * torch.randn(shape)).requires_grad_()
        inputs[name.replace("heatmap", "target")] = size * torch.randn(shape)
    loss(**inputs).backward()
    watch = TermsWatch(loss)
    watch.note(inputs)
    figures = watch.epoch()
    found = [figure for name, figure in figures.items() if name.startswith("gradient_share/")]
    assert found == pytest.approx([0.5, 0.5], rel=1e-4)
    sizes = [figure for name, figure in figures.items() if name.startswith("gradient/")]
    assert sizes == pytest.approx([2 / 2] * 2, rel=1e-4)  # 2 over the batch's size


def test_the_trainer_logs_the_terms_and_warns(job_of):
    job = job_of(HEAD + TERMS + "combine entropy + 0.0001 * size", 4)
    with pytest.warns(TermWarning, match="term 'entropy' has had more than 99%") as caught:
        run = train(job)
    assert sum(issubclass(one.category, TermWarning) for one in caught) == 1
    for entry in run.history:
        share = entry["loss_gradient_share/entropy"]
        assert share > 0.99
        assert share + entry["loss_gradient_share/size"] == pytest.approx(1)
        assert entry["loss_weight/size"] == pytest.approx(1e-4)
        assert entry["loss_gradient/entropy"] > 0
        total = entry["loss_value/entropy"] + 1e-4 * entry["loss_value/size"]
        assert entry["loss"] == pytest.approx(total, rel=1e-4)


def test_a_weight_of_0_is_on_purpose(job_of):
    with warnings.catch_warnings():
        warnings.simplefilter("error", TermWarning)
        run = train(job_of(HEAD + TERMS + "combine entropy + 0 * size", 4))
    assert run.history[-1]["loss_gradient_share/size"] == 0


@pytest.mark.parametrize("name", ["uncertainty", "gradnorm", "dynamic_weight_average"])
def test_learnt_weightings_train_and_go_on_after_an_interruption(job_of, name, tmp_path):
    text = HEAD + TERMS + f"combine {name}(entropy, size)"
    job = job_of(text, 3)
    whole = train(job)

    def stop(progress):
        if progress.epoch >= 2:
            raise Interrupted

    broken = replace(job, folder=tmp_path / "broken")
    with pytest.raises(Interrupted):
        train(broken, stop)
    again = train(broken)
    weights = [entry["loss_weight/size"] for entry in whole.history]
    assert len(set(weights)) == len(weights) or name == "dynamic_weight_average"
    assert [entry["loss_weight/size"] for entry in again.history] == weights
    assert again.test == whole.test


def test_the_term_that_is_not_finite_is_named(job_of):
    odd = "term odd = mean[i in n, j] exp(1000 * (scores[i, j]^2 + 1))\n"
    text = HEAD + TERMS + odd + "combine entropy + size + odd"
    with pytest.raises(TrainingError, match=r"the loss is -?(inf|nan) \(term 'odd' is -?(inf|nan)"):
        train(job_of(text, 1))
