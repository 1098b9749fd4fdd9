"""Losses of several terms: what a term is, how terms are weighed, and what the loss tells."""

from __future__ import annotations

import copy
import importlib
import pickle
import subprocess
import sys
import textwrap

import pytest
import torch
from torch import nn
from torch.testing import assert_close

import lossc
from lossc.grammar.errors import SpecError
from lossc.runtime.weightings import WEIGHTINGS

INPUTS = """spec several
input a: real[n, d]
input t: target real[n, d]
input b: real[n, e]
input u: target real[n, e]
param c = 0.5 in [0, inf)
term plane = euclidean(a, t)
term rest = mean_absolute_error(b, u)
term third = mean[i] softplus(a[i, 0] - b[i, 0])
"""
CALLS = """spec calls
input logit: real[n, p]
input label: int[n] in p
input relevant: bool[n]
param weight = 0.3 in [0, inf)
let margin[i] = logit[i, 0] - logit[i, 1]
term hard = anchor_bce(label = label, logit = logit, gamma = 2, modulate = "both")
term order = average_precision(margin, relevant)
combine hard + weight * order
surrogate step sigmoid(temperature = 0.5)
surrogate interpolation idw
"""


def batch(seed=0):
    generator = torch.Generator().manual_seed(seed)

    def draw(*shape):
        return torch.randn(shape, generator=generator, dtype=torch.float64)

    return draw(4, 3).requires_grad_(), draw(4, 3), draw(4, 2).requires_grad_(), draw(4, 2)


def values_of(a, t, b, u):
    softplus = nn.functional.softplus(a[:, 0] - b[:, 0]).mean()
    return (a - t).square().sum() / (2 * len(a)), (b - u).abs().mean(), softplus


def slopes(value, inputs):
    return torch.autograd.grad(
        value, [x for x in inputs if x.requires_grad], retain_graph=True, allow_unused=True
    )


@pytest.fixture(scope="module")
def plain():
    return lossc.compile(INPUTS + "combine 2 * plane - c * rest / 4 + (third - 0 * n) * 1")


@pytest.fixture(scope="module")
def called():
    return lossc.compile(CALLS)


# ---- weighted sums


@pytest.mark.parametrize(
    ("goal", "weights"),
    [
        ("plane + rest + third", (1, 1, 1)),
        ("2 * plane - c * rest / 4 + 3 * (third + 0) * 1", None),
        ("-(plane - 2 * rest) * c + third / d", (-0.5, 1.0, 1 / 3)),
        ("c^2 * (plane + 3 * (rest - third))", (0.25, 0.75, -0.75)),
        ("(count[i | t[i, 0] > 9]) * plane + rest + third", (0, 1, 1)),
    ],
)
def test_a_weighted_sum(goal, weights):
    if weights is None:
        with pytest.raises(SpecError, match="no term in it"):
            lossc.compile(INPUTS + f"combine {goal}")
        return
    loss, inputs = lossc.loss(INPUTS + f"combine {goal}"), batch()
    expected = sum(w * v for w, v in zip(weights, values_of(*inputs), strict=True))
    value = loss(*inputs)
    assert_close(value, expected)
    assert_close(slopes(value, inputs), slopes(expected, inputs))
    figures = loss.figures()
    for name, weight in zip(("plane", "rest", "third"), weights, strict=True):
        assert figures[f"weight/{name}"] == pytest.approx(weight, abs=1e-6)


def test_terms_keep_their_gradients_and_their_names():
    loss, inputs = lossc.loss(INPUTS + "combine rest + 0 * third + plane"), batch()
    terms = loss.terms(*inputs)
    assert list(terms) == ["rest", "third", "plane"]
    plane, rest, third = values_of(*inputs)
    for ours, theirs in zip(terms.values(), (rest, third, plane), strict=True):
        assert_close(ours, theirs)
        for found, wanted in zip(slopes(ours, inputs), slopes(theirs, inputs), strict=True):
            assert_close(found, torch.zeros_like(found) if wanted is None else wanted)


def test_figures_are_means_over_the_calls_in_training():
    loss = lossc.loss(INPUTS + "combine plane + c * rest + third")
    assert loss.figures() == {}
    seen = []
    for seed in range(3):
        inputs = batch(seed)
        loss(*inputs)
        seen.append(torch.stack(values_of(*inputs)).detach())
    loss.eval()(*batch(9))
    figures = loss.figures()
    weights = torch.tensor([1, 0.5, 1]).double()
    shares = [(weights * each).abs() / (weights * each).abs().sum() for each in seen]
    for place, name in enumerate(("plane", "rest", "third")):
        mean = torch.stack(seen).mean(0)[place].item()
        assert figures[f"value/{name}"] == pytest.approx(mean, rel=1e-5)
        share = torch.stack(shares).mean(0)[place].item()
        assert figures[f"share/{name}"] == pytest.approx(share, rel=1e-5)
    assert loss.figures() == {}


def test_a_weight_follows_its_schedule():
    text = INPUTS + "combine plane + c * rest + third"
    loss = lossc.loss(text, schedule="linear(of=c, from=1, to=0, epochs=4)")
    inputs = batch()
    plane, rest, third = values_of(*inputs)
    for epoch, weight in enumerate((1, 0.75, 0.5, 0.25, 0, 0)):
        loss.set_epoch(epoch)
        assert_close(loss(*inputs), plane + weight * rest + third)


def test_a_weight_follows_the_steps_and_another_the_epochs():
    text = (
        INPUTS.replace("param c", "param f = 1.0\nparam c") + "combine f * plane + c * rest + third"
    )
    by_epoch = 'piecewise(of=f, values="1, 3", milestones="1")'
    compiled = lossc.compile(
        text, schedule=["linear(of=c, from=1, to=0, steps=4, after=1)", by_epoch]
    )
    loss, inputs = compiled.loss(), batch()
    plane, rest, third = values_of(*inputs)
    loss.set_epoch(0)
    with pytest.raises(RuntimeError, match="set_step"):
        loss(*inputs)
    fast = torch.compile(loss, backend="eager", fullgraph=True)
    for step, weight in enumerate((1, 1, 0.75, 0.5, 0.25, 0, 0)):
        loss.set_epoch(step // 4)
        loss.set_step(step)
        expected = (3 if step > 3 else 1) * plane + weight * rest + third
        assert_close(loss(*inputs), expected)
        assert_close(fast(*inputs), expected)
        if step == 3:
            saved, copied = copy.deepcopy(loss.state_dict()), pickle.loads(pickle.dumps(loss))
    other = compiled.loss()
    other.load_state_dict(saved)
    for each in (copied, other):
        assert_close(each(*inputs), plane + 0.5 * rest + third)
    with pytest.raises(ValueError, match="step"):
        loss.set_step(-1)
    for wrong in ("steps=4, epochs=2", "after=1"):
        with pytest.raises(SpecError, match="L045"):
            lossc.compile(text, schedule=f"linear(of=c, to=0, {wrong})")


# ---- other specs as terms


def targets(seed=0):
    generator = torch.Generator().manual_seed(seed)
    logit = torch.randn(8, 3, generator=generator).requires_grad_()
    return logit, torch.tensor([0, 1, 2, 0, 1, 2, 0, 1]), torch.arange(8) % 3 == 0


def test_a_called_spec_is_the_loss_that_it_is_alone(called):
    loss = called.loss()
    logit, label, relevant = targets()
    hard = lossc.loss("anchor_bce", params={"gamma": 2, "modulate": "both"})
    order = lossc.loss("average_precision", step="sigmoid(temperature=0.5)", interpolation="idw")
    expected = hard(logit, label) + 0.3 * order(logit[:, 0] - logit[:, 1], relevant)
    value = loss(logit, label, relevant)
    assert_close(value, expected)
    assert_close(slopes(value, [logit]), slopes(expected, [logit]))
    terms = loss.terms(logit, label, relevant)
    assert terms["order"] < 0  # minus the metric


def test_the_caller_s_surrogate_counts_for_the_metrics_among_the_terms():
    logit, label, relevant = targets()
    loss = lossc.loss(CALLS, interpolation="substitute", step="sigmoid(temperature=2)")
    order = lossc.loss(
        "average_precision", interpolation="substitute", step="sigmoid(temperature=2)"
    )
    margin = logit[:, 0] - logit[:, 1]
    assert_close(loss.terms(logit, label, relevant)["order"], order(margin, relevant))


def test_draws_follow_the_seed(called):
    logit, label, relevant = targets()
    first, again = (called.loss(seed=7)(logit, label, relevant) for _ in range(2))
    assert torch.equal(first, again)
    other = called.loss(seed=8)
    assert not torch.equal(first, other(logit, label, relevant))


ANY_SORT = """spec s
input x: real[n, k]
input label: int[n] in classes
input scores: real[n, classes]
input mask: bool[n, k]
let p[b, q] = (x[b, q], 2 * x[b, q])
let wide[q, b] = x[b, q]
let same[b, c in 0..2] = x[b, 0]
let some[b, q] = mask[b, q]
term first = inner(p, some)
term second = turned(wide)
term third = three(same, label)
term fourth = cross_entropy(scores, label)
combine first + second + third + 0 * fourth
"""
OTHERS = """spec inner
input joint: real[n, k, 2]
input seen: bool[n, k]
loss sum[b, q | seen[b, q]] joint[b, q, 0] * joint[b, q, 1]

spec turned
input s: real[k, n]
loss sum[q, b] q * s[q, b]

spec three
input s: real[m, 3]
input w: target real[m]
loss sum[i, j] (j + 1) * w[i] * s[i, j]

spec both
input a: real[n, d]
input t: target real[n, d]
term one = euclidean(a, t)
term two = squared(t, a)
term more = squared(t, a)
combine one + uncertainty(two, more)

spec squared
input t: target real[n, d]
input a: real[n, d]
loss sum[i, j] (a[i, j] - t[i, j])^2
"""


def written(folder, text):
    """Each spec in a file of its own."""
    for spec in text.split("spec ")[1:]:
        (folder / f"{spec.split()[0]}.lossc").write_text(f"spec {spec}")
    return folder


def test_a_pickled_loss_needs_no_file_and_arrays_of_any_sort_are_passed_on(tmp_path):
    """Points are stacked, what lacks an axis is repeated, labels are numbers where they must be."""
    x = torch.randn(2, 4, dtype=torch.float64, requires_grad=True)
    label, mask = torch.tensor([2, 1]), torch.rand(2, 4) > 0.5
    inputs = x, label, torch.zeros(2, 3).double(), mask
    loss = lossc.loss(ANY_SORT, folders=written(tmp_path, OTHERS))
    expected = (2 * x.square() * mask).sum() + (torch.arange(4) * x).sum()
    expected = expected + 6 * (label * x[:, 0]).sum()
    assert_close(loss(*inputs), expected)
    for file in tmp_path.iterdir():
        file.unlink()
    for each in (pickle.loads(pickle.dumps(loss)), copy.deepcopy(loss)):
        assert_close(each(*inputs), expected)
    with pytest.raises(SpecError, match="L036"):
        lossc.loss(ANY_SORT, folders=tmp_path)


def test_a_loss_of_terms_is_a_term(tmp_path):
    outer = """spec outer
input h: real[n, d]
input t: target real[n, d]
term whole = both(h, t)
term half = euclidean(h, t)
combine whole - half
"""
    loss = lossc.loss(outer, folders=written(tmp_path, OTHERS))
    a, t = torch.ones(2, 3), torch.zeros(2, 3)
    assert_close(loss(a, t), torch.tensor(6.0))
    assert len(list(loss.parameters())) == 1
    assert_close(pickle.loads(pickle.dumps(loss))(a, t), torch.tensor(6.0))


def test_calls_in_calls_end_somewhere(tmp_path):
    """Each level calls the next one twice, which would be 2^10 classes."""
    for level in range(10):
        inner = f"level{level + 1}(x)" if level < 9 else "mean[i] x[i]^2"
        text = f"spec level{level}\ninput x: real[n]\nterm a = {inner}\nterm b = {inner}\n"
        (tmp_path / f"level{level}.lossc").write_text(f"{text}combine a + b\n")
    with pytest.raises(SpecError, match=r"L003.*over 64 specs are called"):
        lossc.loss("level0", folders=tmp_path)


def test_what_ignores_a_label_passes_its_value_on():
    text = """spec s
input scores: real[n, p, h, w]
input label: int[n, h, w] in p ignore nothing
param nothing = 9
term cells = pixel_accuracy(scores, label)
combine cells
"""
    scores = torch.randn(1, 3, 2, 2)
    label = torch.tensor([[[0, 9], [1, 9]]])
    alone = lossc.loss("pixel_accuracy", params={"ignore_index": 9})
    loss = lossc.loss(text)
    assert_close(loss(scores, label), alone(scores, label))
    other = lossc.compile(text).loss(nothing=7)  # what is ignored is an argument still
    label[label == 9] = 7
    assert_close(other(scores, label), alone(scores, torch.where(label == 7, 9, label)))


def test_params_of_a_called_spec_follow_those_of_the_caller():
    text = CALLS.replace("gamma = 2", "gamma = focus").replace(
        "param weight", "param focus = 2.0 in [0, inf)\nparam weight"
    )
    logit, label, relevant = targets()

    def expected(gamma):
        return lossc.loss("anchor_bce", params={"gamma": gamma, "modulate": "both"})(logit, label)

    compiled = lossc.compile(text)
    for gamma in (2.0, 0.5):
        found = compiled.loss(focus=gamma).terms(logit, label, relevant)["hard"]
        assert_close(found, expected(gamma))
    loss = lossc.loss(text, schedule="linear(of=focus, from=0, to=2, epochs=2)")
    for epoch in range(3):
        loss.set_epoch(epoch)
        assert_close(loss.terms(logit, label, relevant)["hard"], expected(float(epoch)))


# ---- named weightings


@pytest.mark.parametrize("name", WEIGHTINGS)
def test_a_named_weighting_is_the_one_of_the_runtime(name):
    """A spec whose combine names it gives what the module gives of the terms."""
    entry = WEIGHTINGS[name]
    loss = lossc.loss(INPUTS + f"combine third + c * {name}(plane, rest)")
    module = importlib.import_module(f"lossc.runtime.{entry.module}")
    own = getattr(module, entry.class_name)(2, names=("plane", "rest"))
    for epoch in range(4):
        inputs = batch(epoch)
        loss.set_epoch(epoch)
        if entry.told_epochs:
            own.set_epoch(epoch)
        plane, rest, third = values_of(*inputs)
        live = (inputs[0], inputs[2])
        weighed = own(torch.stack([plane, rest]), live if entry.needs_gradients else None)
        expected = third + 0.5 * weighed
        value = loss(*inputs)
        assert_close(value, expected)
        assert_close(slopes(value, inputs), slopes(expected, inputs))
        figures = loss.figures()
        assert figures["weight/plane"] == pytest.approx(0.5 * own.weights[0].item(), rel=1e-5)
    assert len(list(loss.parameters())) == len(list(own.parameters())) == int(entry.learns)
    saved = loss.state_dict()
    fresh = lossc.loss(INPUTS + f"combine third + c * {name}(plane, rest)")
    fresh.load_state_dict(saved)
    again, inputs = pickle.loads(pickle.dumps(loss)), batch(7)
    assert_close(fresh(*inputs), loss(*inputs))
    if not entry.told_epochs:
        assert_close(again(*inputs), fresh(*inputs), rtol=1e-2, atol=1e-2)
    with torch.no_grad():
        assert loss(*inputs).isfinite()
    assert loss(*(x.detach() for x in inputs)).isfinite()


def test_gradients_are_measured_where_the_user_says():
    loss = lossc.loss(INPUTS + "combine block_normalized(plane, rest) + third")
    layer = nn.Linear(3, 5).double()
    a, t, _, u = batch()
    out = layer(a.detach())
    inputs = out[:, :3], t, out[:, 3:], u
    loss.shared = [layer.weight]
    loss(*inputs)
    found = loss.figures()
    plane, rest, _ = values_of(*inputs)
    for name, value in (("plane", plane), ("rest", rest)):
        (slope,) = torch.autograd.grad(value, layer.weight, retain_graph=True)
        assert found[f"weight/{name}"] == pytest.approx(1 / slope.norm().item(), rel=1e-5)
    assert pickle.loads(pickle.dumps(loss)).shared is None  # no copy of the network's parameters


def test_options_of_weightings_may_be_params():
    text = (
        INPUTS.replace("c = 0.5", "c = 1.25") + "combine gradnorm(plane, rest, alpha = c) + third"
    )
    assert lossc.loss(text).gradnorm.alpha == 1.25
    assert lossc.loss(text, params={"c": 0.5}).gradnorm.alpha == 0.5


# ---- what is made of it


def test_the_generated_text_is_reviewed(golden):
    goal = "combine c * gradnorm(plane, rest, alpha = 1) + dynamic_weight_average(third, other) / 2"
    text = f"{INPUTS}term other = smooth_l1(a, t)\n{goal}"
    golden("modules/weighed_terms.py", lossc.compile(text).source())
    golden("modules/adaptive_i1.py", lossc.compile("adaptive_i1").source())


def test_the_module_stands_alone(called, tmp_path):
    path = tmp_path / "generated.py"
    path.write_text(called.source())
    code = """
    import sys, torch
    sys.path.insert(0, sys.argv[1])
    import generated
    assert not any(name == "lossc" or name.startswith("lossc.") for name in sys.modules)
    logit = torch.randn(8, 3, generator=torch.Generator().manual_seed(0), requires_grad=True)
    label, relevant = torch.arange(8) % 3, torch.arange(8) % 2 == 0
    loss = generated.Calls()
    loss(logit, label, relevant).backward()
    print(float(generated.calls(logit, label, relevant)), logit.grad.abs().sum() > 0)
    print(sorted(loss.figures()))
    """
    done = subprocess.run(
        [sys.executable, "-I", "-c", textwrap.dedent(code), str(tmp_path)],
        capture_output=True,
        text=True,
        check=True,
    )
    logit = torch.randn(8, 3, generator=torch.Generator().manual_seed(0))
    value = called.loss()(logit, torch.arange(8) % 3, torch.arange(8) % 2 == 0)
    first, second = done.stdout.splitlines()
    assert float(first.split()[0]) == pytest.approx(value.item()) and first.endswith("(True)")
    assert "share/hard" in second


@pytest.mark.filterwarnings("ignore:.*should not be instantiated")  # of torch itself
def test_compiled_kernels_give_the_same(called):
    loss = called.loss()
    fast = torch.compile(called.loss(), backend="eager", fullgraph=True)
    logit, label, relevant = targets()
    for _ in range(2):
        value, expected = fast(logit, label, relevant), loss(logit, label, relevant)
        assert_close(value, expected)
        assert_close(slopes(value, [logit]), slopes(expected, [logit]))


def test_the_stages_list_the_terms(called):
    rows = [row for row in called.stages.rows() if row["stage"] == "term"]
    assert [row["name"] for row in rows] == ["hard", "order"]
    assert rows[1]["expression"] == "average_precision(margin, relevant)"
    graph = called.stages.graph()
    assert {("logit", "term order"), ("term order", "loss")} <= set(graph.edges)


def test_a_used_spec_brings_its_terms_as_definitions(tmp_path):
    text = "spec s\nuse manual\nuse adaptive_h1 as ada\nloss manual + plane + ada\n"
    torch.manual_seed(0)
    inputs = [torch.rand(2, 1, 3, 3), torch.rand(2, 1, 3, 3)]
    inputs += [torch.rand(2, 1, 2, 3, 3), torch.rand(2, 1, 2, 3, 3)]
    expected = lossc.loss("manual")(*inputs) + lossc.loss("adaptive_h1")(*inputs)
    expected = expected + (inputs[0] - inputs[1]).square().sum() / 4
    assert_close(lossc.loss(text)(*inputs), expected)
    with pytest.raises(SpecError, match=r"L036.*which `use` does not bring in"):
        lossc.loss("spec s\nuse calls\nloss calls\n", folders=written(tmp_path, CALLS))
