"""How other libraries optimise average precision, and what each says it computes, in float64."""

from __future__ import annotations

from collections.abc import Callable
from typing import NamedTuple

import torch
from measuring import (
    Run,
    differentiated,
    ranking_inputs,
    smooth_ap_rows,
    true_average_precision,
)
from torch import Tensor

Loss = Callable[[Tensor], Tensor]


class Peer(NamedTuple):
    """One way to optimise average precision.

    Args:
        package: As it is called where packages are installed.
        used: The class or function, and its options.
        most: It is run up to so many scores.
        make: ``make(n)`` gives the run.
        truth: ``truth(n)`` gives its value (``None``: it has none of interest) and gradient in
            float64; ``None``: it is compared with differences of itself.
        note: What to know.
        double: ``double(n)`` gives the loss of float64 scores, for differences.
        best: The average precision that it reports is this less the loss; ``None``: it has none.
    """

    package: str
    used: str
    most: int
    make: Callable[[int], Run]
    truth: Callable[[int], tuple[float | None, Tensor]] | None
    note: str = ""
    double: Callable[[int], Loss] | None = None
    best: float | None = 1.0


def smooth_ap_truth(n: int) -> tuple[float, Tensor]:
    """1 - AP, by the dense sum."""
    value, gradient = true_average_precision(*ranking_inputs(n))
    return 1 - value, -gradient


def imbalanced_losses(n: int) -> Run:
    """Smooth-AP of the batch alone, without a queue."""
    from imbalanced_losses import SmoothAPLoss

    score, relevant = ranking_inputs(n)
    loss = SmoothAPLoss(num_classes=1, queue_size=0, temperature=1.0, gather_distributed=False)
    target = relevant.long()
    return differentiated(lambda s: loss(s.unsqueeze(-1), target), score)


def libauc(n: int) -> Run:
    """Squared hinges in ranks; gamma=1: the moving averages are those of this batch."""
    from libauc.losses import APLoss

    score, relevant = ranking_inputs(n)
    loss = APLoss(data_len=n, gamma=1.0, margin=1.0, device="cpu")
    target, index = relevant.long(), torch.arange(n)
    return differentiated(lambda s: loss(s, target, index), score)


def libauc_truth(n: int) -> tuple[None, Tensor]:
    """The gradient of its objective: minus the mean ratio of sums of squared hinges."""
    score, relevant = ranking_inputs(n)
    score = score.double().requires_grad_()
    positives = relevant.nonzero().squeeze(-1)
    gradient = torch.zeros_like(score)
    for at in positives.split(max(1, 2**22 // n)):
        hinges = (1 - (score[at].unsqueeze(-1) - score)).relu() ** 2
        part = -((hinges * relevant).sum(-1) / hinges.sum(-1)).sum() / positives.shape[0]
        gradient += torch.autograd.grad(part, score)[0]
    return None, gradient


def torchsort_loss(strength: float) -> Callable[[int], Loss]:
    """Average precision of soft ranks: those among the positives over those among all."""

    def of_size(n: int) -> Loss:
        import torchsort

        relevant = ranking_inputs(n)[1]

        def loss(score: Tensor) -> Tensor:
            ranks, among = (
                torchsort.soft_rank(-s.unsqueeze(0), regularization_strength=strength)[0]
                for s in (score, score[relevant])
            )
            return 1 - (among / ranks[relevant]).mean()

        return loss

    return of_size


def softtorch_loss(method: str) -> Callable[[int], Loss]:
    """The same with the soft ranks of SoftTorch."""

    def of_size(n: int) -> Loss:
        import softtorch

        relevant = ranking_inputs(n)[1]

        def loss(score: Tensor) -> Tensor:
            ranks, among = (softtorch.rank(s, method=method) for s in (score, score[relevant]))
            return 1 - (among / ranks[relevant]).mean()

        return loss

    return of_size


def of_scores(of_size: Callable[[int], Loss]) -> Callable[[int], Run]:
    """Runs of a loss of the scores."""
    return lambda n: differentiated(of_size(n), ranking_inputs(n)[0])


def rax(n: int) -> Run:
    """Ranks by sigmoids, hard comparisons of ranks; compiled, as jax is meant to be used."""
    import jax
    import rax as library

    score, relevant = (x.float().numpy() for x in ranking_inputs(n))
    score, relevant = jax.numpy.asarray(score), jax.numpy.asarray(relevant)
    loss = library.approx_t12n(library.ap_metric)
    both = jax.jit(jax.value_and_grad(loss))
    return lambda: jax.block_until_ready(both(score, relevant))


def rax_truth(n: int) -> tuple[float, Tensor]:
    """Minus the mean of (relevant items of no larger soft rank) / (soft rank)."""
    score, relevant = ranking_inputs(n)
    score = score.double().requires_grad_()
    positives = relevant.nonzero().squeeze(-1)
    order = positives[score.detach()[positives].argsort(descending=True)]
    value, gradient, hits = 0.0, torch.zeros_like(score), torch.arange(1, len(order) + 1).double()
    step = max(1, 2**22 // n)
    for at, above in zip(order.split(step), hits.split(step), strict=True):
        ranks = 0.5 + torch.sigmoid(score - score[at].unsqueeze(-1)).sum(-1)
        part = -(above / ranks).sum() / positives.shape[0]
        value += part.item()
        gradient += torch.autograd.grad(part, score)[0]
    return value, gradient


def embeddings(n: int) -> tuple[Tensor, Tensor]:
    """Vectors of sorted classes of 8 each, and their classes."""
    generator = torch.Generator().manual_seed(n)
    label = torch.arange(n // 8).repeat_interleave(8)
    centres = torch.randn(n // 8, 16, generator=generator)
    return centres[label] + 0.5 * torch.randn(n, 16, generator=generator), label


def metric_learning(name: str, **options: float) -> Callable[[int], Run]:
    """A loss of pytorch-metric-learning: each of n embeddings is a query for the others."""

    def of_size(n: int) -> Run:
        from pytorch_metric_learning import losses

        loss = getattr(losses, name)(**options)
        vectors, label = embeddings(n)
        return differentiated(lambda v: loss(v, label), vectors)

    return of_size


def metric_learning_truth(n: int) -> tuple[float, Tensor]:
    """Smooth-AP as its paper has it, of every embedding as the query, itself among the found."""
    vectors, label = embeddings(n)
    vectors = vectors.double().requires_grad_()
    unit = torch.nn.functional.normalize(vectors, dim=-1)
    same = label == label.unsqueeze(-1)
    total = torch.zeros((), dtype=torch.float64)
    for scores, relevant in zip(unit @ unit.T, same, strict=True):
        total = total + 1 + smooth_ap_rows(scores, relevant)
    total = total / n
    return total.item(), torch.autograd.grad(total, vectors)[0]


STRENGTHS = (1.0, 1e-2, 1e-4)
PEERS = (
    Peer("imbalanced-losses", "SmoothAPLoss", 2**20, imbalanced_losses, smooth_ap_truth),
    Peer(
        "libauc", "APLoss (squared hinge, gamma=1)", 2**20, libauc, libauc_truth,
        "its value is 0 by construction, only the gradient counts", best=None,
    ),
    *(
        Peer(
            "torchsort", f"soft_rank (l2, strength {strength:g})", 2**20,
            of_scores(torchsort_loss(strength)), None, double=torchsort_loss(strength),
        )
        for strength in STRENGTHS
    ),
    Peer(
        "softtorch", "rank (neuralsort, its default)", 1024,
        of_scores(softtorch_loss("neuralsort")), None, double=softtorch_loss("neuralsort"),
    ),
    Peer(
        "softtorch", "rank (fast_soft_sort)", 2**20,
        of_scores(softtorch_loss("fast_soft_sort")), None, double=softtorch_loss("fast_soft_sort"),
    ),
    Peer("rax", "approx_t12n(ap_metric), jit", 2**20, rax, rax_truth, best=0.0),
    Peer(
        "pytorch-metric-learning", "SmoothAPLoss", 128,
        metric_learning("SmoothAPLoss", temperature=1.0), metric_learning_truth,
        "n queries of n scores each, 16 classes of 8; it is the paper's loss only where there are "
        "as many classes as members of each (8 of 8: gradient within 4e-7)",
    ),
    Peer(
        "pytorch-metric-learning", "FastAPLoss", 1024, metric_learning("FastAPLoss"), None,
        "n queries of n scores each; from a histogram, of which no sum over pairs is the truth",
    ),
)  # fmt: skip
