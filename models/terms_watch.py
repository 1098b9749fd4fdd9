"""The terms of a loss while it trains: their figures, and a word when one is hardly trained.

A term whose gradient is a hundredth of another's is not trained, whatever its value says.
"""

from __future__ import annotations

import math
import warnings
from collections.abc import Collection, Mapping

import torch
from torch import Tensor, nn

from lossc.runtime.weighting_gradients import term_gradients

KINDS = ("value", "weight", "share", "gradient", "gradient_share")
_ADVICE = "another weight may help, or a weighting that balances gradients (docs/weightings.md)"


class TermWarning(UserWarning):
    """A term of a loss that is hardly trained, or that alone is trained."""


class TermsWatch:
    """Follows the terms of a loss from epoch to epoch; for a loss without terms it does nothing.

    Args:
        loss: What is trained; a compiled `combine` has ``figures()`` and ``terms(...)``.
        patience: For how many epochs in a row something has to be so before it is said.
        low: A term with a smaller share of the gradient is hardly trained.
        high: A term with a larger share is the only one that is.
    """

    def __init__(self, loss: nn.Module, patience: int = 3, low: float = 0.01, high: float = 0.99):
        self.loss = loss
        self.patience, self.low, self.high = patience, low, high
        self._streaks: dict[tuple[str, str], int] = {}
        self._said: set[str] = set()
        self._last: dict[str, Tensor] = {}

    def note(self, inputs: Mapping[str, Tensor]) -> None:
        """Keeps what the loss was called with last, for a look at the gradients."""
        if hasattr(self.loss, "terms"):
            self._last = {
                name: value.detach().requires_grad_(value.requires_grad)
                for name, value in inputs.items()
            }

    def epoch(self) -> dict[str, float]:
        """The figures of the epoch that ends, as ``KIND/NAME``; warns of what has lasted.

        Kinds are ``value``, ``weight`` and ``share`` (of the weighted values), as the loss has
        averaged them, and on the last batch ``gradient``, the mean absolute gradient of the
        weighted term per element of the live inputs that it reads, with its ``gradient_share``.
        """
        figures = self._of_the_loss()
        if figures and self._last:
            weights = of_kind(figures, "weight")
            sizes = gradient_sizes(self.loss, self._last)
            figures |= gradient_figures(sizes, weights)
            on_purpose = {name for name, size in sizes.items() if size and not weights.get(name, 1)}
            for message in self.look(figures, on_purpose):
                warnings.warn(message, TermWarning, stacklevel=2)
        self._last = {}
        return figures

    def look(self, figures: Mapping[str, float], without: Collection[str] = ()) -> list[str]:
        """What there is to say after one more epoch: each thing once.

        Args:
            figures: Of the epoch; ``gradient_share/NAME``, or else ``share/NAME``, is looked at.
            without: Terms that are not to be trained now, as by a weight of 0.
        """
        shares = of_kind(figures, "gradient_share") or of_kind(figures, "share")
        shares = {name: share for name, share in shares.items() if name not in without}
        if len(shares) < 2:
            return []
        found = []
        for name, share in shares.items():
            if self._lasts(name, "above", share > self.high):
                found.append(
                    f"term '{name}' has had more than {self.high:.0%} of the gradient for "
                    f"{self.patience} epochs ({share:.2%} in the last): the other terms are hardly "
                    f"trained; {_ADVICE}"
                )
        for name, share in shares.items():
            if self._lasts(name, "below", share < self.low) and not found:
                found.append(
                    f"term '{name}' has had less than {self.low:.0%} of the gradient for "
                    f"{self.patience} epochs ({share:.2%} in the last): it is hardly trained; "
                    f"{_ADVICE}"
                )
        return found

    def not_finite(self) -> str:
        """Which terms are not finite since the last epoch, for a message; empty if none is."""
        values = of_kind(self._of_the_loss(), "value")
        return ", ".join(
            f"term '{name}' is {value}"
            for name, value in values.items()
            if not math.isfinite(value)
        )

    def _of_the_loss(self) -> dict[str, float]:
        figures = getattr(self.loss, "figures", None)
        return dict(figures()) if callable(figures) else {}

    def _lasts(self, name: str, what: str, so: bool) -> bool:
        """Whether something has now been so for long, and was not said of the term before."""
        streak = self._streaks.get((name, what), 0) + 1 if so else 0
        self._streaks[name, what] = streak
        if streak < self.patience or name in self._said:
            return False
        self._said.add(name)
        return True


def of_kind(figures: Mapping[str, float], kind: str) -> dict[str, float]:
    """The figures of one kind by term: ``value/NAME`` and the like."""
    begin = f"{kind}/"
    return {
        name.removeprefix(begin): figure
        for name, figure in figures.items()
        if name.startswith(begin)
    }


def gradient_sizes(loss: nn.Module, inputs: Mapping[str, Tensor]) -> dict[str, float]:
    """Mean absolute gradient of each term, unweighted, per element of the live inputs it reads.

    Nothing changes: the loss is asked in ``eval()`` mode, and comes back in the mode that it had.

    Args:
        loss: With ``terms(...)``, as a compiled `combine`.
        inputs: By name; those that require a gradient are the live ones.

    Returns:
        By the names of the terms; empty where a term reaches no live input.
    """
    training = loss.training
    live = [value for value in inputs.values() if value.requires_grad]
    try:
        with torch.enable_grad():
            terms: Mapping[str, Tensor] = loss.eval().terms(**inputs)  # type: ignore[operator]
            values = torch.stack(list(terms.values()))
            if not live or not values.requires_grad:
                return {}
            measured = list(term_gradients(values, live))
    finally:
        loss.train(training)
    sizes = {}
    for name, slopes in zip(terms, measured, strict=True):
        read = [slope for slope in slopes if slope.any()]
        count = sum(slope.numel() for slope in read)
        sizes[name] = sum(slope.abs().sum().item() for slope in read) / max(count, 1)
    return sizes


def gradient_figures(sizes: Mapping[str, float], weights: Mapping[str, float]) -> dict[str, float]:
    """``gradient/NAME`` and ``gradient_share/NAME`` of weighted terms.

    Args:
        sizes: Of the unweighted gradients, by term.
        weights: By term; 1 where there is none.
    """
    weighed = {name: abs(weights.get(name, 1.0)) * size for name, size in sizes.items()}
    total = sum(weighed.values())
    figures = {f"gradient/{name}": size for name, size in weighed.items()}
    if total > 0 and math.isfinite(total):
        figures |= {f"gradient_share/{name}": size / total for name, size in weighed.items()}
    return figures
