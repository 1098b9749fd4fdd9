"""Examples of a spec: every compile computes them."""

import pytest
import torch

import lossc
from lossc.compiler.examples import tensors_of
from lossc.grammar.load import load

RANKED = """\
spec ranked
input scores: real[n, p]
input label: int[n] in p
input weight: target real[n] in [0, inf) = 1
param k = 1 in [1, inf)
param mode = "plain"
let above[i] = sum[j] [scores[i, j] beats scores[i, label[i]]]
evaluate mean[i] weight[i] * ([above[i] < k] + [mode == "bonus"]) else -1
"""
SCORES = "scores = [[0.1, 0.9], [0.8, 0.2]]"


def examples(*texts, spec=RANKED):
    return spec + "".join(f"example {text}\n" for text in texts)


def test_examples_are_counted():
    spec = examples(
        f"{SCORES}, label = [1, 0] gives 1",
        f"{SCORES}, label = [0, 0] gives 0.5",
        f"{SCORES}, label = [1, 0], weight = [3, 1] gives 2",
    )
    report = lossc.compile(spec).check(7)
    assert report.examples == 3
    assert report.as_dict()["examples"] == 3
    assert lossc.compile(RANKED).check(7).examples == 0


def test_an_example_sets_params():
    lossc.compile(
        examples(
            f"{SCORES}, label = [0, 0], k = 2 gives 1",
            f"{SCORES}, label = [0, 0], k = 1.5 gives 1",  # no whole number, unlike the default
            f"{SCORES}, label = [0, 0], mode = bonus gives 1.5",
        )
    )


def test_an_example_is_about_the_defaults_whatever_is_compiled():
    spec = examples(f"{SCORES}, label = [0, 0] gives 0.5")
    for params in ({"k": 2}, {"k": 1.5}, {"mode": "bonus"}):
        assert lossc.compile(spec, params=params).check(7).examples == 1


@pytest.mark.parametrize("want", ["0.500002", "-0.5", "inf"])
def test_another_value_is_an_error(want):
    with pytest.raises(lossc.SpecError) as caught:
        lossc.compile(
            examples(f"{SCORES}, label = [1, 0] gives 1", f"{SCORES}, label = [0, 0] gives {want}")
        )
    (diagnostic,) = caught.value.diagnostics
    assert diagnostic.code == "L037"
    assert (diagnostic.span.line, diagnostic.span.column) == (10, 1)
    assert "the metric is 0.5" in diagnostic.message


def test_every_wrong_example_is_shown():
    with pytest.raises(lossc.SpecError) as caught:
        lossc.compile(examples(*[f"{SCORES}, label = [1, 0] gives {n}" for n in range(4)]))
    assert len(caught.value.diagnostics) == 3


def test_a_few_digits_are_enough():
    third = (
        "spec t\ninput s: real[n]\n%s mean[i] [s[i] > 0] * %s else 0\n"
        "example s = [1, -1, -1] gives %s\n"
    )
    for goal, factor, want in [
        ("evaluate", "1", "0.333333"),
        ("minimize", "1e9", "333333300"),
        ("evaluate", "1e-9", "0"),
    ]:
        assert lossc.compile(third % (goal, factor, want)).check(7).examples == 1


def test_both_forms_of_the_metric_are_computed(monkeypatch):
    spec = load(examples(f"{SCORES}, label = [1, 0] gives 1"))
    compiled = lossc.compile(RANKED)

    class Broken:
        def metric(self, *_):
            return torch.tensor(1.0)

        def refactored(self, *_):
            return torch.tensor(0.75)

    from lossc.compiler.examples import check_examples

    with pytest.raises(lossc.SpecError, match=r"by way of binaries is 0\.75") as caught:
        check_examples(spec, compiled.plan.is_metric, lambda _: Broken())
    assert caught.value.diagnostics[0].rule == "example-differs"


def test_a_loss_has_examples():
    spec = "spec l\ninput x: real[n]\ninput y: target real[n]\nloss mean[i] (x[i] - y[i])^2\n"
    assert (
        lossc.compile(examples("x = [1, 2], y = [1, 4] gives 2", spec=spec)).check(7).examples == 1
    )
    with pytest.raises(lossc.SpecError, match="the loss is 2"):
        lossc.compile(examples("x = [1, 2], y = [1, 4] gives -2", spec=spec))


def test_an_example_may_be_empty_or_undefined():
    lossc.compile(examples("scores = [], label = [] gives -1"))
    spec = "spec e\ninput s: real[n]\nevaluate mean[i] [s[i] > 0]\nexample s = [] gives 0\n"
    with pytest.raises(lossc.SpecError, match="the metric has no value"):
        lossc.compile(spec)


def test_tensors_have_the_dims_and_kinds_of_the_inputs():
    spec = load(
        "spec t\ninput a: real[n, p, 2]\ninput b: int[p]\ninput c: bool[n]\ninput d: real\n"
        "input e: target real[n] = 0\nloss d\n"
        "example a = [], b = [1, 2, 3], c = [], d = -1 gives 1\n"
        "example a = [[[1, 2]]], b = [1], c = [1], d = 0.1 gives 1"
    )
    a, b, c, d, e = tensors_of(spec, spec.examples[0])
    assert a.shape == (0, 3, 2) and a.dtype == torch.float64
    assert b.tolist() == [1, 2, 3] and b.dtype == torch.long
    assert c.shape == (0,) and c.dtype == torch.bool
    assert d.shape == () and d.item() == -1
    assert e is None
    a, b, c, d, e = tensors_of(spec, spec.examples[1])
    assert a.tolist() == [[[1, 2]]]
    assert c.tolist() == [True]
    assert d.item() == 0.1  # in double precision
