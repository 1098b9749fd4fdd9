"""The stacked hourglass: its size, written out, and the shapes on its way."""

from __future__ import annotations

import pytest
import torch

from lossc.models.networks.hourglass import StackedHourglass


def size_of(network):
    return sum(parameter.numel() for parameter in network.parameters())


def convolution(inputs, outputs, side=1):
    return side * side * inputs * outputs + outputs


def norm(channels):
    return 2 * channels


def bottleneck(inputs, outputs):
    middle = outputs // 2
    shortcut = 0 if inputs == outputs else convolution(inputs, outputs)
    return (
        norm(inputs)
        + convolution(inputs, middle)
        + norm(middle)
        + convolution(middle, middle, 3)
        + norm(middle)
        + convolution(middle, outputs)
        + shortcut
    )


def expected_size(joints, stacks, blocks, width=256, depth=4):
    stem = (
        convolution(3, width // 4, 7)
        + norm(width // 4)
        + bottleneck(width // 4, width // 2)
        + bottleneck(width // 2, width)
        + bottleneck(width, width)
    )
    hourglass = (3 * depth + 1) * blocks * bottleneck(width, width)
    head = blocks * bottleneck(width, width) + convolution(width, width) + norm(width)
    between = convolution(width, width) + convolution(joints, width)
    each = hourglass + head + convolution(width, joints)
    return stem + stacks * each + (stacks - 1) * between


def test_unilosss_network_has_the_published_number_of_parameters():
    # bottlenecks of 64 -> 128, 128 -> 256 and 256 -> 256 channels
    assert [bottleneck(*ends) for ends in ((64, 128), (128, 256), (256, 256))] == [
        58_112,
        230_912,
        214_528,
    ]
    stem = 9_472 + 128 + 58_112 + 230_912 + 214_528
    hourglass = 13 * 214_528  # across, down and up at four sizes, and one at the bottom
    head = 214_528 + 65_792 + 512 + 257
    assert stem + hourglass + head == 3_583_105
    assert size_of(StackedHourglass(joints=1)) == expected_size(1, 1, 1) == 3_583_105


@pytest.mark.parametrize(
    ("joints", "stacks", "blocks", "width", "depth"), [(16, 2, 1, 64, 4), (3, 8, 2, 16, 2)]
)
def test_the_size_with_other_stacks_blocks_and_widths(joints, stacks, blocks, width, depth):
    network = StackedHourglass(joints, stacks, blocks, width, depth)
    assert size_of(network) == expected_size(joints, stacks, blocks, width, depth)


@pytest.mark.parametrize(("pool", "side"), [(True, 8), (False, 16)])
def test_all_stacks_in_training_and_the_last_one_in_evaluation(pool, side):
    network = StackedHourglass(joints=5, stacks=3, width=16, depth=2, pool=pool)
    images = torch.randn(2, 3, 32, 32)
    assert network(images).shape == (2, 3, 5, side, side)
    for module in network.modules():  # norms that do the same in both modes
        if isinstance(module, torch.nn.BatchNorm2d):
            module.track_running_stats = False
            module.running_mean = module.running_var = None
    both = network(images), network.eval()(images)
    assert both[1].shape == (2, 1, 5, side, side)
    torch.testing.assert_close(both[0][:, -1:], both[1])


def test_each_stack_sees_what_the_one_before_found():
    network = StackedHourglass(joints=2, stacks=2, width=16, depth=1)
    maps = network(torch.randn(2, 3, 16, 16))
    maps[:, 1].sum().backward()
    first = network.maps[0].weight.grad
    assert first is not None
    assert first.abs().max() > 0


def test_a_pixel_is_seen_from_far_away():
    network = StackedHourglass(joints=1, width=8, depth=3).eval()
    image = torch.zeros(1, 3, 64, 64)
    other = image.clone()
    other[..., 60:, 60:] = 9.0
    changed = (network(image) - network(other)).abs()[0, 0, 0]
    assert changed[0, 0] > 0


def test_sides_that_cannot_be_halved():
    with pytest.raises(ValueError, match="multiples of 64, not 64 x 96"):
        StackedHourglass(joints=1, width=8)(torch.zeros(1, 3, 64, 96))


@pytest.mark.parametrize("wrong", [{"stacks": 0}, {"width": 12}, {"depth": 0}])
def test_numbers_that_make_no_network(wrong):
    with pytest.raises(ValueError, match="at least 1 and a width that is a multiple of 8"):
        StackedHourglass(**{"joints": 1, "width": 8} | wrong)
