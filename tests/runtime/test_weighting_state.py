"""What weightings keep: between steps, in checkpoints, in any precision, and of odd values."""

from __future__ import annotations

import copy
import inspect
import math
import pickle
import re

import pytest
import torch
from torch import tensor
from torch.testing import assert_close

import lossc
from lossc.compiler.emit.runtime_source import runtime_source
from lossc.runtime.weightings import WEIGHTINGS
from tests.runtime.weightings import NAMES, Problem, class_of, make, train

DTYPES = (torch.float16, torch.bfloat16, torch.float32, torch.float64)
NAN, INF = math.nan, math.inf


def kept(weighting):
    return {name: value.clone() for name, value in weighting.state_dict().items()}


def same(one, other):
    return one.keys() == other.keys() and all(
        one[name].dtype == other[name].dtype and one[name].equal(other[name].nan_to_num(7))
        for name in one
    )


def unchanged(weighting, before):
    return same({name: value.nan_to_num(7) for name, value in before.items()}, kept(weighting))


def step(weighting, row, dtype=torch.float64):
    """A call on values with a gradient of 1 at a point of their own: total, and its gradient."""
    point = torch.zeros(len(row), dtype=dtype, requires_grad=True)
    total = weighting(point + tensor(row, dtype=dtype), (point,))
    return total, torch.autograd.grad(total, point, retain_graph=True)[0]


# ------------------------------------------------------------------ the table


@pytest.mark.parametrize("name", NAMES)
def test_the_table_says_what_the_class_takes(name):
    entry, arguments = WEIGHTINGS[name], inspect.signature(class_of(name)).parameters
    options = {key: one for key, one in arguments.items() if one.kind is one.KEYWORD_ONLY}
    assert options.pop("names").default == ()
    assert options.pop("gathered").default is False
    assert {key: one.default for key, one in options.items()} == {
        key: option.default for key, option in entry.options.items()
    }
    weighting = make(name)
    assert bool(list(weighting.parameters())) == entry.learns
    assert hasattr(weighting, "set_epoch") == entry.told_epochs
    values = torch.ones(3, requires_grad=True)
    if entry.needs_gradients:
        with pytest.raises(ValueError, match="shared: expected tensors at which to measure"):
            weighting(values)
        with pytest.raises(ValueError, match="no term depends on these tensors"):
            weighting(values, (torch.ones(2, requires_grad=True),))
    else:
        assert weighting(values).shape == ()
    with pytest.raises(ValueError, match=r"expected 3 terms, got the shape \[2\]"):
        weighting(values[:2], (values,))
    with pytest.raises(ValueError, match=r"expected 2 terms \(plane, volume\), got"):
        make(name, 2, names=("plane", "volume"))(values, (values,))


def test_the_page_names_every_weighting_with_its_options(root):
    page = (root / "docs" / "weightings.md").read_text(encoding="utf-8")
    for name, entry in WEIGHTINGS.items():
        (row,) = (line for line in page.splitlines() if line.startswith(f"| `{name}(terms)`"))
        for key, option in entry.options.items():
            value = option.default
            written = f'"{value}"' if isinstance(value, str) else f"{value:g}"
            assert f"`{key} = {written}`" in row
    (spec,) = re.findall(r"^```lossc\n(.*?)^```", page, re.MULTILINE | re.DOTALL)
    assert lossc.compile(spec).loss().gradnorm.alpha == 1.5


@pytest.mark.parametrize("name", NAMES)
def test_options_outside_their_range_are_refused(name):
    with pytest.raises(ValueError, match="count"):
        make(name, 0)
    for key, option in WEIGHTINGS[name].options.items():
        wrong = ["other"] if option.choices else [NAN, "1"]
        for bound, inside, away in zip(
            (option.low, option.high), option.closed, (-1, 1), strict=True
        ):
            if not option.choices and math.isfinite(bound):
                wrong.append(bound + away)
                if inside:
                    make(name, **{key: bound})
                else:
                    wrong.append(bound)
        for value in wrong:
            with pytest.raises(ValueError, match=f"{key}: expected"):
                make(name, **{key: value})
        for choice in option.choices:
            make(name, **{key: choice})


@pytest.mark.parametrize("name", NAMES)
def test_the_copied_source_works_with_torch_alone(name):
    class_name = WEIGHTINGS[name].class_name
    head = [
        "from __future__ import annotations",
        "import math",
        "from collections.abc import Sequence",
        "from typing import Any",
        "import torch",
        "from torch import Tensor, nn",
    ]
    namespace: dict = {"__name__": "copied"}
    exec("\n\n".join(["\n".join(head), *runtime_source([class_name])]), namespace)
    copied, own = namespace[class_name](3), make(name)
    assert type(copied) is not type(own)
    for mine, theirs in zip(train(own, Problem(), 5), train(copied, Problem(), 5), strict=True):
        assert mine.equal(theirs)


# ------------------------------------------------------------------ training and evaluation


@pytest.mark.parametrize("name", NAMES)
def test_evaluation_changes_nothing_and_goes_on_with_the_weights(name):
    problem, weighting = Problem(), make(name)
    fresh = make(name).eval()(problem.values(problem.features()))
    assert fresh.isfinite()
    train(weighting, problem, 7)
    before = kept(weighting)
    features = problem.features()
    values = problem.values(features)
    with torch.no_grad():
        first = weighting(values)
    weighting.eval()
    assert torch.equal(weighting(values, (features,)), first)
    assert torch.equal(weighting(values), first)
    weighting(tensor([INF, -5.0, NAN]))
    weighting.train()
    weighting(values.detach())  # nothing to train with
    assert unchanged(weighting, before)
    if name in ("constant", "block_normalized", "uncertainty"):
        return
    weighting(values, (features,))
    assert not unchanged(weighting, before)  # the test could have failed


@pytest.mark.parametrize("name", NAMES)
@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
def test_a_checkpoint_goes_on_where_it_was_saved(name, dtype, tmp_path):
    problem, weighting = Problem(dtype), make(name)
    train(weighting, problem, 7)
    torch.save([weighting.state_dict(), problem.state_dict()], tmp_path / "saved.pt")
    copies = [copy.deepcopy(weighting), pickle.loads(pickle.dumps(weighting)), make(name)]
    states = torch.load(tmp_path / "saved.pt", weights_only=True)
    copies[2].load_state_dict(states[0])
    same_as_saved = Problem(dtype)
    same_as_saved.load_state_dict(states[1])
    expected = train(weighting, copy.deepcopy(problem), 8)
    assert len({tuple(weights.tolist()) for weights in expected}) > (name != "constant")
    for other in copies:
        for mine, theirs in zip(
            expected, train(other, copy.deepcopy(same_as_saved), 8), strict=True
        ):
            assert mine.dtype == theirs.dtype and torch.equal(mine, theirs)


@pytest.mark.parametrize("name", NAMES)
@pytest.mark.parametrize("dtype", DTYPES)
def test_any_precision(name, dtype):
    """As in float64, to the precision of the values; the module may be of that dtype as well."""
    rows = [[0.5, 12.0, -0.25], [0.25, 11.0, -0.5], [0.125, 14.0, -0.75], [0.25, 9.0, -0.5]]
    rough, exact = make(name).to(dtype), make(name)
    for row in rows:
        total, gradient = step(rough, row, dtype)
        expected, slope = step(exact, row)
        close = {"rtol": 8 * torch.finfo(dtype).eps, "atol": 0}
        assert total.dtype == torch.promote_types(dtype, torch.float32)
        assert_close(total.double(), expected, **close)
        assert_close(gradient.double(), slope, **close)
        assert rough.weights.dtype == total.dtype


def test_a_weight_beyond_half_precision_is_the_largest_number():
    point = torch.ones(2, dtype=torch.float16, requires_grad=True)
    weighting = make("block_normalized", 2)
    total = weighting(torch.stack([point[0] * 6e-8, point[1]]), (point,))
    (gradient,) = torch.autograd.grad(total, point)
    assert weighting.weights[0] > 1e7  # 1 over the least number of float16
    assert gradient.isfinite().all() and (gradient > 0).all()


# ------------------------------------------------------------------ odd values


@pytest.mark.parametrize("name", NAMES)
@pytest.mark.parametrize("odd", [NAN, INF, -INF])
def test_a_value_that_is_not_finite_shows_in_the_total_and_not_in_the_state(name, odd):
    weighting, other = make(name), make(name)
    rows = [[0.5, 12.0, 0.25], [0.25, 11.0, 0.5], [0.125, 14.0, 0.75]]
    for row in rows:
        step(weighting, row)
        step(other, row)
    total, gradient = step(weighting, [0.2, odd, 0.5])
    assert not total.isfinite()
    assert gradient.isfinite().all()
    if name == "uncertainty":
        total.backward()
        assert weighting.log_variances.grad.isfinite().all()
        assert weighting.log_variances.grad[1] == 0
    assert all(
        value.isfinite().all() or key == "indicators" for key, value in kept(weighting).items()
    )
    for row in rows:
        step(weighting, row)
        step(other, row)
    assert weighting.weights.isfinite().all()
    if name == "gradnorm":  # such a step is left out as a whole
        assert weighting.weights.equal(other.weights)
    if name == "dynamic_task_priority":  # for that term
        assert weighting.weights[1] == other.weights[1]


@pytest.mark.parametrize("name", NAMES)
def test_terms_that_are_zero_from_the_start(name):
    weighting = make(name)
    for _ in range(4):
        total, gradient = step(weighting, [0.0, 0.0, 0.0])
        assert total.item() == 0
        assert gradient.isfinite().all()
    point = torch.zeros(3, dtype=torch.float64, requires_grad=True)
    for _ in range(4):
        weighting((point * tensor([0.0, 0.0, 1.0])).square() + 1, (point,))  # no gradient at all
    assert weighting.weights.isfinite().all()
    step(weighting, [1.0, 0.0, 2.0])
    assert all(
        value.isfinite().all() or key in ("first", "indicators")
        for key, value in kept(weighting).items()
    )


def test_a_term_without_gradient_has_the_normalised_weight_0():
    point = torch.ones(3, dtype=torch.float64, requires_grad=True)
    weighting = make("block_normalized")
    values = torch.stack([point[0], (point[1] - 1) ** 2, 2 * point[2]])
    assert weighting(values, (point,)).item() == 2
    assert weighting.weights.tolist() == [1, 0, 0.5]
    infinite = torch.stack([point[0] * INF, point[1] * INF, point[2] * INF])
    assert weighting(infinite, (point,)).isnan()
    assert weighting.weights.tolist() == [0, 0, 0]


@pytest.mark.parametrize(
    ("row", "best"), [([0.5, 2.0], [0, 0]), ([-0.2, -1.0], [-1, -1]), ([-3.0, 0.0], [-3, 0])]
)
def test_the_best_that_a_term_can_be_is_learnt_from_its_sign(row, best):
    weighting = make("gradnorm", 2)
    step(weighting, row)
    assert weighting.best.tolist() == best
    step(weighting, [0.5, 0.5])
    assert weighting.best.tolist() == best
    step(weighting, [-0.5, -4.0])
    assert weighting.best.tolist() == [min(best[0], -1), -4]


@pytest.mark.parametrize("name", ["gradnorm", "dynamic_task_priority", "dynamic_weight_average"])
def test_a_metric_that_rises_is_a_term_that_learns(name):
    """-0.2 to -0.8 is a fall to a quarter of what is missing, not a rise to four times as much."""
    weighting = make(name, 2, **({"alpha": 1.0} if name == "dynamic_task_priority" else {}))
    for metric in (0.2, 0.5, 0.8, 0.9):
        step(weighting, [-metric, 1.0])  # the second stays
    assert weighting.weights[0] < 0.99 * weighting.weights[1]
