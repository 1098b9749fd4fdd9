"""Anchor Loss, forward and backward: ours, the obvious composition in torch, and BCE with logits.

    python benchmarks/anchor_loss.py [--seconds S] [--json] [--markdown FILE]

One thread, float32; what is compared takes turns, and medians are compared. `checked` is ours with
its checks of the inputs, as it is by default.
"""

from __future__ import annotations

import argparse
import json
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))

import torch
import torch.nn.functional as F
from measuring import differentiated, in_turns
from tables import put, shown, table
from torch import Tensor

from lossc.compiler.compile import compile_spec

SIZES = ((128, 10), (128, 100), (256, 1000))
GAMMAS = (0.5, 2.0, 0.7)
MAPS = (6, 16, 64, 64)


def composed(logit: Tensor, label: Tensor, gamma: float, slack: float = 0.05) -> Tensor:
    """Equation 2 in torch's functions, in stable form."""
    q = logit.sigmoid()
    hit = F.one_hot(label, logit.shape[1]).to(logit.dtype)
    anchor = (q.gather(1, label.unsqueeze(1)) - slack).clamp_min(0).detach()
    modulator = torch.where(hit == 1, 1, (1 + q - anchor) ** gamma)
    entropy = F.binary_cross_entropy_with_logits(logit, hit, reduction="none")
    return (modulator * entropy).sum(1).mean()


def composed_maps(heatmap: Tensor, target: Tensor, gamma: float) -> Tensor:
    """Equations 3 to 5 in torch's functions, for maps that all have their joint."""
    q = heatmap.sigmoid()
    anchor = torch.where(target > 0.5, q, 0).amax((2, 3), keepdim=True).detach()
    modulator = torch.where(target == 0, (1 + q - anchor) ** gamma, 1)
    entropy = F.binary_cross_entropy_with_logits(heatmap, target, reduction="none")
    return (modulator * entropy).mean()


def gaussians() -> Tensor:
    """Targets of a joint in each map: sigma 2, cut off at 3 sigma."""
    n, k, h, w = MAPS
    centre = torch.rand(n, k, 2, 1, 1) * torch.tensor([w, h])[:, None, None]
    rows, columns = torch.arange(h).unsqueeze(1), torch.arange(w)
    squared = (columns - centre[:, :, 0]) ** 2 + (rows - centre[:, :, 1]) ** 2
    return torch.where(squared <= 36, (-squared / 8).exp(), 0.0)


def measured(
    name: str,
    gamma: float,
    eager: Callable[[Tensor], Tensor],
    entropy: Callable[[Tensor], Tensor],
    live: Tensor,
    target: Tensor,
    seconds: float,
) -> dict[str, Any]:
    """Milliseconds of each variant; they must agree first."""
    one = compile_spec(name, params={"gamma": gamma})
    plain, checked = one.loss(validate=False), one.loss()
    runs = {
        "ours": differentiated(lambda x: plain(x, target), live),
        "checked": differentiated(lambda x: checked(x, target), live),
        "composed": differentiated(eager, live),
        "entropy": differentiated(entropy, live),
    }
    for ours, theirs in zip(runs["ours"](), runs["composed"](), strict=True):
        torch.testing.assert_close(ours, theirs, rtol=1e-4, atol=1e-6)
    times = in_turns(runs, seconds)
    size = " x ".join(map(str, live.shape))
    return {
        "loss": name,
        "size": size,
        "gamma": gamma,
        **{kind: time.ms for kind, time in times.items()},
    }


def rows(seconds: float) -> list[dict[str, Any]]:
    """All measurements."""
    found = []
    for gamma in GAMMAS:
        for n, k in SIZES:
            logit, label = torch.randn(n, k), torch.randint(k, (n,))
            hit = F.one_hot(label, k).float()
            found.append(
                measured(
                    "anchor_bce",
                    gamma,
                    lambda x, y=label, g=gamma: composed(x, y, g),
                    lambda x, p=hit: (
                        F.binary_cross_entropy_with_logits(x, p, reduction="none").sum(1).mean()
                    ),
                    logit,
                    label,
                    seconds,
                )
            )
    heatmap, target = torch.randn(MAPS), gaussians()
    for gamma in GAMMAS:
        found.append(
            measured(
                "anchor_pose",
                gamma,
                lambda x, g=gamma: composed_maps(x, target, g),
                lambda x: F.binary_cross_entropy_with_logits(x, target),
                heatmap,
                target,
                seconds,
            )
        )
    return found


def as_table(found: list[dict[str, Any]]) -> str:
    """The measurements in Markdown."""
    head = (
        "| loss | size | gamma | ours, ms | checked, ms | composed, ms | BCE with logits, ms "
        "| composed / ours | ours / BCE |"
    )
    cells = [
        [
            row["loss"],
            row["size"],
            f"{row['gamma']:g}",
            *(shown(row[kind]) for kind in ("ours", "checked", "composed", "entropy")),
            shown(row["composed"] / row["ours"], ".2f"),
            shown(row["ours"] / row["entropy"], ".2f"),
        ]
        for row in found
    ]
    return table(head, cells)


def main() -> None:
    """Prints one row a loss, size and gamma, or JSON; or writes the table into a page."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--seconds", type=float, default=2.0, help="for each variant")
    parser.add_argument("--json", action="store_true")
    parser.add_argument("--markdown", type=Path, metavar="FILE")
    options = parser.parse_args()
    torch.set_num_threads(1)
    torch.manual_seed(0)
    found = rows(options.seconds)
    print(json.dumps(found, indent=2) if options.json else as_table(found))
    if options.markdown:
        text = options.markdown.read_text()
        options.markdown.write_text(put(text, "anchor-loss", as_table(found)))


if __name__ == "__main__":
    main()
