"""Wrong input at run time names the input, what was expected and what came; so do options."""

from __future__ import annotations

import copy
import pickle

import pytest
import torch

from lossc.compiler.compile import compile_spec
from lossc.grammar.errors import NotAMetric, SpecError
from tests.surrogates import IDW

SCORES = torch.tensor([[2.0, 1.0, 0.5], [0.0, 1.0, 0.0], [0.5, 0.5, 0.0], [1.0, 2.0, 3.0]])
LABEL = torch.tensor([0, 1, 2, 2])
SCORE = torch.tensor([2.0, 1.0, 1.0, 0.0])
RELEVANT = torch.tensor([True, False, True, False])


@pytest.fixture(scope="module")
def accuracy():
    return compile_spec("accuracy", **IDW)


@pytest.fixture(scope="module")
def auroc():
    return compile_spec("auroc", **IDW)


@pytest.fixture(scope="module")
def top_k():
    return compile_spec("top_k_accuracy", **IDW, params={"k": 2})


WRONG = {
    "shape": (SCORES, LABEL[:2], ["label", "[n] with n = 4", "[2]"]),
    "rank": (SCORES[0], LABEL, ["scores", "[n, p]", "[3]"]),
    "rank of a target": (SCORES, LABEL.unsqueeze(1), ["label", "[n]", "[4, 1]"]),
    "dtype": (SCORES.long(), LABEL, ["scores", "real", "torch.int64"]),
    "complex scores": (SCORES + 0j, LABEL, ["scores", "real", "torch.complex64"]),
    "a list": (SCORES.tolist(), LABEL, ["scores", "tensor [n, p]", "list"]),
    "nothing": (SCORES, None, ["label", "tensor [n]", "NoneType"]),
    "label out of range": (SCORES, LABEL + 5, ["label", "0 to 2", "5"]),
    "negative label": (SCORES, LABEL - 1, ["label", "0 to 2", "-1"]),
    "float labels": (SCORES, LABEL.float(), ["label", "torch.int64", "torch.float32"]),
    "bool labels": (SCORES, LABEL.bool(), ["label", "torch.int64", "torch.bool"]),
    "NaN": (SCORES.masked_fill(SCORES == 0, torch.nan), LABEL, ["scores", "3 of 12", "NaN"]),
}


@pytest.mark.parametrize("name", WRONG)
def test_a_wrong_input_is_named_with_what_was_expected_and_what_came(accuracy, name):
    scores, label, told = WRONG[name]
    for call in (accuracy.loss(), accuracy.metric, accuracy.refactored, accuracy.comparisons):
        with pytest.raises(ValueError, match=r"^(scores|label): ") as caught:
            call(scores, label)
        assert str(caught.value).startswith(f"{told[0]}: ")
        for part in told[1:]:
            assert part in str(caught.value)


def test_validate_false_leaves_the_checks_out(accuracy):
    loss = accuracy.loss(validate=False)
    assert loss(SCORES.masked_fill(SCORES == 0, torch.nan), LABEL).ndim == 0


@pytest.mark.parametrize("call", ["loss", "metric", "comparisons"])
def test_a_misspelt_or_missing_input_is_named(accuracy, call):
    function = accuracy.loss() if call == "loss" else getattr(accuracy, call)
    with pytest.raises(TypeError, match="'lable'"):
        function(scores=SCORES, lable=LABEL)
    with pytest.raises(TypeError, match="'label'"):
        function(SCORES)


def test_flags_may_be_whole_numbers_0_and_1(auroc):
    want = auroc.metric(SCORE, RELEVANT)
    for dtype in (torch.int64, torch.uint8, torch.int32):
        assert auroc.metric(SCORE, RELEVANT.to(dtype)) == want
    with pytest.raises(ValueError, match=r"relevant: expected bool.*other than 0 and 1"):
        auroc.metric(SCORE, RELEVANT.long() * 2)
    with pytest.raises(ValueError, match=r"relevant: expected bool.*torch.float32"):
        auroc.metric(SCORE, RELEVANT.float())


@pytest.mark.parametrize("dtype", [torch.uint8, torch.int16, torch.int32])
def test_labels_may_be_of_any_whole_dtype(accuracy, dtype):
    assert accuracy.metric(SCORES, LABEL.to(dtype)) == accuracy.metric(SCORES, LABEL)


def test_infinite_scores_are_the_largest_numbers(accuracy):
    scores = SCORES.clone().requires_grad_()
    value = accuracy.loss()(scores.masked_fill(SCORES == 3, torch.inf), LABEL)
    value.backward()
    assert value.isfinite()
    assert scores.grad.isfinite().all()


UNDEFINED = """spec recall
input score: real[n]
input relevant: bool[n]
evaluate mean[i | relevant[i]] [score[i] > 0]
"""


def test_an_undefined_value_names_its_place():
    one = compile_spec(UNDEFINED, **IDW)
    for call in (one.metric, one.refactored, one.loss()):
        with pytest.raises(ValueError, match="L029") as caught:
            call(SCORE, torch.zeros(4, dtype=torch.bool))
        assert "<text>:4:10: error L029 [undefined-value]" in str(caught.value)
        assert "else" in str(caught.value)
        assert call(SCORE, RELEVANT).isfinite()


def test_an_undefined_value_names_its_file(tmp_path):
    path = tmp_path / "recall.lossc"
    path.write_text("# recall\n" + UNDEFINED, encoding="utf-8")
    with pytest.raises(ValueError, match=r"recall\.lossc:5:10: error L029"):
        compile_spec(path, **IDW).metric(SCORE, torch.zeros(4, dtype=torch.bool))


@pytest.mark.parametrize("name", ["accuracy", "average_precision", "auroc", "precision_at_k"])
def test_the_metric_of_an_empty_batch_is_the_default(name):
    one = compile_spec(name, **IDW)
    empty = (SCORES[:0], LABEL[:0]) if name == "accuracy" else (SCORE[:0], RELEVANT[:0])
    assert one.metric(*empty) == one.refactored(*empty)
    assert one.metric(*empty).isfinite()


def test_the_wrong_number_of_binaries_is_told(auroc):
    count = auroc.comparisons(SCORE, RELEVANT).shape[0]
    with pytest.raises(ValueError, match=rf"expected {count} binaries.*\[3\]"):
        auroc.evaluate_binaries(torch.zeros(3), SCORE, RELEVANT)


# ------------------------------------------------------------------ options


OPTIONS = {
    "temperature": (-1, r"temperature: expected a number in \(0, inf\), got -1"),
    "power": (0, r"power: expected a number in \(0, inf\), got 0"),
    "good": (-1, r"good: expected a number in \[0, inf\), got -1"),
    "nearby": (float("nan"), r"nearby: expected a number in \[0, inf\), got nan"),
    "gradient": (
        "foo",
        r"gradient: expected one of exact, improving, published, attract, got 'foo'",
    ),
    "squash": ("tanh", r"squash: expected one of none, sigmoid, got 'tanh'"),
    "bits": ("some", r"bits: expected one of auto, drawn, expected, got 'some'"),
    "k": (0, r"k: expected a number in \[1, inf\), got 0"),
}


@pytest.mark.parametrize("name", OPTIONS)
def test_an_option_of_the_class_is_checked(top_k, name):
    value, message = OPTIONS[name]
    with pytest.raises(ValueError, match=message):
        top_k.loss(**{name: value})


def test_an_unknown_option_of_the_class_is_named(top_k):
    with pytest.raises(TypeError, match="'temperatur'"):
        top_k.loss(temperatur=1)


COMPILED = {
    "negative temperature": ({"step": "sigmoid(temperature=-1)"}, "L027", "(0, inf)"),
    "temperature 0": ({"step": {"kind": "sigmoid", "temperature": 0}}, "L027", "(0, inf)"),
    "negative count": ({"interpolation": "idw(good=-1)"}, "L027", "[0, inf)"),
    "broken count": ({"interpolation": "idw(good=1.5)"}, "L027", "whole number"),
    "text for a number": ({"interpolation": "idw(good=many)"}, "L028", "a number"),
    "unknown step": ({"step": "sigmod"}, "L028", "did you mean 'sigmoid'?"),
    "unknown interpolation": ({"interpolation": "idv"}, "L028", "did you mean 'idw'?"),
    "unknown option": ({"interpolation": "idw(god=1)"}, "L028", "did you mean 'good'?"),
    "unknown choice": (
        {"interpolation": "idw(gradient=publishd)"},
        "L028",
        "did you mean 'published'?",
    ),
    "unknown squash": ({"squash": "tanh"}, "L028", "one of: none, sigmoid"),
    "unknown param": ({"params": {"kk": 1}}, "L028", "did you mean 'k'?"),
    "param out of range": ({"params": {"k": 0}}, "L027", "[1, inf)"),
    "param NaN": ({"params": {"k": float("nan")}}, "L027", "[1, inf)"),
    "text for a param": ({"params": {"k": "ten"}}, "L027", "is a number"),
    "half an option": ({"interpolation": "idw(good"}, "L011", "`)`"),
    "no option": ({"step": ""}, "L010", "a name"),
}


@pytest.mark.parametrize("name", COMPILED)
def test_an_option_of_compile_is_a_located_error(name):
    options, code, told = COMPILED[name]
    with pytest.raises(SpecError) as caught:
        compile_spec("top_k_accuracy", **options)
    (one,) = caught.value.diagnostics
    assert one.code == code
    assert one.span is not None
    assert told in str(caught.value)


SPEC_OPTIONS = {
    "surrogate step sigmoid(temperature = -1)": ("param-range", 5),
    "surrogate step sigmoid(temp = 1)": ("bad-option", 5),
    "surrogate step relu": ("bad-option", 5),
    "surrogate stap sigmoid": ("bad-option", 5),
    "surrogate interpolation idw(nearby = 0.5)": ("param-range", 5),
    'surrogate interpolation idw(gradient = "\\"; import os")': ("bad-option", 5),
}


@pytest.mark.parametrize("statement", SPEC_OPTIONS)
def test_an_option_in_the_spec_is_a_located_error(statement):
    rule, line = SPEC_OPTIONS[statement]
    text = UNDEFINED.replace("spec recall\n", 'spec recall\ndoc "a"\n').replace(
        "evaluate", f"{statement}\nevaluate"
    )
    with pytest.raises(SpecError) as caught:
        compile_spec(text, **IDW)
    (one,) = caught.value.diagnostics
    assert (one.rule, one.span.line) == (rule, line)


def test_options_of_no_known_type_are_a_type_error():
    with pytest.raises(TypeError, match="step takes a name"):
        compile_spec("accuracy", step=5)


# ------------------------------------------------------------------ losses as objects


@pytest.mark.parametrize("remake", [copy.deepcopy, lambda x: pickle.loads(pickle.dumps(x))])
def test_a_copy_of_a_loss_goes_on_where_it_was(top_k, remake):
    loss = top_k.loss(k=1, temperature=0.5, gradient="published", seed=3)
    loss(SCORES, LABEL)
    again = remake(loss.eval())
    assert type(again).__name__ == type(loss).__name__
    assert (again.k, again.temperature, again.gradient) == (1, 0.5, "published")
    assert not again.training
    assert again.step == loss.step == 1
    assert torch.equal(again.train()(SCORES, LABEL), loss.train()(SCORES, LABEL))


def test_the_state_is_the_seed_and_the_step(top_k):
    loss, other = top_k.loss(seed=7), top_k.loss(seed=0)
    for _ in range(3):
        loss(SCORES, LABEL)
    assert set(loss.state_dict()) == {"seed", "step"}
    assert not list(loss.parameters())
    other.load_state_dict(loss.state_dict())
    assert torch.equal(loss(SCORES, LABEL), other(SCORES, LABEL))


@pytest.mark.parametrize("dtype", [torch.float16, torch.bfloat16, torch.float32, torch.float64])
def test_scores_of_every_dtype(accuracy, dtype):
    scores = SCORES.clone().to(dtype).requires_grad_()
    value = accuracy.loss()(scores, LABEL)
    value.backward()
    assert value.dtype == (dtype if dtype in (torch.float32, torch.float64) else torch.float32)
    assert scores.grad.dtype == dtype
    assert scores.grad.isfinite().all()
    assert accuracy.metric(scores, LABEL) == accuracy.metric(SCORES, LABEL)


@pytest.mark.parametrize("name", ["bce", "cross_entropy"])
def test_a_loss_spec_has_no_metric(name):
    one = compile_spec(name, **IDW)
    inputs = (SCORE, RELEVANT) if name == "bce" else (SCORES, LABEL)
    assert one.loss()(*inputs).ndim == 0
    for call in (one.metric, one.refactored, one.comparisons):
        with pytest.raises(NotAMetric, match=name):
            call(*inputs)
    with pytest.raises(NotAMetric, match=name):
        one.evaluate_binaries(torch.zeros(3), *inputs)
