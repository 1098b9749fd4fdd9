"""ResNet-50 and smaller networks of its kind, for images of any size."""

from __future__ import annotations

from collections.abc import Sequence

from torch import Tensor, nn
from torch.nn import functional

EXPANSION = 4  # channels of a block's output, as a multiple of those of its 3 x 3 convolution


class BottleneckBlock(nn.Module):
    """1 x 1, 3 x 3 and 1 x 1 convolutions, each followed by its norm, beside a shortcut.

    Source: He et al., Deep Residual Learning for Image Recognition (CVPR 2016), figure 5; the
    stride is at the 3 x 3 convolution, as in today's implementations (the paper has it at the first
    1 x 1).

    Args:
        inputs: Channels of the input.
        middle: Channels of the 3 x 3 convolution; the output has four times as many.
        stride: By which the map gets smaller.
    """

    def __init__(self, inputs: int, middle: int, stride: int = 1) -> None:
        super().__init__()
        outputs = EXPANSION * middle
        self.conv1 = nn.Conv2d(inputs, middle, 1, bias=False)
        self.norm1 = nn.BatchNorm2d(middle)
        self.conv2 = nn.Conv2d(middle, middle, 3, stride, padding=1, bias=False)
        self.norm2 = nn.BatchNorm2d(middle)
        self.conv3 = nn.Conv2d(middle, outputs, 1, bias=False)
        self.norm3 = nn.BatchNorm2d(outputs)
        self.shortcut: nn.Module = nn.Identity()
        if stride != 1 or inputs != outputs:
            self.shortcut = nn.Sequential(
                nn.Conv2d(inputs, outputs, 1, stride, bias=False), nn.BatchNorm2d(outputs)
            )

    def forward(self, x: Tensor) -> Tensor:
        """``[n, inputs, h, w] -> [n, 4 middle, h / stride, w / stride]``."""
        y = functional.relu(self.norm1(self.conv1(x)))
        y = functional.relu(self.norm2(self.conv2(y)))
        return functional.relu(self.norm3(self.conv3(y)) + self.shortcut(x))


def bottleneck_resnet(
    classes: int = 1000, blocks: Sequence[int] = (3, 4, 6, 3), width: int = 64
) -> nn.Sequential:
    """A residual network of bottleneck blocks, ResNet-50: ``[n, 3, h, w] -> [n, classes]``.

    >>> sum(parameter.numel() for parameter in bottleneck_resnet().parameters())
    25557032

    Source: He et al. 2016, table 1.

    Args:
        classes: Of the output, raw scores.
        blocks: Of each stage, whose maps are 1/4, 1/8, 1/16, ... of the image's side.
        width: Channels of the first stage's 3 x 3 convolutions; each stage has twice as many as the
            one before.
    """
    layers: list[nn.Module] = [
        nn.Conv2d(3, width, 7, stride=2, padding=3, bias=False),
        nn.BatchNorm2d(width),
        nn.ReLU(),
        nn.MaxPool2d(3, stride=2, padding=1),
    ]
    channels = width
    for stage, count in enumerate(blocks):
        middle = width * 2**stage
        for block in range(count):
            layers.append(BottleneckBlock(channels, middle, 2 if stage and not block else 1))
            channels = EXPANSION * middle
    layers += [nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Linear(channels, classes)]
    network = nn.Sequential(*layers)
    for module in network.modules():
        if isinstance(module, nn.Conv2d):
            nn.init.kaiming_normal_(module.weight, mode="fan_out", nonlinearity="relu")
    return network
