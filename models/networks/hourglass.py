"""Stacked hourglass networks: heatmaps of joints from images."""

from __future__ import annotations

import torch
from torch import Tensor, nn
from torch.nn import functional


class Bottleneck(nn.Module):
    """1 x 1, 3 x 3 and 1 x 1 convolutions, each after its norm and ReLU, beside a shortcut.

    The middle has half the channels of the output. The shortcut is a 1 x 1 convolution where the
    number of channels changes.

    Source: He et al., Identity Mappings in Deep Residual Networks (ECCV 2016), figure 1b.

    Args:
        inputs: Channels of the input.
        outputs: Channels of the output, an even number.
    """

    def __init__(self, inputs: int, outputs: int) -> None:
        super().__init__()
        middle = outputs // 2
        self.norm1 = nn.BatchNorm2d(inputs)
        self.conv1 = nn.Conv2d(inputs, middle, 1)
        self.norm2 = nn.BatchNorm2d(middle)
        self.conv2 = nn.Conv2d(middle, middle, 3, padding=1)
        self.norm3 = nn.BatchNorm2d(middle)
        self.conv3 = nn.Conv2d(middle, outputs, 1)
        self.shortcut = nn.Identity() if inputs == outputs else nn.Conv2d(inputs, outputs, 1)

    def forward(self, x: Tensor) -> Tensor:
        """``[n, inputs, h, w] -> [n, outputs, h, w]``."""
        y = self.conv1(functional.relu(self.norm1(x)))
        y = self.conv2(functional.relu(self.norm2(y)))
        y = self.conv3(functional.relu(self.norm3(y)))
        total: Tensor = y + self.shortcut(x)
        return total


class Hourglass(nn.Module):
    """Down by halves and up again, with a way across at each size.

    Source: Newell, Yang and Deng, Stacked Hourglass Networks for Human Pose Estimation (ECCV 2016),
    figure 3.

    Args:
        depth: How often the map is halved.
        blocks: Bottlenecks in a row at each place.
        width: Channels throughout.
    """

    def __init__(self, depth: int, blocks: int, width: int) -> None:
        super().__init__()
        self.across = _row(blocks, width)
        self.down = _row(blocks, width)
        self.inner = Hourglass(depth - 1, blocks, width) if depth > 1 else _row(blocks, width)
        self.up = _row(blocks, width)

    def forward(self, x: Tensor) -> Tensor:
        """``[n, width, h, w] -> [n, width, h, w]``; h and w are multiples of 2^depth."""
        y = self.up(self.inner(self.down(functional.max_pool2d(x, 2))))
        total: Tensor = self.across(x) + functional.interpolate(y, scale_factor=2.0)
        return total


class StackedHourglass(nn.Module):
    """Hourglasses one after the other, each with maps of its own, which the next one sees.

    All stacks are trained (intermediate supervision), and the last one is what is used: in
    evaluation mode the network gives its maps alone. Maps are raw scores, of a quarter of the
    image's size (half without ``pool``).

    >>> sum(parameter.numel() for parameter in StackedHourglass(joints=1).parameters())
    3583105

    Source: Newell, Yang and Deng 2016; one stack of one block, one joint: Liu, Wang and Deng,
    UniLoss (ECCV 2020), section 4.3.

    Args:
        joints: Maps that come out of each stack.
        stacks: Hourglasses; the papers have 1, 2 and 8.
        blocks: Bottlenecks in a row at each place.
        width: Channels inside, a multiple of 8; the papers have 256.
        depth: How often each hourglass halves its map.
        pool: Halve the image once more before the first hourglass, as the papers do.

    Raises:
        ValueError: A number is below 1, or the width is no multiple of 8.
    """

    def __init__(
        self,
        joints: int,
        stacks: int = 1,
        blocks: int = 1,
        width: int = 256,
        depth: int = 4,
        pool: bool = True,
    ) -> None:
        super().__init__()
        if min(joints, stacks, blocks, width, depth) < 1 or width % 8:
            raise ValueError(
                "a stacked hourglass needs numbers of at least 1 and a width that is a multiple "
                f"of 8, not joints {joints}, stacks {stacks}, blocks {blocks}, width {width}, "
                f"depth {depth}"
            )
        self.multiple = 2**depth * (4 if pool else 2)
        self.stem = nn.Sequential(
            nn.Conv2d(3, width // 4, 7, stride=2, padding=3),
            nn.BatchNorm2d(width // 4),
            nn.ReLU(inplace=True),
            Bottleneck(width // 4, width // 2),
            nn.MaxPool2d(2) if pool else nn.Identity(),
            Bottleneck(width // 2, width),
            Bottleneck(width, width),
        )
        self.features = nn.ModuleList(
            nn.Sequential(
                Hourglass(depth, blocks, width),
                _row(blocks, width),
                nn.Conv2d(width, width, 1),
                nn.BatchNorm2d(width),
                nn.ReLU(inplace=True),
            )
            for _ in range(stacks)
        )
        self.maps = _convolutions(stacks, width, joints)
        self.features_back = _convolutions(stacks - 1, width, width)
        self.maps_back = _convolutions(stacks - 1, joints, width)

    def forward(self, image: Tensor) -> Tensor:
        """The maps of every stack: ``[n, 3, H, W] -> [n, stacks, joints, H / 4, W / 4]``.

        In evaluation mode those of the last one: ``[n, 1, joints, H / 4, W / 4]``.

        Raises:
            ValueError: H or W is no multiple of 4 * 2^depth (2 * 2^depth without ``pool``).
        """
        if image.shape[-1] % self.multiple or image.shape[-2] % self.multiple:
            raise ValueError(
                f"the hourglass takes images whose sides are multiples of {self.multiple}, "
                f"not {image.shape[-2]} x {image.shape[-1]}"
            )
        x = self.stem(image)
        found: list[Tensor] = []
        for stack, (features, maps) in enumerate(zip(self.features, self.maps, strict=True)):
            y = features(x)
            found.append(maps(y))
            if stack < len(self.maps_back):
                x = x + self.features_back[stack](y) + self.maps_back[stack](found[-1])
        return torch.stack(found if self.training else found[-1:], dim=1)


def _row(blocks: int, width: int) -> nn.Sequential:
    return nn.Sequential(*(Bottleneck(width, width) for _ in range(blocks)))


def _convolutions(count: int, inputs: int, outputs: int) -> nn.ModuleList:
    return nn.ModuleList(nn.Conv2d(inputs, outputs, 1) for _ in range(count))
