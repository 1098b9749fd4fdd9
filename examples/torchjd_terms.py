"""Terms of a loss under torchjd: gradients that conflict are combined, in place of weights.

lossc writes the terms, ``loss.terms(...)`` gives their values with their gradients, and an
aggregator of torchjd (MGDA, PCGrad, IMTLG, AlignedMTL, ...) makes one gradient of theirs. A
scalariser of torchjd (UW, DWA, FAMO, ...) takes the values themselves. Needs ``pip install
torchjd``; UPGrad needs ``pip install 'torchjd[quadprog_projector]'``.

    python examples/torchjd_terms.py
    python examples/torchjd_terms.py --aggregator PCGrad
"""

from __future__ import annotations

import argparse

import torch
from torch import Tensor, nn
from torchjd import aggregation
from torchjd.autojac import backward, jac_to_grad

import lossc

#: Two goals for the same numbers, of very different scale: both cannot be reached.
SPEC = """
spec two_goals
input score: real[n]
input near: target real[n]
input far: target real[n]
term close = mean[i] (score[i] - near[i])^2
term wide = 1000 * mean[i] (score[i] - far[i])^2
combine close + wide
"""


def problem(seed: int = 0) -> tuple[Tensor, Tensor, Tensor]:
    """Features, and what the two terms want: the second is the first, shifted and with noise."""
    generator = torch.Generator().manual_seed(seed)
    features = torch.randn(64, 8, generator=generator)
    near = features @ torch.randn(8, generator=generator)
    far = near + 1 + torch.randn(64, generator=generator)
    return features, near, far


def step(network: nn.Module, terms: dict[str, Tensor], aggregator: aggregation.Aggregator) -> None:
    """Puts the aggregated gradient of the terms into the ``.grad`` of the parameters."""
    parameters = list(network.parameters())
    # one term after the other: fused losses have no rule for torch.vmap
    backward(list(terms.values()), inputs=parameters, parallel_chunk_size=1)
    jac_to_grad(parameters, aggregator)


def train(name: str, steps: int = 300, seed: int = 0) -> dict[str, float]:
    """Trains with an aggregator, or with ``"sum"``: the plain loss. Returns the last values."""
    features, near, far = problem(seed)
    torch.manual_seed(seed)
    network = nn.Linear(8, 1)
    loss = lossc.loss(SPEC)
    aggregator = None if name == "sum" else getattr(aggregation, name)()
    optimizer = torch.optim.Adam(network.parameters(), lr=0.05)
    for _ in range(steps):
        optimizer.zero_grad()
        score = network(features)[:, 0]
        if aggregator is None:
            loss(score, near, far).backward()
        else:
            step(network, loss.terms(score, near, far), aggregator)
        optimizer.step()
    with torch.no_grad():
        values = loss.terms(network(features)[:, 0], near, far)
    return {name: value.item() for name, value in values.items()}


def main() -> None:
    """Trains with the sum and with an aggregator, and prints the terms of both."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--aggregator", default="MGDA")
    parser.add_argument("--steps", type=int, default=300)
    options = parser.parse_args()
    for name in ("sum", options.aggregator):
        values = train(name, options.steps)
        print(f"{name:12}", *(f"{term} {value:9.4f}" for term, value in values.items()))


if __name__ == "__main__":
    main()
