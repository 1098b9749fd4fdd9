"""Residual networks for images of 32 x 32."""

from __future__ import annotations

from typing import Literal

from torch import Tensor, nn
from torch.nn import functional

Shortcut = Literal["A", "B"]


class PaddedShortcut(nn.Module):
    """Every second pixel, and channels of 0 after those of the input: no weights.

    Source: He et al. 2016, section 3.3, option A.

    Args:
        stride: 1 or 2.
        more: Channels that are added.
    """

    def __init__(self, stride: int, more: int) -> None:
        super().__init__()
        self.stride = stride
        self.more = more

    def forward(self, x: Tensor) -> Tensor:
        """``[n, c, h, w] -> [n, c + more, h / stride, w / stride]``."""
        return functional.pad(x[:, :, :: self.stride, :: self.stride], (0, 0, 0, 0, 0, self.more))


class ResidualBlock(nn.Module):
    """Two 3 x 3 convolutions beside a shortcut.

    Source: He et al., Deep Residual Learning for Image Recognition (CVPR 2016), figure 2.

    Args:
        inputs: Channels of the input.
        outputs: Channels of the output.
        stride: Of the first convolution.
        shortcut: Where shapes change: ``A``, zeros for the channels that are new; ``B``, a 1 x 1
            convolution.
    """

    def __init__(
        self, inputs: int, outputs: int, stride: int = 1, shortcut: Shortcut = "B"
    ) -> None:
        super().__init__()
        self.conv1 = nn.Conv2d(inputs, outputs, 3, stride, padding=1, bias=False)
        self.norm1 = nn.BatchNorm2d(outputs)
        self.conv2 = nn.Conv2d(outputs, outputs, 3, padding=1, bias=False)
        self.norm2 = nn.BatchNorm2d(outputs)
        self.shortcut: nn.Module = nn.Sequential()
        if (stride != 1 or inputs != outputs) and shortcut == "A":
            self.shortcut = PaddedShortcut(stride, outputs - inputs)
        elif stride != 1 or inputs != outputs:
            self.shortcut = nn.Sequential(
                nn.Conv2d(inputs, outputs, 1, stride, bias=False), nn.BatchNorm2d(outputs)
            )

    def forward(self, x: Tensor) -> Tensor:
        """``[n, inputs, h, w] -> [n, outputs, h / stride, w / stride]``."""
        y = functional.relu(self.norm1(self.conv1(x)))
        return functional.relu(self.norm2(self.conv2(y)) + self.shortcut(x))


def resnet(depth: int = 20, classes: int = 10, shortcut: Shortcut = "B") -> nn.Sequential:
    """Three stages of 16, 32 and 64 channels: ``[n, 3, 32, 32] -> [n, classes]``.

    >>> sum(parameter.numel() for parameter in resnet(20).parameters())
    272474
    >>> sum(parameter.numel() for parameter in resnet(110, shortcut="A").parameters())
    1727962

    Source: He et al. 2016, section 4.2, which has option A; UniLoss's public code has B.

    Args:
        depth: Layers with weights on the straight way, 6 k + 2: 20, 32, 44, 56, 110.
        classes: Of the output, raw scores.
        shortcut: As in :class:`ResidualBlock`.

    Raises:
        ValueError: The depth is not 6 k + 2.
    """
    blocks, rest = divmod(depth - 2, 6)
    if rest or blocks < 1:
        raise ValueError(f"a residual network has 8, 14, 20, ... layers (6 k + 2), not {depth}")
    layers: list[nn.Module] = [nn.Conv2d(3, 16, 3, padding=1, bias=False), nn.BatchNorm2d(16)]
    layers.append(nn.ReLU())
    channels = 16
    for stage, width in enumerate((16, 32, 64)):
        for block in range(blocks):
            stride = 2 if stage and not block else 1
            layers.append(ResidualBlock(channels, width, stride, shortcut))
            channels = width
    layers += [nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Linear(channels, classes)]
    network = nn.Sequential(*layers)
    for module in network.modules():
        if isinstance(module, nn.Conv2d | nn.Linear):
            nn.init.kaiming_normal_(module.weight)
    return network
