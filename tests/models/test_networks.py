"""The networks have the parameters and shapes of the papers."""

import pytest
import torch

from lossc.models.networks.resnet import ResidualBlock, resnet


def size_of(network):
    return sum(parameter.numel() for parameter in network.parameters())


def weights_of_resnet(blocks, classes):
    """Convolutions without bias, two numbers a channel of each batch norm, and the last layer."""

    def block(inputs, outputs):
        shortcut = 0 if inputs == outputs else inputs * outputs + 2 * outputs
        return 9 * outputs * (inputs + outputs) + 4 * outputs + shortcut

    stages = sum(
        block(inputs, outputs) + (blocks - 1) * block(outputs, outputs)
        for inputs, outputs in ((16, 16), (16, 32), (32, 64))
    )
    return 27 * 16 + 32 + stages + 65 * classes


@pytest.mark.parametrize(("classes", "size"), [(10, 272_474), (100, 278_324)])
def test_resnet_20_has_the_published_number_of_parameters(classes, size):
    assert size_of(resnet(20, classes)) == size == weights_of_resnet(3, classes)


def test_resnet_110_is_deeper_alone():
    assert size_of(resnet(110)) == weights_of_resnet(18, 10)


def test_stages_halve_the_image():
    torch.manual_seed(0)
    network = resnet(8, 7).eval()
    shapes = [(x := torch.randn(2, 3, 32, 32)).shape]
    for layer in network:
        x = layer(x)
        if isinstance(layer, ResidualBlock):
            shapes.append(x.shape)
    assert [tuple(s[1:]) for s in shapes[1:]] == [(16, 32, 32), (32, 16, 16), (64, 8, 8)]
    assert x.shape == (2, 7)


def test_a_depth_that_there_is_not():
    for depth in (2, 19, 21):
        with pytest.raises(ValueError, match="6 k"):
            resnet(depth)
