"""What a filter or a choice leaves out may be outside a function's domain: no NaN comes of it."""

from __future__ import annotations

import pytest
import torch

import lossc

X = "spec a\ninput x: real[n]\n"


def worth(text, values, **options):
    x = torch.tensor(values, dtype=torch.float64, requires_grad=True)
    value = lossc.loss(X + text, **options)(x)
    value.backward()
    return value.item(), x.grad.tolist()


@pytest.mark.parametrize(
    ("text", "values", "expected", "gradient"),
    [
        ("loss sum[i | x[i] > 0] log(x[i]) else 77", [-1, 4], 1.3862943611, [0, 0.25]),
        ("loss sum[i | x[i] > 0] x[i]^0.5 else 77", [-1, 4], 2, [0, 0.25]),
        ("loss sum[i | x[i] > 0] sqrt(x[i]) else 77", [-1, 4], 2, [0, 0.25]),
        ("loss mean[i] where(x[i] > 0, log(x[i]), 0)", [0, 0], 0, [0, 0]),
        ("loss mean[i] where(x[i] > 0, x[i]^0.5, 0)", [-1, 4], 1, [0, 0.125]),
        ("loss mean[i] where(x[i] > 0, x[i]^1.5, 0)", [-1, 4], 4, [0, 1.5]),
        ("loss mean[i] where(x[i] < 10, exp(x[i]), x[i])", [1000, 0], 500.5, [0.5, 0.5]),
        ("loss mean[i] where(not x[i] < 10, x[i], exp(x[i]))", [1000, 0], 500.5, [0.5, 0.5]),
    ],
)
def test_losses(text, values, expected, gradient):
    value, slope = worth(text, [float(v) for v in values])
    assert value == pytest.approx(expected)
    assert slope == pytest.approx(gradient)


def test_a_live_filter_over_a_root_in_a_metric():
    text = "minimize (mean[i] [x[i] > 3]) + (mean[i | x[i] > 0] sqrt(x[i])) else 0\ntruth x[i] = -1"
    one = lossc.compile(X + text)
    x = torch.tensor([-1.0, 4.0])
    assert one.metric(x).item() == one.refactored(x).item() == 2.5


def test_a_fixed_filter_over_a_power_in_a_metric():
    text = (
        "spec a\ninput x: real[n]\ninput b: bool[n]\n"
        "minimize (mean[i] [x[i] > 3]) * (sum[i | b[i]] x[i]^1.5)"
    )
    x = torch.tensor([4.0, -1.0], requires_grad=True)
    lossc.loss(text, interpolation="substitute")(x, torch.tensor([True, False])).backward()
    assert x.grad.isfinite().all()
    assert x.grad[0] > 0


def test_powers_of_undefined_values_are_undefined():
    text = "let m = mean[i | x[i] > 5] [x[i] > 6]\nevaluate m^0 + 0 * count[i | x[i] > 0] else 7"
    one = lossc.compile(X + text, interpolation="perturbed")
    assert one.metric(torch.tensor([-1.0])) == 7
    assert one.metric(torch.tensor([9.0])) == 1


@pytest.mark.parametrize(
    "body",
    [
        "(mean[i | x[i] > 5] x[i]) * (sum[i] x[i])",
        "(sum[i] x[i]) / (mean[i | x[i] > 5] x[i])",
        "(mean[i | x[i] > 5] x[i]) / (sum[i] x[i])",
        "(sum[i] x[i]) / sqrt(sum[i] x[i])",
        "(x[0] * sqrt(x[0])) * x[1]",
        "x[1] * x[0]^0.5 * x[1]",
        "(mean[i | x[i] > 5] x[i]) ^ (sum[i] x[i])",
        "exp((sum[i] x[i]) * (max[i | x[i] > 5] x[i])) + 1",
    ],
)
def test_what_is_undefined_has_no_gradient(body):
    value, slope = worth(f"loss {body} else 7", [-1.0, -2.0])
    assert value == 7
    assert slope == [0, 0]
    # where it is defined, the slope is that of the same formula without a default
    known = [6.0, 7.0]
    value, slope = worth(f"loss {body} else 7", known)
    differences = []
    for place in range(2):
        moved = [[x + d * (k == place) for k, x in enumerate(known)] for d in (1e-6, -1e-6)]
        up, down = (worth(f"loss {body} else 7", one)[0] for one in moved)
        differences.append((up - down) / 2e-6)
    assert value != 7
    assert slope == pytest.approx(differences, rel=1e-5)
