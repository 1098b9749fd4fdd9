"""Names that clash with generated code, inputs that may be left out, and options of all kinds."""

from __future__ import annotations

import copy
import pickle

import numpy as np
import pytest
import torch

import lossc
from lossc.compiler import compile as compiling
from lossc.compiler.choices import OPTIONS
from lossc.compiler.compile import compile_spec
from lossc.compiler.emit.names import RESERVED, class_name, identifier
from lossc.compiler.emit.runtime_source import runtime_names
from lossc.grammar.errors import InternalError, SpecError
from tests.surrogates import IDW

BINARY = "spec t\ninput score: real[n]\ninput relevant: bool[n]\n"
BEATEN = "evaluate mean[i | relevant[i]] [count[j | score[j] > score[i]] < k] else 0\n"
LOSS = "spec t\ninput score: real[n]\n"
SCORE = torch.tensor([0.3, -1.0, 2.0, 0.1])
RELEVANT = torch.tensor([True, False, False, True])


def fault(text, **options):
    with pytest.raises(SpecError) as caught:
        compile_spec(text, **options)
    (diagnostic,) = caught.value.diagnostics
    return diagnostic


# ---------------------------------------------------------------------------- names

CLASHES = ["_", "__", "___", "sizes", "counts", "rows", "families", "wins1", "check_shape"]
CLASHES += ["as_scores", "binaries", "binaries_of", "otherwise", "Family", "split_rows"]
CLASHES += ["interpolate_idw", "bits", "prepare", "defined", "metric_of_rows", "register_buffer"]
CLASHES += ["_modules", "_parameters", "training", "value", "step", "seed", "ideal", "best"]
CLASHES += ["items", "torch", "nn", "math", "Tensor", "NamedTuple", "self", "class", "T"]


def worth(text, *inputs, **options):
    """The loss of a spec, after a step back and forth through everything that is generated."""
    compiled = compile_spec(text, **options)
    score = SCORE.clone().requires_grad_()
    value = compiled.loss()(score, *inputs)
    value.backward()
    assert score.grad.isfinite().all()
    if compiled.plan.is_metric:
        metric = compiled.metric(SCORE, *inputs)
        assert metric == compiled.refactored(SCORE, *inputs)
        space: dict[str, object] = {}
        exec(compile(compiled.source(), "<generated>", "exec"), space)
        assert space[compiled.module.function_name](SCORE, *inputs).isfinite()
    return value.detach()


@pytest.mark.parametrize("name", CLASHES)
def test_an_input_of_any_name(name):
    text = (BINARY + "param k = 2\n" + BEATEN).replace("relevant", name)
    expected = worth(BINARY + "param k = 2\n" + BEATEN, RELEVANT)
    assert worth(text, RELEVANT) == expected


@pytest.mark.parametrize("name", CLASHES[::4])
def test_a_live_input_of_any_name(name):
    text = BINARY + "param k = 2\n" + BEATEN
    assert worth(text.replace("score", name), RELEVANT) == worth(text, RELEVANT)


@pytest.mark.parametrize("name", ["_", "otherwise", "Family", "split_rows", "T", "sizes"])
def test_a_dim_of_any_name(name):
    text = BINARY.replace("[n]", f"[{name}]") + "param k = 2\n" + BEATEN
    assert worth(text, RELEVANT) == worth(BINARY + "param k = 2\n" + BEATEN, RELEVANT)


@pytest.mark.parametrize("name", CLASHES)
def test_a_param_of_any_name(name):
    text = f"{BINARY}param {name} = 2\n{BEATEN.replace('k]', name + ']')}"
    assert worth(text, RELEVANT) == worth(BINARY + "param k = 2\n" + BEATEN, RELEVANT)
    assert lossc.compile(text, **IDW).loss(**{name: 3}) is not None


@pytest.mark.parametrize("name", ["_", "otherwise", "split_rows", "wins1", "value", "rows"])
def test_a_definition_of_any_name(name):
    text = (
        f"{BINARY}let {name}[i] = count[j | score[j] > score[i]]\n"
        f"evaluate mean[i | relevant[i]] [{name}[i] < 2] else 0\n"
    )
    assert worth(text, RELEVANT) == worth(BINARY + "param k = 2\n" + BEATEN, RELEVANT)


@pytest.mark.parametrize(
    "name", ["_", "named_tuple", "check_shape", "family", "tensor", "callable"]
)
def test_a_spec_of_any_name(name):
    text = BINARY.replace("spec t", f"spec {name}") + "param k = 2\n" + BEATEN
    assert worth(text, RELEVANT) == worth(BINARY + "param k = 2\n" + BEATEN, RELEVANT)


def test_ideal_scores_keep_apart_from_an_input_of_that_name():
    text = """spec t
input score: real[n]
input ideal_score: target real[n]
truth score[i] = ideal_score[i]
evaluate mean[i] [[score[i] > 0] == [ideal_score[i] > 0]] else 0
"""
    target = torch.tensor([1.0, -1.0, 1.0, -1.0])
    assert worth(text, target) == worth(text.replace("ideal_score", "target_score"), target)


def test_names_that_are_free_stay():
    assert [identifier(name) for name in ("score", "label", "n", "k", "ordered", "total")] == [
        *("score", "label", "n", "k", "ordered", "total")
    ]
    assert class_name("named_tuple") == "NamedTuple_"


def test_everything_that_generated_code_uses_is_reserved():
    assert runtime_names() <= RESERVED
    assert set(OPTIONS) <= RESERVED
    for name in ("accuracy", "average_precision", "pck"):
        made = lossc.loss(name, **IDW)
        assert {attribute for attribute in vars(made) if attribute != "alpha"} <= RESERVED
        own = set(dir(type(made))) - set(dir(object))
        # torch.compile leaves a mark on classes that it has seen
        assert {attribute for attribute in own if not attribute.startswith("___")} <= RESERVED


# ---------------------------------------------------------------------------- optional inputs

OPTIONAL = """spec t
input score: real[n]
input a: target real[n] = 1
input b: target real[n]
loss mean[i] (a[i] * (score[i] - b[i])^2)
"""


def test_a_required_input_after_an_optional_one():
    made = compile_spec(OPTIONAL, **IDW).loss()
    ones = torch.ones(4)
    assert made(SCORE, ones, ones) == made(SCORE, b=ones) == made(SCORE, None, ones)
    for validate in (True, False):
        with pytest.raises(ValueError, match="b: this input cannot be left out"):
            compile_spec(OPTIONAL, validate=validate, **IDW).loss()(SCORE)


def test_the_anchor_of_dtypes_is_an_input_that_is_always_there():
    text = "spec t\ninput a: real[n] = 1\ninput score: real[n]\nloss mean[i] (a[i] * score[i])^2\n"
    made = compile_spec(text, **IDW).loss()
    assert made(score=SCORE) == made(torch.ones(4), SCORE)


def test_a_dim_that_is_known_only_from_an_optional_input():
    text = LOSS + "input a: target real[k] = 1\nloss sum[i] score[i] + sum[j] a[j]\n"
    found = fault(text)
    assert found.rule == "dim-clash"
    assert "dim 'k' occurs only in inputs that may be left out" in found.message
    assert found.span.line == 3


def test_all_live_inputs_optional():
    assert fault("spec t\ninput a: real[n, 2] = 1\ninput b: target real[n]\nloss sum[i] a[i, 0]\n")


@pytest.mark.parametrize(
    "kind",
    [
        *("bool[n] = 2", "bool[n] = true", "int[n] = 0.5", "int[n] in 3 = 99", "int[n] in 3 = -1"),
        *("int[n] in n = -1", 'target real[n] = "a"'),
    ],
)
def test_a_default_that_is_no_value_of_its_input(kind):
    found = fault(LOSS + f"input a: {kind}\nloss sum[i] score[i]\n")
    assert found.rule == "wrong-kind"
    assert found.span.line == 3


@pytest.mark.parametrize("kind", ["bool[n] = 1", "int[n] in 3 = 2", "int[n] in 3 ignore z = -5"])
def test_a_default_that_is_a_value_of_its_input(kind):
    compile_spec(LOSS + f"input a: {kind}\nparam z = -5\nloss mean[i] score[i]^2\n")


def test_an_index_before_the_dim_that_bounds_it():
    text = "spec t\ninput y: int[n] in p\ninput s: real[n, p]\nloss -mean[i] s[i, y[i]]\n"
    made = compile_spec(text, **IDW).loss()
    assert made(torch.tensor([1]), torch.tensor([[1.0, 3.0]])) == -3
    with pytest.raises(ValueError, match="y: expected values from 0 to 1"):
        made(torch.tensor([2]), torch.tensor([[1.0, 3.0]]))


@pytest.mark.parametrize("value", ['"word"', "0.5"])
def test_ignore_takes_a_whole_number(value):
    text = LOSS + f"input y: int[n] in 3 ignore z\nparam z = {value}\nloss sum[i] score[i]\n"
    found = fault(text)
    assert (found.rule, found.span.line) == ("wrong-kind", 3)


# ---------------------------------------------------------------------------- options

COUNTED = BINARY + "param k = 2 in [0, inf)\n" + BEATEN


@pytest.mark.parametrize("n", [4, 40])
@pytest.mark.parametrize("bits", ["auto", "drawn", "expected"])
def test_the_best_anchor_alone(n, bits):
    made = compile_spec(COUNTED, **IDW).loss(good=0, bad=0, nearby=0, bits=bits)
    score = torch.randn(n, generator=torch.Generator().manual_seed(0)).requires_grad_()
    value = made(score, torch.arange(n) % 2 == 0)
    value.backward()
    assert value.isfinite() and score.grad.isfinite().all()


@pytest.mark.parametrize(
    ("name", "value"),
    [
        *(("temperature", value) for value in ("a", None, True, 0, -1, float("nan"), [1])),
        *(("good", value) for value in (0.5, -1, "3", True, None)),
        *(("k", value) for value in ("3", 0.5, None, -1, True)),
        *(("seed", value) for value in ("a", 0.5, None, 2**63, True)),
        ("gradient", "x"),
        ("gradient", 1),
    ],
)
def test_a_wrong_value_of_an_option(name, value):
    with pytest.raises(ValueError, match=f"^{name}: expected "):
        compile_spec(COUNTED, **IDW).loss(**{name: value})


def test_a_param_without_a_range_is_a_number_too():
    with pytest.raises(ValueError, match="k: expected a number"):
        compile_spec(BINARY + "param k = 2\n" + BEATEN, **IDW).loss(k="3")


def test_numbers_of_torch_and_numpy():
    for two in (torch.tensor(2), np.int64(2), torch.tensor(2.0), np.float32(2)):
        compiled = compile_spec(COUNTED, params={"k": two}, seed=torch.tensor(3), **IDW)
        assert compiled.plan.graph.params == {"k": 2}
        assert type(compiled.plan.graph.params["k"]) is int
    made = compile_spec(COUNTED, **IDW).loss(k=torch.tensor(3), temperature=np.float64(0.5))
    assert (made.k, made.temperature) == (3, 0.5)
    step = {"kind": "sigmoid", "temperature": np.float32(0.5)}
    idw = {"kind": "idw", "good": np.int64(3), "bad": torch.tensor(4)}
    made = compile_spec(COUNTED, step=step, interpolation=idw).loss()
    assert (made.temperature, made.good, made.bad) == (0.5, 3, 4)


@pytest.mark.parametrize("value", [None, [1], "a", True, float("nan"), torch.ones(2)])
def test_a_wrong_value_of_a_param(value):
    assert fault(COUNTED, params={"k": value}).rule == "param-range"


def test_a_param_keeps_the_type_of_its_default():
    text = BINARY + "param k = 2.0\n" + BEATEN
    assert compile_spec(text, params={"k": 1}, **IDW).loss(k=0.5).k == 0.5


def test_a_seed_that_is_none():
    for seed in ("a", 0.5, None):
        with pytest.raises(ValueError, match="seed: expected a whole number"):
            lossc.loss("accuracy", seed=seed, **IDW)


def test_an_unknown_option_names_the_nearest():
    with pytest.raises(TypeError, match="no option 'temprature'; did you mean 'temperature'"):
        compile_spec(COUNTED, **IDW).loss(temprature=1)
    with pytest.raises(TypeError, match="no option 'foo'; one of: bad, bits"):
        compile_spec(COUNTED, **IDW).loss(foo=1)
    with pytest.raises(TypeError, match="no option 'good'"):
        lossc.compile("cross_entropy").loss(good=1)


def test_params_that_are_no_mapping():
    with pytest.raises(TypeError, match="params takes a mapping"):
        compile_spec(COUNTED, params=[("k", 1)], **IDW)


# ---------------------------------------------------------------------------- copies


@pytest.mark.parametrize("again", [copy.deepcopy, lambda made: pickle.loads(pickle.dumps(made))])
def test_a_copy_keeps_what_was_set(again):
    made = compile_spec(COUNTED, **IDW).loss(good=5)
    made(SCORE, RELEVANT)
    made.temperature, made.k, made.validate, made.note = 3.0, 1, False, "mine"
    other = again(made.eval())
    assert (other.temperature, other.k, other.good) == (3.0, 1, 5)
    assert (other.validate, other.note, other.training) == (False, "mine", False)
    assert other(SCORE, RELEVANT) == made(SCORE, RELEVANT)
    assert again(other).temperature == 3.0
    other.train()(SCORE, RELEVANT)
    assert (made.step, other.step) == (1, 2)


# ---------------------------------------------------------------------------- validation


def test_a_loss_is_tried_as_well(monkeypatch):
    tried = []
    check = compiling.CompiledLoss.check
    monkeypatch.setattr(
        compiling.CompiledLoss,
        "check",
        lambda self, *a, **more: tried.append(a) or check(self, *a, **more),
    )
    compile_spec("cross_entropy")
    assert tried == [(compiling.QUICK,)]


@pytest.mark.parametrize("text", [COUNTED, LOSS + "loss mean[i] score[i]^2\n"])
def test_a_breakdown_shows_the_spec_and_the_batch(monkeypatch, text):
    compiled = compile_spec(text, **IDW)

    def broken(*inputs):
        raise IndexError("index 7 is out of bounds")

    method = "metric" if compiled.plan.is_metric else "forward"
    monkeypatch.setattr(compiled._eager, method, broken)
    with pytest.raises(InternalError) as caught:
        compiled.check(3)
    said = str(caught.value)
    assert "IndexError: index 7 is out of bounds" in said
    assert "input score: real[n]" in said
    assert "on this batch:\n    score = [" in said


def test_a_whole_default_may_be_compiled_with_a_fraction():
    text = """
spec f_beta
input score: real[n]
input relevant: bool[n]
param beta = 1 in (0, inf)
let tp = count[i | relevant[i] and score[i] > 0]
let fp = count[i | not relevant[i] and score[i] > 0]
let fn = count[i | relevant[i] and not score[i] > 0]
evaluate (1 + beta^2) * tp / ((1 + beta^2) * tp + beta^2 * fn + fp) else 0
"""
    score = torch.tensor([1.0, 1.0, -1.0, 1.0], dtype=torch.float64)
    relevant = torch.tensor([True, False, True, False])
    value = compile_spec(text, params={"beta": 0.5}, **IDW).metric(score, relevant)
    assert value.item() == pytest.approx(1.25 * 1 / (1.25 * 1 + 0.25 * 1 + 2))


def test_a_loss_shows_its_params_and_what_is_not_usual():
    options = {**IDW, "squash": "sigmoid"}
    loss = lossc.loss("precision_at_k", params={"k": 3}, seed=4, **options)
    assert repr(loss) == "PrecisionAtK(k=3, temperature=1.0, squash='sigmoid', seed=4)"


@pytest.mark.parametrize("method", ["metric", "comparisons", "refactored", "evaluate_binaries"])
def test_a_loss_spec_has_no_metric(method):
    with pytest.raises(lossc.NotAMetric, match="'bce' defines a loss"):
        getattr(lossc.loss("bce"), method)(torch.zeros(2), torch.zeros(2).bool())


def test_what_no_memory_would_hold_is_refused_before_it_is_made():
    with pytest.raises(ValueError, match="20000 x 20000 comparisons"):
        lossc.loss("kendall_tau", **IDW)(torch.randn(20_000), torch.randn(20_000))


def test_maps_of_real_size_have_their_loss():
    generator = torch.Generator().manual_seed(0)
    maps = torch.randn(6, 16, 64, 64, generator=generator, requires_grad=True)
    joint = torch.rand(6, 16, 2, generator=generator) * 64
    for options in ({}, {"interpolation": "substitute(tnorm=godel)"}):
        loss = lossc.loss("pckh", **options)
        value = loss(maps, joint, torch.ones(6, 16).bool(), torch.full((6,), 10.0))
        (gradient,) = torch.autograd.grad(value, maps)
        assert gradient.isfinite().all()
        assert gradient.abs().sum() > 0
