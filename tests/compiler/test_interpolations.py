"""Every interpolation of every bundled metric: its limits, its gradient, and what it refuses."""

from __future__ import annotations

import functools

import pytest
import torch
from torch.testing import assert_close

import lossc
import lossc.specs
from lossc.compiler.batches import batches
from lossc.compiler.build import build
from lossc.compiler.choices import STEPS
from lossc.compiler.compile import compile_spec
from lossc.grammar.errors import SpecError
from lossc.grammar.load import load
from tests.surrogates import PLAIN

METRICS = [n for n in sorted(lossc.specs.names()) if build(load(n)).goal != "loss"]
NORMS = ("godel", "product", "lukasiewicz")
BOUNDED = (
    *("accuracy", "auroc", "average_precision", "balanced_accuracy", "equal_error_rate", "f_beta"),
    *("interpolated_average_precision", "jaccard", "pck", "pckh", "pixel_accuracy", "precision"),
    *("recall", "specificity", "within_one"),
)
CLOSED = ("accuracy", "auroc", "balanced_accuracy", "pckh", "recall", "specificity")
# so that small batches are not all within the limits
PARAMS = {"k": 2, "max_fpr": 0.6, "fpr": 0.4, "fmr": 0.4}


@functools.cache
def compiled(name, interpolation):
    known = {entry.name.id for entry in load(name).params}
    params = {k: v for k, v in PARAMS.items() if k in known}
    return compile_spec(name, **PLAIN, interpolation=interpolation, params=params)


def sense_of(one):
    return 1 if one.plan.graph.goal == "minimize" else -1


def batches_of(one, kinds, count=28):
    live = [entry.name.id for entry in one.spec.inputs if entry.kind.live]
    for batch in batches(one.spec, dict(one.plan.graph.params), count, 3):
        if batch.kind in kinds:
            inputs = {
                k: v.clone().requires_grad_() if k in live else v for k, v in batch.inputs.items()
            }
            yield batch, inputs, [inputs[name] for name in live]


@pytest.mark.parametrize("name", METRICS)
@pytest.mark.parametrize("norm", NORMS)
def test_substitute_tends_to_the_metric(name, norm):
    one = compiled(name, f"substitute(tnorm={norm})")
    loss, tried = one.loss(temperature=1e-5, validate=False), 0
    for batch, inputs, _ in batches_of(one, ("random", "masked")):
        exact = loss.metric(**batch.inputs)
        # at a tie the relaxed binary is one half, however cold the step is
        tied = (one.comparisons(**batch.inputs).abs() < 1e-2).any()
        if tied or not exact.isfinite():
            continue
        assert_close(sense_of(one) * loss(**inputs).detach(), exact, rtol=0, atol=1e-6)
        tried += 1
    assert tried


@pytest.mark.parametrize("name", METRICS)
def test_gradients_are_finite_and_not_all_zero(name):
    for interpolation in ("substitute", "multilinear", "perturbed"):
        one = compiled(name, interpolation)
        options = {"noise": 0.7} if interpolation == "perturbed" else {"temperature": 0.7}
        loss, moved = one.loss(validate=False, **options), 0
        for _, inputs, leaves in batches_of(one, ("random", "tied", "equal", "masked", "full")):
            value = loss(**inputs)
            gradients = torch.autograd.grad(value, leaves, allow_unused=True)
            known = [g for g in gradients if g is not None]
            if value.isfinite():
                assert all(g.isfinite().all() for g in known)
            moved += any(g.abs().sum() > 0 for g in known)
        assert moved


@pytest.mark.parametrize("name", ["average_precision", "accuracy", "ndcg", "macro_f1", "auroc"])
@pytest.mark.parametrize("norm", NORMS)
def test_substitute_has_the_gradient_of_its_value(name, norm):
    one = compiled(name, f"substitute(tnorm={norm})")
    loss = one.loss(temperature=0.8, validate=False)
    checked = 0
    for batch, inputs, leaves in batches_of(one, ("random",)):
        if not loss(**inputs).requires_grad or not leaves[0].numel():
            continue
        (leaf,) = leaves
        (key,) = (k for k, v in inputs.items() if v is leaf)
        frozen = {k: v for k, v in batch.inputs.items() if k != key}
        assert torch.autograd.gradcheck(
            lambda x, key=key, frozen=frozen: loss(**{key: x}, **frozen), (leaf,), atol=1e-5
        )
        checked += 1
    assert checked


@pytest.mark.parametrize("step", STEPS)
def test_every_step_serves_substitute(step):
    loss = lossc.loss(
        "average_precision", step=f"{step}(temperature=0.5)", interpolation="substitute"
    )
    score = torch.tensor([0.2, -0.1, 0.4, 0.3], requires_grad=True)
    loss(score, torch.tensor([1, 0, 1, 0]).bool()).backward()
    assert score.grad.isfinite().all()
    assert score.grad.abs().sum() > 0


def test_substituted_average_precision_is_smooth_ap():
    # Brown, Xie, Kalogeiton, Zisserman 2020: R(i, S) = 1 + sum_{j != i} G(s_j - s_i)
    generator = torch.Generator().manual_seed(2)
    score = torch.randn(40, generator=generator, dtype=torch.float64, requires_grad=True)
    relevant = torch.rand(40, generator=generator) < 0.3
    difference = score.unsqueeze(0) - score.unsqueeze(1)
    relaxed = (difference / 0.1).sigmoid() * (1 - torch.eye(40, dtype=torch.float64))
    among_all = 1 + relaxed.sum(1)
    among_positives = 1 + relaxed[:, relevant].sum(1)
    smooth = (among_positives / among_all)[relevant].mean()
    (expected,) = torch.autograd.grad(-smooth, score)
    loss = lossc.loss(
        "average_precision",
        step="sigmoid(temperature=0.1, max_spread=none)",
        squash="none",
        interpolation="substitute",
    )
    value = loss(score, relevant)
    (gradient,) = torch.autograd.grad(value, score)
    assert_close(value, -smooth, rtol=1e-12, atol=0)
    assert_close(gradient, expected, rtol=1e-10, atol=1e-14)


def test_the_products_of_accuracy_are_a_pairwise_likelihood():
    scores = torch.randn(5, 4, dtype=torch.float64)
    label = torch.tensor([0, 3, 1, 1, 2])
    own = scores.gather(1, label.unsqueeze(1))
    chance = (own - scores).sigmoid().scatter(1, label.unsqueeze(1), 1.0).prod(1)
    loss = lossc.loss("accuracy", interpolation="substitute(tnorm=product)", **PLAIN)
    assert_close(loss(scores, label), -chance.mean())
    norm = "substitute(tnorm=product)"
    likelihood = lossc.loss("accuracy", interpolation=norm, transform="log", **PLAIN)
    assert_close(likelihood(scores, label), -chance.mean().log())


@pytest.mark.parametrize("name", CLOSED)
def test_closed_expectations_are_what_sampling_tends_to(name):
    one = compiled(name, "multilinear")
    assert "def expected(" in one.source()
    loss = one.loss(temperature=0.9, validate=False)
    for batch, _, _ in batches_of(one, ("random",), 14):
        families = loss.families(*loss.prepare(**batch.inputs))
        from lossc.runtime.expectation import expected_by_sampling
        from lossc.runtime.relaxations import sigmoid_step

        def metric(rows, families=families, batch=batch):
            return loss.metric_of_rows(rows, families, *loss.prepare(**batch.inputs))

        if sum(family.stored.numel() for family in families) == 0:
            continue
        seed, step = torch.tensor(4), torch.tensor(0)
        sampled = expected_by_sampling(
            families, metric, sigmoid_step, seed, step, temperature=0.9, samples=20_000
        )
        exact = sense_of(one) * loss(**batch.inputs)
        if exact.isfinite():
            assert_close(sampled, exact, rtol=0, atol=0.02)


def test_sampled_expectations_have_an_unbiased_gradient():
    one = compiled("accuracy", "multilinear")
    closed = one.loss()
    sampled = compiled("top_k_accuracy", "multilinear").plan  # has no closed form
    assert sampled is not None
    scores = torch.randn(3, 3, dtype=torch.float64, requires_grad=True)
    label = torch.tensor([0, 2, 1])
    (expected,) = torch.autograd.grad(-closed(scores, label), scores)
    from lossc.runtime.expectation import expected_by_sampling
    from lossc.runtime.relaxations import sigmoid_step

    prepared = closed.prepare(scores, label)
    families = closed.families(*prepared)
    value = expected_by_sampling(
        families,
        lambda rows: closed.metric_of_rows(rows, families, *prepared),
        sigmoid_step,
        torch.tensor(1),
        torch.tensor(0),
        samples=100_000,
    )
    (found,) = torch.autograd.grad(value, scores)
    assert_close(found, expected, rtol=0, atol=5e-3)


def test_noise_has_an_unbiased_gradient():
    # one comparison against a threshold: E[x + sigma z > 0] is the normal distribution function
    text = "spec t\ninput score: real[n]\nevaluate mean[i] [score[i] > 0] else 0"
    loss = lossc.loss(text, interpolation="perturbed(samples=60000, noise=0.5)")
    score = torch.tensor([0.3, -0.4], dtype=torch.float64, requires_grad=True)
    normal = torch.distributions.Normal(0.0, 0.5)
    value = loss(score)
    assert_close(value.detach(), -normal.cdf(score.detach()).mean(), rtol=0, atol=0.01)
    (found,) = torch.autograd.grad(value, score)
    assert_close(found, -normal.log_prob(score.detach()).exp() / 2, rtol=0, atol=0.02)


@pytest.mark.parametrize("name", METRICS)
def test_bounds_are_bounds(name):
    if name not in BOUNDED:
        with pytest.raises(SpecError, match="L038"):
            compile_spec(name, interpolation="bound")
        return
    one = compiled(name, "bound")
    for margin in (0.2, 3.0):
        loss = one.loss(temperature=margin, validate=False)
        for batch, inputs, _ in batches_of(one, ("random", "tied", "equal", "masked", "full")):
            exact = loss.metric(**batch.inputs)
            assert not loss(**inputs) < sense_of(one) * exact - 1e-12


def test_the_bound_of_accuracy_is_the_multi_class_hinge():
    # Crammer and Singer 2001: 1 - max_j (1 - margin), the most of all wrong classes
    scores = torch.randn(9, 4, dtype=torch.float64)
    label = torch.arange(9) % 4
    hinge = torch.nn.functional.multi_margin_loss
    own = scores.gather(1, label.unsqueeze(1))
    worst = (1 - (own - scores)).scatter(1, label.unsqueeze(1), 0.0).amax(1).clamp_min(0)
    loss = lossc.loss("accuracy", interpolation="bound", **PLAIN)
    assert_close(loss(scores, label), worst.mean() - 1)
    two = scores[:, :2]
    expected = hinge(two, label % 2) * 2 - 1  # torch divides by the number of classes
    assert_close(loss(two, label % 2), expected)


@pytest.mark.parametrize("step", [name for name, step in STEPS.items() if step.reaches])
def test_idw_refuses_steps_that_reach_the_bit(step):
    with pytest.raises(SpecError, match="idw cannot be used with"):
        lossc.loss("accuracy", step=step, interpolation="idw")


@pytest.mark.parametrize("step", [name for name, step in STEPS.items() if not step.reaches])
def test_idw_takes_the_others(step):
    loss = lossc.loss("average_precision", step=step, interpolation="idw")
    score = torch.tensor([0.2, -0.1, 0.4, 0.3], requires_grad=True)
    loss(score, torch.tensor([1, 0, 1, 0]).bool()).backward()
    assert score.grad.abs().sum() > 0


def test_the_logarithm_needs_a_metric_from_0_to_1():
    with pytest.raises(SpecError, match="L039"):
        lossc.loss("spearman", transform="log")
    loss = lossc.loss("average_precision", transform="log", interpolation="substitute", **PLAIN)
    plain = lossc.loss("average_precision", interpolation="substitute", **PLAIN)
    score, relevant = torch.tensor([0.1, 0.5, -0.2]), torch.tensor([1, 0, 1]).bool()
    assert_close(loss(score, relevant), -(-plain(score, relevant)).log())


def test_the_logarithm_of_nothing_has_a_gradient():
    loss = lossc.loss(
        "accuracy", interpolation="substitute(tnorm=lukasiewicz)", transform="log", **PLAIN
    )
    value = loss(torch.tensor([[-9.0, 9.0]]), torch.tensor([0]))
    assert value.isfinite()


def test_no_interpolation_but_idw_asks_where_the_best_is():
    text = (
        "spec t\ninput scores: real[n, p]\ninput label: int[n] in p\n"
        "input worth: target real[n]\n"
        "decode predicted[i] = argmax[j] scores[i, j]\n"
        "evaluate mean[i] worth[i] * [predicted[i] == label[i]] else 0"
    )
    with pytest.raises(SpecError):
        lossc.loss(text, interpolation="idw")
    inputs = torch.randn(4, 3), torch.tensor([0, 1, 2, 0]), torch.tensor([1.0, -2.0, 1.0, 3.0])
    for interpolation in ("substitute", "multilinear", "perturbed"):
        assert lossc.loss(text, interpolation=interpolation)(*inputs).isfinite()


def test_rounded_counts_have_no_relaxation():
    text = (
        "spec t\ninput score: real[n]\ninput relevant: bool[n]\n"
        "evaluate floor(sum[i | relevant[i]] [score[i] > 0.5] / 2) / n else 0"
    )
    with pytest.raises(SpecError, match="L038"):
        lossc.loss(text, interpolation="substitute", **PLAIN)
    inputs = torch.randn(5), torch.arange(5) < 3
    compiled = lossc.compile(text)  # nobody named it: what needs no relaxation takes its place
    assert compiled.surrogate.interpolation == "idw"
    assert torch.equal(compiled.loss()(*inputs), lossc.loss(text, interpolation="idw")(*inputs))


@pytest.mark.filterwarnings("ignore")  # of torch's own, while it traces
@pytest.mark.parametrize("interpolation", ["substitute", "multilinear", "bound", "perturbed"])
def test_losses_compile_without_breaks(interpolation):
    loss = lossc.loss("average_precision", interpolation=interpolation)
    score, relevant = torch.randn(6, requires_grad=True), torch.arange(6) % 2 == 0
    fast = torch.compile(loss, fullgraph=True, backend="aot_eager")
    loss.eval()
    expected = torch.autograd.grad(loss(score, relevant), score)
    found = torch.autograd.grad(fast(score, relevant), score)
    assert_close(found, expected)


@pytest.mark.parametrize("interpolation", ["substitute", "multilinear", "bound", "perturbed"])
def test_modules_need_only_torch_and_travel(interpolation, tmp_path):
    import copy
    import pickle
    import runpy

    one = compiled("accuracy", interpolation)
    path = tmp_path / "made.py"
    path.write_text(one.source(), encoding="utf-8")
    alone = runpy.run_path(str(path))["Accuracy"]()
    loss = one.loss()
    scores, label = torch.randn(4, 3), torch.tensor([0, 1, 2, 2])
    expected = loss.eval()(scores, label)
    assert torch.equal(alone.eval()(scores, label), expected)
    for other in (copy.deepcopy(loss), pickle.loads(pickle.dumps(loss))):
        assert torch.equal(other(scores, label), expected)


@pytest.mark.parametrize("interpolation", ["idw", "substitute", "multilinear", "bound"])
def test_an_automatic_temperature_makes_a_loss_of_the_scale_of_no_score(interpolation):
    loss = lossc.loss(
        "average_precision", step="sigmoid(temperature=auto)", interpolation=interpolation
    ).eval()
    score = torch.randn(12, dtype=torch.float64, requires_grad=True)
    relevant = torch.arange(12) % 3 == 0
    small, large = loss(score, relevant), loss(1000 * score + 5, relevant)
    assert_close(small, large)
    gradients = [torch.autograd.grad(value, score)[0] for value in (small, large)]
    assert_close(gradients[0], gradients[1], rtol=1e-6, atol=1e-9)
    assert "temperature=auto" in str(
        lossc.compile("accuracy", step="sigmoid(temperature=auto)").stages
    )


@pytest.mark.parametrize("temperature", ["1", "auto"])
@pytest.mark.parametrize(
    "interpolation",
    [
        *("idw", "idw(flips=row)", "idw(flips=share)", "multilinear", "bound", "perturbed"),
        *(f"substitute(tnorm={norm})" for norm in NORMS),
    ],
)
def test_modules_of_every_interpolation_are_formatted_and_lint_clean(
    interpolation, temperature, tmp_path, root
):
    import subprocess
    import sys

    step = f"sigmoid(temperature={temperature})"
    options = {"interpolation": interpolation, "step": step, "memory": "queue", "gather": "batch"}
    for name in ("average_precision", "accuracy", "top_k_accuracy", "ndcg", "pckh", "macro_f1"):
        if interpolation != "bound" or name in BOUNDED:
            source = compile_spec(name, **options).source()
            (tmp_path / f"{name}.py").write_text(source, encoding="utf-8")
    for command in (["format", "--check"], ["check"]):
        asked = ["ruff", *command, "--no-cache", "--config", str(root / "pyproject.toml"), "."]
        found = subprocess.run(
            [sys.executable, "-m", *asked],
            cwd=tmp_path,
            capture_output=True,
            text=True,
            check=False,
        )
        assert found.returncode == 0, found.stdout
