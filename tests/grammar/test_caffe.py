"""Loss layers of Caffe as specs, against the bundled specs of the same layers."""

import math

import pytest
import torch
from torch.testing import assert_close
from typer.testing import CliRunner

import lossc
from lossc.cli import app
from lossc.grammar.caffe import spec_of_network
from lossc.grammar.errors import SpecError
from lossc.grammar.prototxt import read_layers
from lossc.grammar.source import Source


def flatten(blob):
    return (
        f'layer {{ bottom: "{blob}" top: "{blob}_flatten" name: "{blob}_flatten" type: "Flatten" }}'
    )


def loss_layer(kind, name, *bottoms, weight="1.0", more=""):
    listed = " ".join(f'bottom: "{bottom}"' for bottom in bottoms)
    return (
        f'layer {{ name: "{name}" type: "{kind}" top: "{name}" {listed} '
        f"loss_weight: {weight} {more} }}"
    )


def written(*layers, name="net"):
    return spec_of_network(Source("net.prototxt", "\n".join(layers)), name)


H1 = ("heatmap", "label_2dhm", "heatmap2", "label_3dhm")
ADAPTIVE = "AdaptiveWeightEucLoss"


def maps():
    torch.manual_seed(0)
    flat, deep = torch.randn(3, 2, 4, 4).double(), 5 * torch.randn(3, 2, 3, 4, 4).double()
    return [
        x.requires_grad_() if k % 2 == 0 else x
        for k, x in enumerate((flat, -flat.detach() / 3, deep, deep.detach().cos()))
    ]


def check_same(ours, theirs, inputs):
    """Value and gradients of the flattened maps equal those of the maps."""
    flat = [x.detach().flatten(1).requires_grad_(x.requires_grad) for x in inputs]
    value, expected = ours(*flat), theirs(*inputs)
    assert_close(value, expected)
    value.backward()
    expected.backward()
    for x, y in zip(flat, inputs, strict=True):
        if x.requires_grad:
            assert_close(x.grad, y.grad.flatten(1))


def test_adaptive_h1_of_the_memo_is_the_bundled_one():
    bottoms = [f"{blob}_flatten" for blob in H1]
    text = written(*map(flatten, H1), "#=====adaptive loss", loss_layer(ADAPTIVE, "ada", *bottoms))
    check_same(lossc.loss(text), lossc.loss("adaptive_h1"), maps())


def test_manual_of_the_memo_is_the_bundled_one():
    text = written(
        loss_layer("EuclideanLoss", "loss_2dhm", *H1[:2], weight="1.000"),
        loss_layer("EuclideanLoss", "loss_3dhm", *H1[2:], weight="0.3\n#loss_weight: 0.1 (d=2)\n"),
    )
    assert "param weight_loss_3dhm = 0.3 in [0, inf)" in text
    check_same(lossc.loss(text), lossc.loss("manual"), maps())


def test_adaptive_i1_has_five_pairs_and_four_targets():
    integrals = ("joint_s2", "joint", "depth_s2", "depth", "joint_s1", "joint")
    text = written(loss_layer(ADAPTIVE, "ada", *H1, *integrals))
    assert text.count("input ") == 9 and text.count("target real") == 4
    torch.manual_seed(1)
    sizes = {"joint_s2": 32, "joint": 32, "depth_s2": 16, "depth": 16, "joint_s1": 32}
    blobs = dict(zip(H1, (x.detach().flatten(1) for x in maps()), strict=True))
    blobs |= {name: torch.rand(3, size).double() for name, size in sizes.items()}
    expected = 0.0
    bottoms = (*H1, *integrals)
    for left, right in zip(bottoms[::2], bottoms[1::2], strict=True):
        error = blobs[left] - blobs[right]
        expected += error.square().sum() / 3 / error.abs().mean()
    assert_close(lossc.loss(text)(**blobs), expected)


def test_the_mean_gradient_of_every_pair_is_the_same():
    text = written(loss_layer(ADAPTIVE, "ada", *H1, weight="7"))
    flat = [x.detach().flatten(1).requires_grad_(x.requires_grad) for x in maps()]
    lossc.loss(text)(*flat).backward()
    for prediction in flat[::2]:
        assert_close(prediction.grad.abs().mean(), torch.tensor(2 * 7 / 3, dtype=torch.float64))


def test_the_terms_have_the_names_of_the_layers():
    text = written(
        loss_layer(ADAPTIVE, "ada", *H1, weight="2"),
        loss_layer("EuclideanLoss", "loss-3d", *H1[2:], weight="0.1"),
    )
    assert text.endswith(
        "term loss_3d = euclidean(heatmap2, label_3dhm)\n"
        "combine weight_ada * adaptive((heatmap, label_2dhm), (heatmap2, label_3dhm))"
        " + weight_loss_3d * loss_3d\n"
    )
    flat = [x.detach().flatten(1) for x in maps()]
    plane, volume = flat[0] - flat[1], flat[2] - flat[3]
    expected = sum(each.square().sum() / 3 / each.abs().mean() for each in (plane, volume))
    assert_close(lossc.loss(text)(*flat), 2 * expected + 0.1 * volume.square().sum() / 6)


def test_a_target_of_the_adaptive_layer_gets_no_gradient():
    """The layer writes nothing to it, though another layer has it as its prediction."""
    text = written(
        loss_layer(ADAPTIVE, "ada", "x", "y"), loss_layer("EuclideanLoss", "e", "y", "z")
    )
    assert "let fixed_y[b, j] = detach(y[b, j])" in text
    x, y, z = (torch.rand(2, 3, dtype=torch.float64, requires_grad=True) for _ in range(3))
    lossc.loss(text)(x, y, z.detach()).backward()
    assert_close(y.grad, (y - z).detach() / 2)


def test_layers_for_testing_or_without_weight_are_left_out():
    text = written(
        loss_layer("EuclideanLoss", "a", "x", "y"),
        loss_layer("EuclideanLoss", "b", "x", "z", more="include { phase: TEST }"),
        loss_layer("Joint3DSquareRootLoss", "c", "x", "y", "z", weight="0"),
        'layer { name: "conv" type: "Convolution" convolution_param { kernel_size: [3, 3] } }',
        'layer { name: "argmax" type: "ArgMax" loss_weight: 0 }',
    )
    assert "weight_a" in text and "weight_b" not in text and "loss_weight of 0: c" in text


def test_blobs_get_names_that_the_language_takes():
    text = written(
        loss_layer("EuclideanLoss", "loss", "loss", "res2a/branch", weight="-0.5"),
        loss_layer("EuclideanLoss", "1", "n", "d1"),
        name="2nd-net",
    )
    loss = lossc.loss(text)
    x = torch.tensor([[1.0, 2.0]])
    assert_close(loss(x, 0 * x, x, 0 * x), torch.tensor((1 - 0.5) * 2.5))
    assert "weight_loss = -0.5\n" in text


def test_a_layer_s_values_of_all_kinds():
    (layer,) = read_layers(
        Source("t", "layer: <name: 'a\\'b' 'c', type: Word; x: [1, 2.5e0] flag: true m { k: 1f }>")
    )
    assert layer.texts("name") == ["a'bc"] and layer.texts("x") == ["1.0", "2.5"]
    assert layer.text("type") == "Word" and layer.text("flag") == "true" and "m" not in layer.fields


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("layer {", "ends too early"),
        ("layer { name }", r"1:14: .*unexpected '}'"),
        ("24206 layer { }", "1:1: .*unexpected '2'"),
        ("layers { }", "before 2014"),
        ("", "no loss layer"),
        (loss_layer("SoftmaxWithLoss", "a", "x", "y"), "1:25: .*'SoftmaxWithLoss' has no counter"),
        (loss_layer("EuclideanLoss", "a", "x"), "two blobs, not 1"),
        (loss_layer(ADAPTIVE, "a", "x", "y", "z"), "pairs of blobs, and has 3"),
        (loss_layer(ADAPTIVE, "a"), "has 0 of them"),
        (loss_layer("EuclideanLoss", "a", "x", "x"), "'x' is compared with itself"),
        (loss_layer("EuclideanLoss", "a", "x", "y", weight="big"), "not 'big'"),
    ],
)
def test_wrong_networks_are_said_where(text, said):
    with pytest.raises(SpecError, match=said):
        written(text)


def test_all_wrong_layers_are_said_at_once():
    with pytest.raises(SpecError) as caught:
        written(loss_layer("HingeLoss", "a", "x", "y"), loss_layer(ADAPTIVE, "b", "x"))
    assert [found.code for found in caught.value.diagnostics] == ["L046", "L046"]


def test_the_command(tmp_path):
    network = tmp_path / "my-net.prototxt"
    network.write_text(loss_layer("EuclideanLoss", "a", "x", "y"))
    shown = CliRunner().invoke(app, ["import", str(network)])
    assert shown.exit_code == 0 and "spec my_net\n" in shown.stdout
    for suffix in (".lossc", ".yaml"):
        file = tmp_path / f"other{suffix}"
        assert CliRunner().invoke(app, ["import", str(network), "-o", str(file)]).exit_code == 0
        value = lossc.loss(file)(torch.ones(2, 3), torch.zeros(2, 3))
        assert math.isclose(float(value), 3 / 2)
    missing = CliRunner().invoke(app, ["import", str(tmp_path / "none.prototxt")])
    assert missing.exit_code == 1
    assert CliRunner().invoke(app, ["import", str(network), "-o", "x.txt"]).exit_code == 2
