"""Two stages of heatmaps from one image: 2D maps of the joints, then 3D maps that build on them."""

from __future__ import annotations

from collections.abc import Mapping

import torch
from torch import Tensor, nn

from lossc.models.networks.hourglass import Bottleneck, Hourglass

#: Standard deviation of the fresh weights of the last layer, by depth of its maps: of the memo's
#: files for adaptive losses with integrals (I1), which start at depth 4, and without (H1).
INIT_STD = {1: 0.01, 2: 0.01, 4: 0.01, 8: 0.01, 16: 0.002, 32: 0.002, 64: 0.002}
INIT_STD_H1 = {1: 0.01, 2: 0.01, 4: 0.01, 8: 0.01, 16: 0.01, 32: 0.001, 64: 0.0003}
#: What the memo suggests for the last step of the ladder in place of I1's.
INIT_STD_SUGGESTED = INIT_STD | {64: 0.0006}

DEPTHS = tuple(INIT_STD)  # the ladder


class TwoStage(nn.Module):
    """An hourglass for 2D heatmaps, and one for 3D heatmaps that sees the first one's.

    The memo's network has 256 channels, hourglasses that halve four times, and 16 joints on maps of
    64 x 64; depth 1 throughout in the first stage, and from 1 to 64 in the second.

    Source: the memo on adaptive Euclidean losses for integral pose regression (its public files):
    two stages, the weights of the last layers from a Gaussian and no bias at first. All other
    layers start as torch has them: there they came from a trained 2D network.

    Args:
        joints: Of the figure.
        depth: Cells of the 3D maps along depth.
        width: Channels inside, a multiple of 8.
        blocks: Bottlenecks in a row at each place.
        levels: How often each hourglass halves its map.
        init_std: Of the last layer's fresh weights. ``None``: :data:`INIT_STD` of the next depth
            there that is not smaller.

    Raises:
        ValueError: A number is below 1, the width is no multiple of 8, or init_std is negative.
    """

    def __init__(
        self,
        joints: int = 17,
        depth: int = 8,
        width: int = 256,
        blocks: int = 1,
        levels: int = 4,
        init_std: float | None = None,
    ) -> None:
        super().__init__()
        if min(joints, depth, width, blocks, levels) < 1 or width % 8:
            raise ValueError(
                "a two-stage network needs numbers of at least 1 and a width that is a multiple of "
                f"8, not joints {joints}, depth {depth}, width {width}, blocks {blocks}, "
                f"levels {levels}"
            )
        if init_std is None:
            init_std = next((INIT_STD[d] for d in DEPTHS if d >= depth), INIT_STD[DEPTHS[-1]])
        if init_std < 0:
            raise ValueError(f"a standard deviation is not negative: {init_std:g}")
        self.joints = joints
        self.depth = depth
        self.multiple = 4 * 2**levels
        self.init_std = init_std
        self.stem = nn.Sequential(
            nn.Conv2d(3, width // 2, 7, stride=2, padding=3, bias=False),
            nn.BatchNorm2d(width // 2),
            nn.ReLU(inplace=True),
            nn.MaxPool2d(2),
            Bottleneck(width // 2, width),
        )
        self.stage1 = _stage(levels, blocks, width)
        self.heatmap = nn.Conv2d(width, joints, 1)
        self.features_back = nn.Conv2d(width, width, 1)
        self.maps_back = nn.Conv2d(joints, width, 1)
        self.stage2 = _stage(levels, blocks, width)
        self.heatmap2 = nn.Conv2d(width, joints * depth, 1)
        for layer, deviation in ((self.heatmap, 0.01), (self.heatmap2, init_std)):
            nn.init.normal_(layer.weight, std=deviation)
            assert layer.bias is not None
            nn.init.zeros_(layer.bias)
        for module in self.modules():  # the faster layout, on a CPU too
            if isinstance(module, nn.Conv2d):
                layout = module.weight.data.contiguous(memory_format=torch.channels_last)
                module.weight.data = layout

    def forward(self, image: Tensor) -> Tensor:
        """Raw maps of both stages: ``[n, 3, H, W] -> [n, joints (1 + depth), H / 4, W / 4]``.

        The first ``joints`` channels are the 2D maps, then come the 3D maps of one joint after the
        other; :meth:`maps` takes them apart.

        Args:
            image: Real, or ``uint8`` in 0 to 255.

        Raises:
            ValueError: H or W is no multiple of 4 * 2^levels.
        """
        if image.shape[-1] % self.multiple or image.shape[-2] % self.multiple:
            raise ValueError(
                f"the network takes images whose sides are multiples of {self.multiple}, "
                f"not {image.shape[-2]} x {image.shape[-1]}"
            )
        if image.dtype == torch.uint8:
            image = image.to(self.heatmap.weight.dtype) / 127.5 - 1
        x = self.stem(image.contiguous(memory_format=torch.channels_last))
        y = self.stage1(x)
        plane = self.heatmap(y)
        x = x + self.features_back(y) + self.maps_back(plane)
        return torch.cat([plane, self.heatmap2(self.stage2(x))], dim=1).contiguous()


def maps(output: Tensor, joints: int) -> tuple[Tensor, Tensor]:
    """The 2D and the 3D maps in a network's output.

    Args:
        output: ``[n, joints (1 + d), h, w]``.
        joints: Of the figure.

    Returns:
        ``[n, joints, h, w]`` and ``[n, joints, d, h, w]``, both raw.
    """
    n, _, h, w = output.shape
    return output[:, :joints], output[:, joints:].reshape(n, joints, -1, h, w)


def warm_start(network: nn.Module, state: Mapping[str, Tensor]) -> tuple[str, ...]:
    """Take over the weights that fit, as from the network of another depth.

    What has another shape, or is not there, stays as it is: from one depth to the next that is the
    last layer, fresh from its Gaussian.

    Args:
        network: Changed in place.
        state: Another network's ``state_dict()``.

    Returns:
        The names of the weights that stayed.

    Raises:
        ValueError: Nothing fits: the state is of another kind of network.
    """
    own = network.state_dict()
    fitting = {
        name: value
        for name, value in state.items()
        if name in own and own[name].shape == value.shape
    }
    if not any(own[name].dim() > 1 for name in fitting):
        raise ValueError("none of the weights fit: they are of another network or another width")
    network.load_state_dict(fitting, strict=False)
    return tuple(name for name in own if name not in fitting)


def _stage(levels: int, blocks: int, width: int) -> nn.Sequential:
    return nn.Sequential(
        Hourglass(levels, blocks, width),
        nn.Conv2d(width, width, 1, bias=False),
        nn.BatchNorm2d(width),
        nn.ReLU(inplace=True),
    )
