"""The bundled losses: a module, a function and a class of each spec.

Written by ``tools/stubs.py`` from the specs: change those.
"""

from torch import Tensor, nn

class Accuracy(nn.Module):
    """The loss of the spec ``accuracy``.

    Top-1 accuracy of a multi-class classifier. Of tied classes the first is predicted; 0 on
    an empty batch.

    The loss is minus the interpolated metric; ``metric`` is the metric itself.

    Inputs:
        scores: ``real[n, p]``.
        label: ``int[n] in p``.
    """

    def __init__(
        self, *, temperature: float = 0.1, squash: str = "sigmoid", validate: bool = True
    ) -> None: ...
    def forward(self, scores: Tensor, label: Tensor) -> Tensor: ...
    def __call__(self, scores: Tensor, label: Tensor) -> Tensor: ...
    def metric(self, scores: Tensor, label: Tensor) -> Tensor: ...
    def refactored(self, scores: Tensor, label: Tensor) -> Tensor: ...
    def comparisons(self, scores: Tensor, label: Tensor) -> Tensor: ...
    def evaluate_binaries(self, binaries: Tensor, scores: Tensor, label: Tensor) -> Tensor: ...
    def set_epoch(self, epoch: int) -> None: ...

def accuracy(scores: Tensor, label: Tensor) -> Tensor:
    """The loss as a function; ``Accuracy`` keeps the options and the step."""

class AdaptiveH1(nn.Module):
    """The loss of the spec ``adaptive_h1``.

    Euclidean losses of 2D and 3D heatmaps, weighted so that their gradients balance. A pair
    without error adds 0; 0 on an empty batch.

    Inputs:
        heatmap_2d: ``real[n, k, h, w]``.
        target_2d: ``target real[n, k, h, w]``.
        heatmap_3d: ``real[n, k, d, h, w]``.
        target_3d: ``target real[n, k, d, h, w]``.
    """

    def __init__(self, *, validate: bool = True) -> None: ...
    def forward(
        self, heatmap_2d: Tensor, target_2d: Tensor, heatmap_3d: Tensor, target_3d: Tensor
    ) -> Tensor: ...
    def __call__(
        self, heatmap_2d: Tensor, target_2d: Tensor, heatmap_3d: Tensor, target_3d: Tensor
    ) -> Tensor: ...
    def set_epoch(self, epoch: int) -> None: ...
    def terms(
        self, heatmap_2d: Tensor, target_2d: Tensor, heatmap_3d: Tensor, target_3d: Tensor
    ) -> dict[str, Tensor]: ...
    def figures(self) -> dict[str, float]: ...

def adaptive_h1(
    heatmap_2d: Tensor, target_2d: Tensor, heatmap_3d: Tensor, target_3d: Tensor
) -> Tensor:
    """The loss as a function; ``AdaptiveH1`` keeps the options and the step."""

class AdaptiveI1(nn.Module):
    """The loss of the spec ``adaptive_i1``.

    Euclidean losses of 2D and 3D heatmaps and of their integrals (soft-argmax), weighted so
    that their gradients balance. A pair without error adds 0; 0 on an empty batch.

    Inputs:
        heatmap_2d: ``real[n, k, h, w]``.
        target_2d: ``target real[n, k, h, w]``.
        heatmap_3d: ``real[n, k, d, h, w]``.
        target_3d: ``target real[n, k, d, h, w]``.
        joint: ``target real[n, k, 2]``.
        depth: ``target real[n, k]``.
    """

    def __init__(
        self, *, scale: float = 30.0, cutoff: float = 0.003, validate: bool = True
    ) -> None: ...
    def forward(
        self,
        heatmap_2d: Tensor,
        target_2d: Tensor,
        heatmap_3d: Tensor,
        target_3d: Tensor,
        joint: Tensor,
        depth: Tensor,
    ) -> Tensor: ...
    def __call__(
        self,
        heatmap_2d: Tensor,
        target_2d: Tensor,
        heatmap_3d: Tensor,
        target_3d: Tensor,
        joint: Tensor,
        depth: Tensor,
    ) -> Tensor: ...
    def set_epoch(self, epoch: int) -> None: ...
    def terms(
        self,
        heatmap_2d: Tensor,
        target_2d: Tensor,
        heatmap_3d: Tensor,
        target_3d: Tensor,
        joint: Tensor,
        depth: Tensor,
    ) -> dict[str, Tensor]: ...
    def figures(self) -> dict[str, float]: ...

def adaptive_i1(
    heatmap_2d: Tensor,
    target_2d: Tensor,
    heatmap_3d: Tensor,
    target_3d: Tensor,
    joint: Tensor,
    depth: Tensor,
    *,
    scale: float = 30.0,
    cutoff: float = 0.003,
) -> Tensor:
    """The loss as a function; ``AdaptiveI1`` keeps the options and the step."""

class AnchorBce(nn.Module):
    """The loss of the spec ``anchor_bce``.

    Anchor Loss: binary cross entropy of each class, modulated by its gap to an anchor
    probability. Summed over classes and averaged over the batch, in nats; 0 on an empty
    batch.

    Inputs:
        logit: ``real[n, k]``.
        label: ``int[n] in k``.
    """

    def __init__(
        self,
        *,
        modulate: str = "background",
        gamma: float = 0.5,
        slack: float = 0.05,
        validate: bool = True,
    ) -> None: ...
    def forward(self, logit: Tensor, label: Tensor) -> Tensor: ...
    def __call__(self, logit: Tensor, label: Tensor) -> Tensor: ...
    def set_epoch(self, epoch: int) -> None: ...

def anchor_bce(
    logit: Tensor,
    label: Tensor,
    *,
    modulate: str = "background",
    gamma: float = 0.5,
    slack: float = 0.05,
) -> Tensor:
    """The loss as a function; ``AnchorBce`` keeps the options and the step."""

class AnchorBceSoft(nn.Module):
    """The loss of the spec ``anchor_bce_soft``.

    Anchor Loss of soft or multi-hot targets: binary cross entropy of each class, modulated
    by its gap to the positive or the background classes. Summed over classes and averaged
    over the batch, in nats; 0 on an empty batch.

    Inputs:
        logit: ``real[n, k]``.
        target: ``target real[n, k] in [0, 1]``.
    """

    def __init__(
        self,
        *,
        modulate: str = "background",
        anchor: str = "best",
        gamma: float = 0.5,
        slack: float = 0.05,
        validate: bool = True,
    ) -> None: ...
    def forward(self, logit: Tensor, target: Tensor) -> Tensor: ...
    def __call__(self, logit: Tensor, target: Tensor) -> Tensor: ...
    def set_epoch(self, epoch: int) -> None: ...

def anchor_bce_soft(
    logit: Tensor,
    target: Tensor,
    *,
    modulate: str = "background",
    anchor: str = "best",
    gamma: float = 0.5,
    slack: float = 0.05,
) -> Tensor:
    """The loss as a function; ``AnchorBceSoft`` keeps the options and the step."""

class AnchorBceStatic(nn.Module):
    """The loss of the spec ``anchor_bce_static``.

    Anchor Loss with a constant anchor probability. Summed over classes and averaged over
    the batch, in nats; 0 on an empty batch.

    Inputs:
        logit: ``real[n, k]``.
        label: ``int[n] in k``.
    """

    def __init__(
        self, *, anchor: float = 0.5, gamma: float = 0.5, validate: bool = True
    ) -> None: ...
    def forward(self, logit: Tensor, label: Tensor) -> Tensor: ...
    def __call__(self, logit: Tensor, label: Tensor) -> Tensor: ...
    def set_epoch(self, epoch: int) -> None: ...

def anchor_bce_static(
    logit: Tensor, label: Tensor, *, anchor: float = 0.5, gamma: float = 0.5
) -> Tensor:
    """The loss as a function; ``AnchorBceStatic`` keeps the options and the step."""

class AnchorBceWeighted(nn.Module):
    """The loss of the spec ``anchor_bce_weighted``.

    Anchor Loss with class weights, ignored labels and label smoothing. Summed over classes
    and averaged over the labelled examples, in nats; 0 if there are none.

    Inputs:
        logit: ``real[n, k]``.
        label: ``int[n] in k ignore ignore_index``.
        class_weight: ``target real[k] in [0, inf) = 1``.
    """

    def __init__(
        self,
        *,
        modulate: str = "background",
        gamma: float = 0.5,
        slack: float = 0.05,
        smoothing: float = 0.0,
        ignore_index: int = -100,
        validate: bool = True,
    ) -> None: ...
    def forward(
        self, logit: Tensor, label: Tensor, class_weight: Tensor | None = None
    ) -> Tensor: ...
    def __call__(
        self, logit: Tensor, label: Tensor, class_weight: Tensor | None = None
    ) -> Tensor: ...
    def set_epoch(self, epoch: int) -> None: ...

def anchor_bce_weighted(
    logit: Tensor,
    label: Tensor,
    class_weight: Tensor | None = None,
    *,
    modulate: str = "background",
    gamma: float = 0.5,
    slack: float = 0.05,
    smoothing: float = 0.0,
    ignore_index: int = -100,
) -> Tensor:
    """The loss as a function; ``AnchorBceWeighted`` keeps the options and the step."""

class AnchorPose(nn.Module):
    """The loss of the spec ``anchor_pose``.

    Anchor Loss of heatmaps: binary cross entropy of each pixel, the background modulated by
    its gap to the joint's best probability. Averaged over the pixels of visible joints, in
    nats; 0 if there are none.

    Inputs:
        heatmap: ``real[n, k, h, w]``.
        target: ``target real[n, k, h, w] in [0, 1]``.
        visible: ``bool[n, k] = 1``.
    """

    def __init__(self, *, gamma: float = 2.0, validate: bool = True) -> None: ...
    def forward(self, heatmap: Tensor, target: Tensor, visible: Tensor | None = None) -> Tensor: ...
    def __call__(
        self, heatmap: Tensor, target: Tensor, visible: Tensor | None = None
    ) -> Tensor: ...
    def set_epoch(self, epoch: int) -> None: ...

def anchor_pose(
    heatmap: Tensor, target: Tensor, visible: Tensor | None = None, *, gamma: float = 2.0
) -> Tensor:
    """The loss as a function; ``AnchorPose`` keeps the options and the step."""

class Auroc(nn.Module):
    """The loss of the spec ``auroc``.

    Area under the receiver operating characteristic curve. Mean over queries; ties count
    one half; 0.5 without positives or without negatives.

    The loss is minus the interpolated metric; ``metric`` is the metric itself.

    Inputs:
        score: ``real[n]``.
        relevant: ``bool[n]``.
        group: ``int[n] = 0``.
    """

    def __init__(
        self, *, temperature: float = 0.1, squash: str = "sigmoid", validate: bool = True
    ) -> None: ...
    def forward(self, score: Tensor, relevant: Tensor, group: Tensor | None = None) -> Tensor: ...
    def __call__(self, score: Tensor, relevant: Tensor, group: Tensor | None = None) -> Tensor: ...
    def metric(self, score: Tensor, relevant: Tensor, group: Tensor | None = None) -> Tensor: ...
    def refactored(
        self, score: Tensor, relevant: Tensor, group: Tensor | None = None
    ) -> Tensor: ...
    def comparisons(
        self, score: Tensor, relevant: Tensor, group: Tensor | None = None
    ) -> Tensor: ...
    def evaluate_binaries(
        self, binaries: Tensor, score: Tensor, relevant: Tensor, group: Tensor | None = None
    ) -> Tensor: ...
    def set_epoch(self, epoch: int) -> None: ...

def auroc(score: Tensor, relevant: Tensor, group: Tensor | None = None) -> Tensor:
    """The loss as a function; ``Auroc`` keeps the options and the step."""

class AveragePrecision(nn.Module):
    """The loss of the spec ``average_precision``.

    Average precision: the precision at each positive's score, averaged over the positives.
    Mean over queries; equal scores share a threshold; 0 without positives.

    The loss is minus the interpolated metric; ``metric`` is the metric itself.

    Inputs:
        score: ``real[n]``.
        relevant: ``bool[n]``.
        group: ``int[n] = 0``.
    """

    def __init__(
        self, *, temperature: float = 0.1, squash: str = "sigmoid", validate: bool = True
    ) -> None: ...
    def forward(self, score: Tensor, relevant: Tensor, group: Tensor | None = None) -> Tensor: ...
    def __call__(self, score: Tensor, relevant: Tensor, group: Tensor | None = None) -> Tensor: ...
    def metric(self, score: Tensor, relevant: Tensor, group: Tensor | None = None) -> Tensor: ...
    def refactored(
        self, score: Tensor, relevant: Tensor, group: Tensor | None = None
    ) -> Tensor: ...
    def comparisons(
        self, score: Tensor, relevant: Tensor, group: Tensor | None = None
    ) -> Tensor: ...
    def evaluate_binaries(
        self, binaries: Tensor, score: Tensor, relevant: Tensor, group: Tensor | None = None
    ) -> Tensor: ...
    def set_epoch(self, epoch: int) -> None: ...

def average_precision(score: Tensor, relevant: Tensor, group: Tensor | None = None) -> Tensor:
    """The loss as a function; ``AveragePrecision`` keeps the options and the step."""

class BalancedAccuracy(nn.Module):
    """The loss of the spec ``balanced_accuracy``.

    Balanced accuracy: the recall of each class, averaged over the classes that occur. Of
    tied classes the first is predicted; 0 on an empty batch.

    The loss is minus the interpolated metric; ``metric`` is the metric itself.

    Inputs:
        scores: ``real[n, p]``.
        label: ``int[n] in p``.
    """

    def __init__(
        self, *, temperature: float = 0.1, squash: str = "sigmoid", validate: bool = True
    ) -> None: ...
    def forward(self, scores: Tensor, label: Tensor) -> Tensor: ...
    def __call__(self, scores: Tensor, label: Tensor) -> Tensor: ...
    def metric(self, scores: Tensor, label: Tensor) -> Tensor: ...
    def refactored(self, scores: Tensor, label: Tensor) -> Tensor: ...
    def comparisons(self, scores: Tensor, label: Tensor) -> Tensor: ...
    def evaluate_binaries(self, binaries: Tensor, scores: Tensor, label: Tensor) -> Tensor: ...
    def set_epoch(self, epoch: int) -> None: ...

def balanced_accuracy(scores: Tensor, label: Tensor) -> Tensor:
    """The loss as a function; ``BalancedAccuracy`` keeps the options and the step."""

class Bce(nn.Module):
    """The loss of the spec ``bce``.

    Binary cross entropy of the sigmoid, averaged over the batch, in nats. 0 on an empty
    batch.

    Inputs:
        score: ``real[n]``.
        relevant: ``bool[n]``.
    """

    def __init__(self, *, validate: bool = True) -> None: ...
    def forward(self, score: Tensor, relevant: Tensor) -> Tensor: ...
    def __call__(self, score: Tensor, relevant: Tensor) -> Tensor: ...
    def set_epoch(self, epoch: int) -> None: ...

def bce(score: Tensor, relevant: Tensor) -> Tensor:
    """The loss as a function; ``Bce`` keeps the options and the step."""

class CohenKappa(nn.Module):
    """The loss of the spec ``cohen_kappa``.

    Cohen's kappa: agreement of predicted and true classes beyond what their frequencies
    give by chance. Of tied classes the first is predicted; 0 where chance agreement is
    certain, and on an empty batch.

    The loss is minus the interpolated metric; ``metric`` is the metric itself.

    Inputs:
        scores: ``real[n, p]``.
        label: ``int[n] in p``.
    """

    def __init__(
        self, *, temperature: float = 0.1, squash: str = "sigmoid", validate: bool = True
    ) -> None: ...
    def forward(self, scores: Tensor, label: Tensor) -> Tensor: ...
    def __call__(self, scores: Tensor, label: Tensor) -> Tensor: ...
    def metric(self, scores: Tensor, label: Tensor) -> Tensor: ...
    def refactored(self, scores: Tensor, label: Tensor) -> Tensor: ...
    def comparisons(self, scores: Tensor, label: Tensor) -> Tensor: ...
    def evaluate_binaries(self, binaries: Tensor, scores: Tensor, label: Tensor) -> Tensor: ...
    def set_epoch(self, epoch: int) -> None: ...

def cohen_kappa(scores: Tensor, label: Tensor) -> Tensor:
    """The loss as a function; ``CohenKappa`` keeps the options and the step."""

class ConcordanceIndex(nn.Module):
    """The loss of the spec ``concordance_index``.

    Harrell's concordance index of a survival model: share of the pairs in which the item
    that fails later has the higher score. Tied scores count one half; 0.5 where no pair can
    be judged.

    The loss is minus the interpolated metric; ``metric`` is the metric itself.

    Inputs:
        score: ``real[n]``.
        time: ``target real[n]``.
        event: ``bool[n]``.
    """

    def __init__(
        self, *, temperature: float = 0.1, squash: str = "sigmoid", validate: bool = True
    ) -> None: ...
    def forward(self, score: Tensor, time: Tensor, event: Tensor) -> Tensor: ...
    def __call__(self, score: Tensor, time: Tensor, event: Tensor) -> Tensor: ...
    def metric(self, score: Tensor, time: Tensor, event: Tensor) -> Tensor: ...
    def refactored(self, score: Tensor, time: Tensor, event: Tensor) -> Tensor: ...
    def comparisons(self, score: Tensor, time: Tensor, event: Tensor) -> Tensor: ...
    def evaluate_binaries(
        self, binaries: Tensor, score: Tensor, time: Tensor, event: Tensor
    ) -> Tensor: ...
    def set_epoch(self, epoch: int) -> None: ...

def concordance_index(score: Tensor, time: Tensor, event: Tensor) -> Tensor:
    """The loss as a function; ``ConcordanceIndex`` keeps the options and the step."""

class CrossEntropy(nn.Module):
    """The loss of the spec ``cross_entropy``.

    Cross entropy of the softmax, averaged over the batch, in nats. 0 on an empty batch.

    Inputs:
        scores: ``real[n, p]``.
        label: ``int[n] in p``.
    """

    def __init__(self, *, validate: bool = True) -> None: ...
    def forward(self, scores: Tensor, label: Tensor) -> Tensor: ...
    def __call__(self, scores: Tensor, label: Tensor) -> Tensor: ...
    def set_epoch(self, epoch: int) -> None: ...

def cross_entropy(scores: Tensor, label: Tensor) -> Tensor:
    """The loss as a function; ``CrossEntropy`` keeps the options and the step."""

class Dice(nn.Module):
    """The loss of the spec ``dice``.

    Mean Dice coefficient of the classes that are labelled or predicted, over all pixels of
    the batch. Of tied classes the first is predicted; ignored pixels do not count; 0 if all
    are ignored.

    The loss is minus the interpolated metric; ``metric`` is the metric itself.

    Inputs:
        scores: ``real[n, p, h, w]``.
        label: ``int[n, h, w] in p ignore ignore_index``.
    """

    def __init__(
        self,
        *,
        ignore_index: int = 255,
        temperature: float = 0.1,
        squash: str = "sigmoid",
        validate: bool = True,
    ) -> None: ...
    def forward(self, scores: Tensor, label: Tensor) -> Tensor: ...
    def __call__(self, scores: Tensor, label: Tensor) -> Tensor: ...
    def metric(self, scores: Tensor, label: Tensor) -> Tensor: ...
    def refactored(self, scores: Tensor, label: Tensor) -> Tensor: ...
    def comparisons(self, scores: Tensor, label: Tensor) -> Tensor: ...
    def evaluate_binaries(self, binaries: Tensor, scores: Tensor, label: Tensor) -> Tensor: ...
    def set_epoch(self, epoch: int) -> None: ...

def dice(scores: Tensor, label: Tensor, *, ignore_index: int = 255) -> Tensor:
    """The loss as a function; ``Dice`` keeps the options and the step."""

class EqualErrorRate(nn.Module):
    """The loss of the spec ``equal_error_rate``.

    Equal error rate of a verifier: the smallest bound on both the false match and the false
    non-match rate. Mean over groups; a score at the threshold is accepted; 0 without mated
    or without non-mated comparisons.

    The loss is the interpolated metric; ``metric`` is the metric itself.

    Inputs:
        score: ``real[n]``.
        relevant: ``bool[n]``.
        group: ``int[n] = 0``.
    """

    def __init__(
        self,
        *,
        squash: str = "none",
        good: int = 16,
        bad: int = 16,
        nearby: int = 16,
        power: float = 1.0,
        gradient: str = "exact",
        bits: str = "auto",
        seed: int = 0,
        validate: bool = True,
    ) -> None: ...
    def forward(self, score: Tensor, relevant: Tensor, group: Tensor | None = None) -> Tensor: ...
    def __call__(self, score: Tensor, relevant: Tensor, group: Tensor | None = None) -> Tensor: ...
    def metric(self, score: Tensor, relevant: Tensor, group: Tensor | None = None) -> Tensor: ...
    def refactored(
        self, score: Tensor, relevant: Tensor, group: Tensor | None = None
    ) -> Tensor: ...
    def comparisons(
        self, score: Tensor, relevant: Tensor, group: Tensor | None = None
    ) -> Tensor: ...
    def evaluate_binaries(
        self, binaries: Tensor, score: Tensor, relevant: Tensor, group: Tensor | None = None
    ) -> Tensor: ...
    def set_epoch(self, epoch: int) -> None: ...

def equal_error_rate(
    score: Tensor, relevant: Tensor, group: Tensor | None = None, *, seed: int = 0
) -> Tensor:
    """The loss as a function; ``EqualErrorRate`` keeps the options and the step."""

class Euclidean(nn.Module):
    """The loss of the spec ``euclidean``.

    Euclidean loss: the sum of all squared errors over twice the batch size. 0 on an empty
    batch.

    Inputs:
        prediction: ``real[n, d]``.
        target: ``target real[n, d]``.
    """

    def __init__(self, *, validate: bool = True) -> None: ...
    def forward(self, prediction: Tensor, target: Tensor) -> Tensor: ...
    def __call__(self, prediction: Tensor, target: Tensor) -> Tensor: ...
    def set_epoch(self, epoch: int) -> None: ...

def euclidean(prediction: Tensor, target: Tensor) -> Tensor:
    """The loss as a function; ``Euclidean`` keeps the options and the step."""

class FBeta(nn.Module):
    """The loss of the spec ``f_beta``.

    F-beta: the weighted harmonic mean of precision and recall at the threshold. An item at
    the threshold is not picked; 0 where nothing is relevant and nothing is picked.

    The loss is minus the interpolated metric; ``metric`` is the metric itself.

    Inputs:
        score: ``real[n]``.
        relevant: ``bool[n]``.
    """

    def __init__(
        self,
        *,
        activation: str = "none",
        threshold: float = 0.5,
        beta: float = 1.0,
        temperature: float = 0.1,
        squash: str = "sigmoid",
        validate: bool = True,
    ) -> None: ...
    def forward(self, score: Tensor, relevant: Tensor) -> Tensor: ...
    def __call__(self, score: Tensor, relevant: Tensor) -> Tensor: ...
    def metric(self, score: Tensor, relevant: Tensor) -> Tensor: ...
    def refactored(self, score: Tensor, relevant: Tensor) -> Tensor: ...
    def comparisons(self, score: Tensor, relevant: Tensor) -> Tensor: ...
    def evaluate_binaries(self, binaries: Tensor, score: Tensor, relevant: Tensor) -> Tensor: ...
    def set_epoch(self, epoch: int) -> None: ...

def f_beta(
    score: Tensor,
    relevant: Tensor,
    *,
    activation: str = "none",
    threshold: float = 0.5,
    beta: float = 1.0,
) -> Tensor:
    """The loss as a function; ``FBeta`` keeps the options and the step."""

class FnmrAtFmr(nn.Module):
    """The loss of the spec ``fnmr_at_fmr``.

    False non-match rate of a verifier at a false match rate. Mean over groups; a non-mated
    comparison that ties with a mated one counts against it; 0 without mated comparisons.

    The loss is the interpolated metric; ``metric`` is the metric itself.

    Inputs:
        score: ``real[n]``.
        relevant: ``bool[n]``.
        group: ``int[n] = 0``.
    """

    def __init__(
        self,
        *,
        fmr: float = 0.01,
        temperature: float = 0.1,
        squash: str = "sigmoid",
        validate: bool = True,
    ) -> None: ...
    def forward(self, score: Tensor, relevant: Tensor, group: Tensor | None = None) -> Tensor: ...
    def __call__(self, score: Tensor, relevant: Tensor, group: Tensor | None = None) -> Tensor: ...
    def metric(self, score: Tensor, relevant: Tensor, group: Tensor | None = None) -> Tensor: ...
    def refactored(
        self, score: Tensor, relevant: Tensor, group: Tensor | None = None
    ) -> Tensor: ...
    def comparisons(
        self, score: Tensor, relevant: Tensor, group: Tensor | None = None
    ) -> Tensor: ...
    def evaluate_binaries(
        self, binaries: Tensor, score: Tensor, relevant: Tensor, group: Tensor | None = None
    ) -> Tensor: ...
    def set_epoch(self, epoch: int) -> None: ...

def fnmr_at_fmr(
    score: Tensor, relevant: Tensor, group: Tensor | None = None, *, fmr: float = 0.01
) -> Tensor:
    """The loss as a function; ``FnmrAtFmr`` keeps the options and the step."""

class Focal(nn.Module):
    """The loss of the spec ``focal``.

    Focal loss of the sigmoid of each class, summed over classes and averaged over the
    batch, in nats. 0 on an empty batch.

    Inputs:
        scores: ``real[n, p]``.
        label: ``int[n] in p``.
    """

    def __init__(self, *, gamma: float = 2.0, validate: bool = True) -> None: ...
    def forward(self, scores: Tensor, label: Tensor) -> Tensor: ...
    def __call__(self, scores: Tensor, label: Tensor) -> Tensor: ...
    def set_epoch(self, epoch: int) -> None: ...

def focal(scores: Tensor, label: Tensor, *, gamma: float = 2.0) -> Tensor:
    """The loss as a function; ``Focal`` keeps the options and the step."""

class FocalPose(nn.Module):
    """The loss of the spec ``focal_pose``.

    Focal loss of heatmaps: focal loss of each pixel's sigmoid against a soft target.
    Averaged over the pixels of visible joints, in nats; 0 if there are none.

    Inputs:
        heatmap: ``real[n, k, h, w]``.
        target: ``target real[n, k, h, w] in [0, 1]``.
        visible: ``bool[n, k] = 1``.
    """

    def __init__(self, *, gamma: float = 2.0, validate: bool = True) -> None: ...
    def forward(self, heatmap: Tensor, target: Tensor, visible: Tensor | None = None) -> Tensor: ...
    def __call__(
        self, heatmap: Tensor, target: Tensor, visible: Tensor | None = None
    ) -> Tensor: ...
    def set_epoch(self, epoch: int) -> None: ...

def focal_pose(
    heatmap: Tensor, target: Tensor, visible: Tensor | None = None, *, gamma: float = 2.0
) -> Tensor:
    """The loss as a function; ``FocalPose`` keeps the options and the step."""

class HeatmapMse(nn.Module):
    """The loss of the spec ``heatmap_mse``.

    Mean squared error of heatmaps, averaged over all pixels of the maps of visible joints.
    0 if there are none.

    Inputs:
        heatmap: ``real[n, k, h, w]``.
        target: ``target real[n, k, h, w]``.
        visible: ``bool[n, k] = 1``.
    """

    def __init__(self, *, validate: bool = True) -> None: ...
    def forward(self, heatmap: Tensor, target: Tensor, visible: Tensor | None = None) -> Tensor: ...
    def __call__(
        self, heatmap: Tensor, target: Tensor, visible: Tensor | None = None
    ) -> Tensor: ...
    def set_epoch(self, epoch: int) -> None: ...

def heatmap_mse(heatmap: Tensor, target: Tensor, visible: Tensor | None = None) -> Tensor:
    """The loss as a function; ``HeatmapMse`` keeps the options and the step."""

class HitRate(nn.Module):
    """The loss of the spec ``hit_rate``.

    Hit rate: share of the queries with a relevant item among the k best-scored ones. Of
    tied items the first ranks higher; a query without relevant items is worth 0.

    The loss is minus the interpolated metric; ``metric`` is the metric itself.

    Inputs:
        score: ``real[n]``.
        relevant: ``bool[n]``.
        group: ``int[n] = 0``.
    """

    def __init__(
        self,
        *,
        k: int = 10,
        squash: str = "none",
        good: int = 16,
        bad: int = 16,
        nearby: int = 16,
        power: float = 1.0,
        gradient: str = "exact",
        bits: str = "auto",
        seed: int = 0,
        validate: bool = True,
    ) -> None: ...
    def forward(self, score: Tensor, relevant: Tensor, group: Tensor | None = None) -> Tensor: ...
    def __call__(self, score: Tensor, relevant: Tensor, group: Tensor | None = None) -> Tensor: ...
    def metric(self, score: Tensor, relevant: Tensor, group: Tensor | None = None) -> Tensor: ...
    def refactored(
        self, score: Tensor, relevant: Tensor, group: Tensor | None = None
    ) -> Tensor: ...
    def comparisons(
        self, score: Tensor, relevant: Tensor, group: Tensor | None = None
    ) -> Tensor: ...
    def evaluate_binaries(
        self, binaries: Tensor, score: Tensor, relevant: Tensor, group: Tensor | None = None
    ) -> Tensor: ...
    def set_epoch(self, epoch: int) -> None: ...

def hit_rate(
    score: Tensor, relevant: Tensor, group: Tensor | None = None, *, k: int = 10, seed: int = 0
) -> Tensor:
    """The loss as a function; ``HitRate`` keeps the options and the step."""

class InterpolatedAveragePrecision(nn.Module):
    """The loss of the spec ``interpolated_average_precision``.

    Average precision under the precision envelope, where each precision is the best at any
    higher recall. A negative that ties with a positive ranks before it; 1 without
    positives.

    The loss is minus the interpolated metric; ``metric`` is the metric itself.

    Inputs:
        score: ``real[n]``.
        relevant: ``bool[n]``.
    """

    def __init__(
        self, *, temperature: float = 0.1, squash: str = "sigmoid", validate: bool = True
    ) -> None: ...
    def forward(self, score: Tensor, relevant: Tensor) -> Tensor: ...
    def __call__(self, score: Tensor, relevant: Tensor) -> Tensor: ...
    def metric(self, score: Tensor, relevant: Tensor) -> Tensor: ...
    def refactored(self, score: Tensor, relevant: Tensor) -> Tensor: ...
    def comparisons(self, score: Tensor, relevant: Tensor) -> Tensor: ...
    def evaluate_binaries(self, binaries: Tensor, score: Tensor, relevant: Tensor) -> Tensor: ...
    def set_epoch(self, epoch: int) -> None: ...

def interpolated_average_precision(score: Tensor, relevant: Tensor) -> Tensor:
    """The loss as a function; ``InterpolatedAveragePrecision`` keeps the options and the step."""

class Jaccard(nn.Module):
    """The loss of the spec ``jaccard``.

    Jaccard index of the relevant and the picked items: their intersection over their union.
    An item at the threshold is not picked; 0 where both sets are empty.

    The loss is minus the interpolated metric; ``metric`` is the metric itself.

    Inputs:
        score: ``real[n]``.
        relevant: ``bool[n]``.
    """

    def __init__(
        self,
        *,
        activation: str = "none",
        threshold: float = 0.5,
        temperature: float = 0.1,
        squash: str = "sigmoid",
        validate: bool = True,
    ) -> None: ...
    def forward(self, score: Tensor, relevant: Tensor) -> Tensor: ...
    def __call__(self, score: Tensor, relevant: Tensor) -> Tensor: ...
    def metric(self, score: Tensor, relevant: Tensor) -> Tensor: ...
    def refactored(self, score: Tensor, relevant: Tensor) -> Tensor: ...
    def comparisons(self, score: Tensor, relevant: Tensor) -> Tensor: ...
    def evaluate_binaries(self, binaries: Tensor, score: Tensor, relevant: Tensor) -> Tensor: ...
    def set_epoch(self, epoch: int) -> None: ...

def jaccard(
    score: Tensor, relevant: Tensor, *, activation: str = "none", threshold: float = 0.5
) -> Tensor:
    """The loss as a function; ``Jaccard`` keeps the options and the step."""

class KendallTau(nn.Module):
    """The loss of the spec ``kendall_tau``.

    Kendall's rank correlation of the scores with a target (tau-b, which corrects for ties
    on either side). Mean over queries; a query whose scores or whose targets are all equal
    is worth 0.

    The loss is minus the interpolated metric; ``metric`` is the metric itself.

    Inputs:
        score: ``real[n]``.
        target: ``target real[n]``.
        group: ``int[n] = 0``.
    """

    def __init__(
        self,
        *,
        squash: str = "none",
        good: int = 16,
        bad: int = 16,
        nearby: int = 16,
        power: float = 1.0,
        gradient: str = "exact",
        bits: str = "auto",
        seed: int = 0,
        validate: bool = True,
    ) -> None: ...
    def forward(self, score: Tensor, target: Tensor, group: Tensor | None = None) -> Tensor: ...
    def __call__(self, score: Tensor, target: Tensor, group: Tensor | None = None) -> Tensor: ...
    def metric(self, score: Tensor, target: Tensor, group: Tensor | None = None) -> Tensor: ...
    def refactored(self, score: Tensor, target: Tensor, group: Tensor | None = None) -> Tensor: ...
    def comparisons(self, score: Tensor, target: Tensor, group: Tensor | None = None) -> Tensor: ...
    def evaluate_binaries(
        self, binaries: Tensor, score: Tensor, target: Tensor, group: Tensor | None = None
    ) -> Tensor: ...
    def set_epoch(self, epoch: int) -> None: ...

def kendall_tau(
    score: Tensor, target: Tensor, group: Tensor | None = None, *, seed: int = 0
) -> Tensor:
    """The loss as a function; ``KendallTau`` keeps the options and the step."""

class MacroF1(nn.Module):
    """The loss of the spec ``macro_f1``.

    Macro-averaged F1: the F1 score of each class, averaged over the classes that are
    labelled or predicted. Of tied classes the first is predicted; 0 on an empty batch.

    The loss is minus the interpolated metric; ``metric`` is the metric itself.

    Inputs:
        scores: ``real[n, p]``.
        label: ``int[n] in p``.
    """

    def __init__(
        self, *, temperature: float = 0.1, squash: str = "sigmoid", validate: bool = True
    ) -> None: ...
    def forward(self, scores: Tensor, label: Tensor) -> Tensor: ...
    def __call__(self, scores: Tensor, label: Tensor) -> Tensor: ...
    def metric(self, scores: Tensor, label: Tensor) -> Tensor: ...
    def refactored(self, scores: Tensor, label: Tensor) -> Tensor: ...
    def comparisons(self, scores: Tensor, label: Tensor) -> Tensor: ...
    def evaluate_binaries(self, binaries: Tensor, scores: Tensor, label: Tensor) -> Tensor: ...
    def set_epoch(self, epoch: int) -> None: ...

def macro_f1(scores: Tensor, label: Tensor) -> Tensor:
    """The loss as a function; ``MacroF1`` keeps the options and the step."""

class Manual(nn.Module):
    """The loss of the spec ``manual``.

    Euclidean losses of 2D and 3D heatmaps with weights chosen by hand. 0 on an empty batch.

    Inputs:
        heatmap_2d: ``real[n, k, h, w]``.
        target_2d: ``target real[n, k, h, w]``.
        heatmap_3d: ``real[n, k, d, h, w]``.
        target_3d: ``target real[n, k, d, h, w]``.
    """

    def __init__(
        self, *, weight_2d: float = 1.0, weight_3d: float = 0.3, validate: bool = True
    ) -> None: ...
    def forward(
        self, heatmap_2d: Tensor, target_2d: Tensor, heatmap_3d: Tensor, target_3d: Tensor
    ) -> Tensor: ...
    def __call__(
        self, heatmap_2d: Tensor, target_2d: Tensor, heatmap_3d: Tensor, target_3d: Tensor
    ) -> Tensor: ...
    def set_epoch(self, epoch: int) -> None: ...
    def terms(
        self, heatmap_2d: Tensor, target_2d: Tensor, heatmap_3d: Tensor, target_3d: Tensor
    ) -> dict[str, Tensor]: ...
    def figures(self) -> dict[str, float]: ...

def manual(
    heatmap_2d: Tensor,
    target_2d: Tensor,
    heatmap_3d: Tensor,
    target_3d: Tensor,
    *,
    weight_2d: float = 1.0,
    weight_3d: float = 0.3,
) -> Tensor:
    """The loss as a function; ``Manual`` keeps the options and the step."""

class ManualI1(nn.Module):
    """The loss of the spec ``manual_i1``.

    Euclidean losses of 2D and 3D heatmaps and of the 3D map's integrals with weights chosen
    by hand. 0 on an empty batch.

    Inputs:
        heatmap_2d: ``real[n, k, h, w]``.
        target_2d: ``target real[n, k, h, w]``.
        heatmap_3d: ``real[n, k, d, h, w]``.
        target_3d: ``target real[n, k, d, h, w]``.
        joint: ``target real[n, k, 2]``.
        depth: ``target real[n, k]``.
    """

    def __init__(
        self,
        *,
        scale: float = 30.0,
        weight_2d: float = 1.0,
        weight_3d: float = 0.1,
        weight_joint: float = 1.0,
        weight_depth: float = 1.0,
        validate: bool = True,
    ) -> None: ...
    def forward(
        self,
        heatmap_2d: Tensor,
        target_2d: Tensor,
        heatmap_3d: Tensor,
        target_3d: Tensor,
        joint: Tensor,
        depth: Tensor,
    ) -> Tensor: ...
    def __call__(
        self,
        heatmap_2d: Tensor,
        target_2d: Tensor,
        heatmap_3d: Tensor,
        target_3d: Tensor,
        joint: Tensor,
        depth: Tensor,
    ) -> Tensor: ...
    def set_epoch(self, epoch: int) -> None: ...
    def terms(
        self,
        heatmap_2d: Tensor,
        target_2d: Tensor,
        heatmap_3d: Tensor,
        target_3d: Tensor,
        joint: Tensor,
        depth: Tensor,
    ) -> dict[str, Tensor]: ...
    def figures(self) -> dict[str, float]: ...

def manual_i1(
    heatmap_2d: Tensor,
    target_2d: Tensor,
    heatmap_3d: Tensor,
    target_3d: Tensor,
    joint: Tensor,
    depth: Tensor,
    *,
    scale: float = 30.0,
    weight_2d: float = 1.0,
    weight_3d: float = 0.1,
    weight_joint: float = 1.0,
    weight_depth: float = 1.0,
) -> Tensor:
    """The loss as a function; ``ManualI1`` keeps the options and the step."""

class MatthewsCorrcoef(nn.Module):
    """The loss of the spec ``matthews_corrcoef``.

    Matthews correlation coefficient of several classes (R_K): 1 is perfect, 0 is chance. Of
    tied classes the first is predicted; 0 where labels or predictions are all of one class.

    The loss is minus the interpolated metric; ``metric`` is the metric itself.

    Inputs:
        scores: ``real[n, p]``.
        label: ``int[n] in p``.
    """

    def __init__(
        self, *, temperature: float = 0.1, squash: str = "sigmoid", validate: bool = True
    ) -> None: ...
    def forward(self, scores: Tensor, label: Tensor) -> Tensor: ...
    def __call__(self, scores: Tensor, label: Tensor) -> Tensor: ...
    def metric(self, scores: Tensor, label: Tensor) -> Tensor: ...
    def refactored(self, scores: Tensor, label: Tensor) -> Tensor: ...
    def comparisons(self, scores: Tensor, label: Tensor) -> Tensor: ...
    def evaluate_binaries(self, binaries: Tensor, scores: Tensor, label: Tensor) -> Tensor: ...
    def set_epoch(self, epoch: int) -> None: ...

def matthews_corrcoef(scores: Tensor, label: Tensor) -> Tensor:
    """The loss as a function; ``MatthewsCorrcoef`` keeps the options and the step."""

class MeanIou(nn.Module):
    """The loss of the spec ``mean_iou``.

    Mean intersection over union of the classes that are labelled or predicted, over all
    pixels of the batch. Of tied classes the first is predicted; ignored pixels do not
    count; 0 if all are ignored.

    The loss is minus the interpolated metric; ``metric`` is the metric itself.

    Inputs:
        scores: ``real[n, p, h, w]``.
        label: ``int[n, h, w] in p ignore ignore_index``.
    """

    def __init__(
        self,
        *,
        ignore_index: int = 255,
        temperature: float = 0.1,
        squash: str = "sigmoid",
        validate: bool = True,
    ) -> None: ...
    def forward(self, scores: Tensor, label: Tensor) -> Tensor: ...
    def __call__(self, scores: Tensor, label: Tensor) -> Tensor: ...
    def metric(self, scores: Tensor, label: Tensor) -> Tensor: ...
    def refactored(self, scores: Tensor, label: Tensor) -> Tensor: ...
    def comparisons(self, scores: Tensor, label: Tensor) -> Tensor: ...
    def evaluate_binaries(self, binaries: Tensor, scores: Tensor, label: Tensor) -> Tensor: ...
    def set_epoch(self, epoch: int) -> None: ...

def mean_iou(scores: Tensor, label: Tensor, *, ignore_index: int = 255) -> Tensor:
    """The loss as a function; ``MeanIou`` keeps the options and the step."""

class Ndcg(nn.Module):
    """The loss of the spec ``ndcg``.

    Normalised discounted cumulative gain: gains discounted by the logarithm of their rank,
    relative to the best order. Mean over queries; tied items share their discounts; a query
    without gains is worth 0.

    The loss is minus the interpolated metric; ``metric`` is the metric itself.

    Inputs:
        score: ``real[n]``.
        gain: ``target real[n] in [0, inf)``.
        group: ``int[n] = 0``.
    """

    def __init__(
        self, *, temperature: float = 0.1, squash: str = "sigmoid", validate: bool = True
    ) -> None: ...
    def forward(self, score: Tensor, gain: Tensor, group: Tensor | None = None) -> Tensor: ...
    def __call__(self, score: Tensor, gain: Tensor, group: Tensor | None = None) -> Tensor: ...
    def metric(self, score: Tensor, gain: Tensor, group: Tensor | None = None) -> Tensor: ...
    def refactored(self, score: Tensor, gain: Tensor, group: Tensor | None = None) -> Tensor: ...
    def comparisons(self, score: Tensor, gain: Tensor, group: Tensor | None = None) -> Tensor: ...
    def evaluate_binaries(
        self, binaries: Tensor, score: Tensor, gain: Tensor, group: Tensor | None = None
    ) -> Tensor: ...
    def set_epoch(self, epoch: int) -> None: ...

def ndcg(score: Tensor, gain: Tensor, group: Tensor | None = None) -> Tensor:
    """The loss as a function; ``Ndcg`` keeps the options and the step."""

class Ohem(nn.Module):
    """The loss of the spec ``ohem``.

    Online hard example mining: cross entropy averaged over the hardest share of the batch,
    at least one example, in nats. Of tied examples the first is kept; 0 on an empty batch.

    Inputs:
        scores: ``real[n, p]``.
        label: ``int[n] in p``.
    """

    def __init__(self, *, rho: float = 0.9, validate: bool = True) -> None: ...
    def forward(self, scores: Tensor, label: Tensor) -> Tensor: ...
    def __call__(self, scores: Tensor, label: Tensor) -> Tensor: ...
    def set_epoch(self, epoch: int) -> None: ...

def ohem(scores: Tensor, label: Tensor, *, rho: float = 0.9) -> Tensor:
    """The loss as a function; ``Ohem`` keeps the options and the step."""

class Ohkm(nn.Module):
    """The loss of the spec ``ohkm``.

    Online hard keypoint mining: mean squared error of the heatmaps of each image's hardest
    visible joints. Of tied joints the first is kept; 0 if no joint is visible.

    Inputs:
        heatmap: ``real[n, k, h, w]``.
        target: ``target real[n, k, h, w]``.
        visible: ``bool[n, k] = 1``.
    """

    def __init__(self, *, top: int = 8, validate: bool = True) -> None: ...
    def forward(self, heatmap: Tensor, target: Tensor, visible: Tensor | None = None) -> Tensor: ...
    def __call__(
        self, heatmap: Tensor, target: Tensor, visible: Tensor | None = None
    ) -> Tensor: ...
    def set_epoch(self, epoch: int) -> None: ...

def ohkm(heatmap: Tensor, target: Tensor, visible: Tensor | None = None, *, top: int = 8) -> Tensor:
    """The loss as a function; ``Ohkm`` keeps the options and the step."""

class PartialAuroc(nn.Module):
    """The loss of the spec ``partial_auroc``.

    Partial area under the ROC curve up to a false positive rate, standardised so that
    chance is 0.5. Mean over queries; tied blocks are slopes of the curve; 0.5 without
    positives or without negatives.

    The loss is minus the interpolated metric; ``metric`` is the metric itself.

    Inputs:
        score: ``real[n]``.
        relevant: ``bool[n]``.
        group: ``int[n] = 0``.
    """

    def __init__(
        self,
        *,
        max_fpr: float = 0.1,
        squash: str = "none",
        good: int = 16,
        bad: int = 16,
        nearby: int = 16,
        power: float = 1.0,
        gradient: str = "exact",
        bits: str = "auto",
        seed: int = 0,
        validate: bool = True,
    ) -> None: ...
    def forward(self, score: Tensor, relevant: Tensor, group: Tensor | None = None) -> Tensor: ...
    def __call__(self, score: Tensor, relevant: Tensor, group: Tensor | None = None) -> Tensor: ...
    def metric(self, score: Tensor, relevant: Tensor, group: Tensor | None = None) -> Tensor: ...
    def refactored(
        self, score: Tensor, relevant: Tensor, group: Tensor | None = None
    ) -> Tensor: ...
    def comparisons(
        self, score: Tensor, relevant: Tensor, group: Tensor | None = None
    ) -> Tensor: ...
    def evaluate_binaries(
        self, binaries: Tensor, score: Tensor, relevant: Tensor, group: Tensor | None = None
    ) -> Tensor: ...
    def set_epoch(self, epoch: int) -> None: ...

def partial_auroc(
    score: Tensor,
    relevant: Tensor,
    group: Tensor | None = None,
    *,
    max_fpr: float = 0.1,
    seed: int = 0,
) -> Tensor:
    """The loss as a function; ``PartialAuroc`` keeps the options and the step."""

class Pck(nn.Module):
    """The loss of the spec ``pck``.

    PCK: share of the visible joints that are found within alpha torso lengths. Of equally
    bright pixels the first is the peak, row by row; 0 without visible joints.

    The loss is minus the interpolated metric; ``metric`` is the metric itself.

    Inputs:
        heatmap: ``real[n, k, h, w]``.
        joint: ``target real[n, k, 2]``.
        visible: ``bool[n, k]``.
        torso: ``target real[n] in [0, inf)``.
    """

    def __init__(
        self,
        *,
        alpha: float = 0.2,
        temperature: float = 1.0,
        squash: str = "none",
        good: int = 16,
        bad: int = 16,
        nearby: int = 16,
        power: float = 1.0,
        gradient: str = "exact",
        bits: str = "auto",
        seed: int = 0,
        validate: bool = True,
    ) -> None: ...
    def forward(self, heatmap: Tensor, joint: Tensor, visible: Tensor, torso: Tensor) -> Tensor: ...
    def __call__(
        self, heatmap: Tensor, joint: Tensor, visible: Tensor, torso: Tensor
    ) -> Tensor: ...
    def metric(self, heatmap: Tensor, joint: Tensor, visible: Tensor, torso: Tensor) -> Tensor: ...
    def refactored(
        self, heatmap: Tensor, joint: Tensor, visible: Tensor, torso: Tensor
    ) -> Tensor: ...
    def comparisons(
        self, heatmap: Tensor, joint: Tensor, visible: Tensor, torso: Tensor
    ) -> Tensor: ...
    def evaluate_binaries(
        self, binaries: Tensor, heatmap: Tensor, joint: Tensor, visible: Tensor, torso: Tensor
    ) -> Tensor: ...
    def set_epoch(self, epoch: int) -> None: ...

def pck(
    heatmap: Tensor,
    joint: Tensor,
    visible: Tensor,
    torso: Tensor,
    *,
    alpha: float = 0.2,
    seed: int = 0,
) -> Tensor:
    """The loss as a function; ``Pck`` keeps the options and the step."""

class Pckh(nn.Module):
    """The loss of the spec ``pckh``.

    PCKh: share of the visible joints that are found within alpha head segment lengths. Of
    equally bright pixels the first is the peak, row by row; 0 without visible joints.

    The loss is minus the interpolated metric; ``metric`` is the metric itself.

    Inputs:
        heatmap: ``real[n, k, h, w]``.
        joint: ``target real[n, k, 2]``.
        visible: ``bool[n, k]``.
        head: ``target real[n] in [0, inf)``.
    """

    def __init__(
        self,
        *,
        alpha: float = 0.5,
        temperature: float = 1.0,
        squash: str = "none",
        good: int = 16,
        bad: int = 16,
        nearby: int = 16,
        power: float = 1.0,
        gradient: str = "exact",
        bits: str = "auto",
        seed: int = 0,
        validate: bool = True,
    ) -> None: ...
    def forward(self, heatmap: Tensor, joint: Tensor, visible: Tensor, head: Tensor) -> Tensor: ...
    def __call__(self, heatmap: Tensor, joint: Tensor, visible: Tensor, head: Tensor) -> Tensor: ...
    def metric(self, heatmap: Tensor, joint: Tensor, visible: Tensor, head: Tensor) -> Tensor: ...
    def refactored(
        self, heatmap: Tensor, joint: Tensor, visible: Tensor, head: Tensor
    ) -> Tensor: ...
    def comparisons(
        self, heatmap: Tensor, joint: Tensor, visible: Tensor, head: Tensor
    ) -> Tensor: ...
    def evaluate_binaries(
        self, binaries: Tensor, heatmap: Tensor, joint: Tensor, visible: Tensor, head: Tensor
    ) -> Tensor: ...
    def set_epoch(self, epoch: int) -> None: ...

def pckh(
    heatmap: Tensor,
    joint: Tensor,
    visible: Tensor,
    head: Tensor,
    *,
    alpha: float = 0.5,
    seed: int = 0,
) -> Tensor:
    """The loss as a function; ``Pckh`` keeps the options and the step."""

class PixelAccuracy(nn.Module):
    """The loss of the spec ``pixel_accuracy``.

    Share of the labelled pixels whose class is predicted right. Of tied classes the first
    is predicted; ignored pixels do not count; 0 if all are ignored.

    The loss is minus the interpolated metric; ``metric`` is the metric itself.

    Inputs:
        scores: ``real[n, p, h, w]``.
        label: ``int[n, h, w] in p ignore ignore_index``.
    """

    def __init__(
        self,
        *,
        ignore_index: int = 255,
        temperature: float = 0.1,
        squash: str = "sigmoid",
        validate: bool = True,
    ) -> None: ...
    def forward(self, scores: Tensor, label: Tensor) -> Tensor: ...
    def __call__(self, scores: Tensor, label: Tensor) -> Tensor: ...
    def metric(self, scores: Tensor, label: Tensor) -> Tensor: ...
    def refactored(self, scores: Tensor, label: Tensor) -> Tensor: ...
    def comparisons(self, scores: Tensor, label: Tensor) -> Tensor: ...
    def evaluate_binaries(self, binaries: Tensor, scores: Tensor, label: Tensor) -> Tensor: ...
    def set_epoch(self, epoch: int) -> None: ...

def pixel_accuracy(scores: Tensor, label: Tensor, *, ignore_index: int = 255) -> Tensor:
    """The loss as a function; ``PixelAccuracy`` keeps the options and the step."""

class Precision(nn.Module):
    """The loss of the spec ``precision``.

    Precision: share of the relevant items among those that score above the threshold. An
    item at the threshold is not picked; 0 where none is.

    The loss is minus the interpolated metric; ``metric`` is the metric itself.

    Inputs:
        score: ``real[n]``.
        relevant: ``bool[n]``.
    """

    def __init__(
        self,
        *,
        activation: str = "none",
        threshold: float = 0.5,
        temperature: float = 0.1,
        squash: str = "sigmoid",
        validate: bool = True,
    ) -> None: ...
    def forward(self, score: Tensor, relevant: Tensor) -> Tensor: ...
    def __call__(self, score: Tensor, relevant: Tensor) -> Tensor: ...
    def metric(self, score: Tensor, relevant: Tensor) -> Tensor: ...
    def refactored(self, score: Tensor, relevant: Tensor) -> Tensor: ...
    def comparisons(self, score: Tensor, relevant: Tensor) -> Tensor: ...
    def evaluate_binaries(self, binaries: Tensor, score: Tensor, relevant: Tensor) -> Tensor: ...
    def set_epoch(self, epoch: int) -> None: ...

def precision(
    score: Tensor, relevant: Tensor, *, activation: str = "none", threshold: float = 0.5
) -> Tensor:
    """The loss as a function; ``Precision`` keeps the options and the step."""

class PrecisionAtK(nn.Module):
    """The loss of the spec ``precision_at_k``.

    Share of relevant items among the k best-scored ones. Mean over queries; of tied items
    the first ranks higher; 0 on an empty batch.

    The loss is minus the interpolated metric; ``metric`` is the metric itself.

    Inputs:
        score: ``real[n]``.
        relevant: ``bool[n]``.
        group: ``int[n] = 0``.
    """

    def __init__(
        self,
        *,
        k: int = 10,
        squash: str = "none",
        good: int = 16,
        bad: int = 16,
        nearby: int = 16,
        power: float = 1.0,
        gradient: str = "exact",
        bits: str = "auto",
        seed: int = 0,
        validate: bool = True,
    ) -> None: ...
    def forward(self, score: Tensor, relevant: Tensor, group: Tensor | None = None) -> Tensor: ...
    def __call__(self, score: Tensor, relevant: Tensor, group: Tensor | None = None) -> Tensor: ...
    def metric(self, score: Tensor, relevant: Tensor, group: Tensor | None = None) -> Tensor: ...
    def refactored(
        self, score: Tensor, relevant: Tensor, group: Tensor | None = None
    ) -> Tensor: ...
    def comparisons(
        self, score: Tensor, relevant: Tensor, group: Tensor | None = None
    ) -> Tensor: ...
    def evaluate_binaries(
        self, binaries: Tensor, score: Tensor, relevant: Tensor, group: Tensor | None = None
    ) -> Tensor: ...
    def set_epoch(self, epoch: int) -> None: ...

def precision_at_k(
    score: Tensor, relevant: Tensor, group: Tensor | None = None, *, k: int = 10, seed: int = 0
) -> Tensor:
    """The loss as a function; ``PrecisionAtK`` keeps the options and the step."""

class QuadraticWeightedKappa(nn.Module):
    """The loss of the spec ``quadratic_weighted_kappa``.

    Cohen's kappa with quadratic weights, for ordered classes (grades, severities). Of tied
    classes the first is predicted; 0 where all labels and predictions are one class, and on
    an empty batch.

    The loss is minus the interpolated metric; ``metric`` is the metric itself.

    Inputs:
        scores: ``real[n, p]``.
        label: ``int[n] in p``.
    """

    def __init__(
        self, *, temperature: float = 0.1, squash: str = "sigmoid", validate: bool = True
    ) -> None: ...
    def forward(self, scores: Tensor, label: Tensor) -> Tensor: ...
    def __call__(self, scores: Tensor, label: Tensor) -> Tensor: ...
    def metric(self, scores: Tensor, label: Tensor) -> Tensor: ...
    def refactored(self, scores: Tensor, label: Tensor) -> Tensor: ...
    def comparisons(self, scores: Tensor, label: Tensor) -> Tensor: ...
    def evaluate_binaries(self, binaries: Tensor, scores: Tensor, label: Tensor) -> Tensor: ...
    def set_epoch(self, epoch: int) -> None: ...

def quadratic_weighted_kappa(scores: Tensor, label: Tensor) -> Tensor:
    """The loss as a function; ``QuadraticWeightedKappa`` keeps the options and the step."""

class RPrecision(nn.Module):
    """The loss of the spec ``r_precision``.

    R-precision: the precision at as many places as there are relevant items. Mean over
    queries; of tied items the first ranks higher; a query without relevant items is worth
    0.

    The loss is minus the interpolated metric; ``metric`` is the metric itself.

    Inputs:
        score: ``real[n]``.
        relevant: ``bool[n]``.
        group: ``int[n] = 0``.
    """

    def __init__(
        self,
        *,
        squash: str = "none",
        good: int = 16,
        bad: int = 16,
        nearby: int = 16,
        power: float = 1.0,
        gradient: str = "exact",
        bits: str = "auto",
        seed: int = 0,
        validate: bool = True,
    ) -> None: ...
    def forward(self, score: Tensor, relevant: Tensor, group: Tensor | None = None) -> Tensor: ...
    def __call__(self, score: Tensor, relevant: Tensor, group: Tensor | None = None) -> Tensor: ...
    def metric(self, score: Tensor, relevant: Tensor, group: Tensor | None = None) -> Tensor: ...
    def refactored(
        self, score: Tensor, relevant: Tensor, group: Tensor | None = None
    ) -> Tensor: ...
    def comparisons(
        self, score: Tensor, relevant: Tensor, group: Tensor | None = None
    ) -> Tensor: ...
    def evaluate_binaries(
        self, binaries: Tensor, score: Tensor, relevant: Tensor, group: Tensor | None = None
    ) -> Tensor: ...
    def set_epoch(self, epoch: int) -> None: ...

def r_precision(
    score: Tensor, relevant: Tensor, group: Tensor | None = None, *, seed: int = 0
) -> Tensor:
    """The loss as a function; ``RPrecision`` keeps the options and the step."""

class Recall(nn.Module):
    """The loss of the spec ``recall``.

    Recall (sensitivity): share of the relevant items that score above the threshold. An
    item at the threshold is not picked; 0 where nothing is relevant.

    The loss is minus the interpolated metric; ``metric`` is the metric itself.

    Inputs:
        score: ``real[n]``.
        relevant: ``bool[n]``.
    """

    def __init__(
        self,
        *,
        activation: str = "none",
        threshold: float = 0.5,
        temperature: float = 0.1,
        squash: str = "sigmoid",
        validate: bool = True,
    ) -> None: ...
    def forward(self, score: Tensor, relevant: Tensor) -> Tensor: ...
    def __call__(self, score: Tensor, relevant: Tensor) -> Tensor: ...
    def metric(self, score: Tensor, relevant: Tensor) -> Tensor: ...
    def refactored(self, score: Tensor, relevant: Tensor) -> Tensor: ...
    def comparisons(self, score: Tensor, relevant: Tensor) -> Tensor: ...
    def evaluate_binaries(self, binaries: Tensor, score: Tensor, relevant: Tensor) -> Tensor: ...
    def set_epoch(self, epoch: int) -> None: ...

def recall(
    score: Tensor, relevant: Tensor, *, activation: str = "none", threshold: float = 0.5
) -> Tensor:
    """The loss as a function; ``Recall`` keeps the options and the step."""

class RecallAtK(nn.Module):
    """The loss of the spec ``recall_at_k``.

    Share of the relevant items that are among the k best-scored ones. Mean over queries; of
    tied items the first ranks higher; a query without relevant items is worth 0.

    The loss is minus the interpolated metric; ``metric`` is the metric itself.

    Inputs:
        score: ``real[n]``.
        relevant: ``bool[n]``.
        group: ``int[n] = 0``.
    """

    def __init__(
        self,
        *,
        k: int = 10,
        squash: str = "none",
        good: int = 16,
        bad: int = 16,
        nearby: int = 16,
        power: float = 1.0,
        gradient: str = "exact",
        bits: str = "auto",
        seed: int = 0,
        validate: bool = True,
    ) -> None: ...
    def forward(self, score: Tensor, relevant: Tensor, group: Tensor | None = None) -> Tensor: ...
    def __call__(self, score: Tensor, relevant: Tensor, group: Tensor | None = None) -> Tensor: ...
    def metric(self, score: Tensor, relevant: Tensor, group: Tensor | None = None) -> Tensor: ...
    def refactored(
        self, score: Tensor, relevant: Tensor, group: Tensor | None = None
    ) -> Tensor: ...
    def comparisons(
        self, score: Tensor, relevant: Tensor, group: Tensor | None = None
    ) -> Tensor: ...
    def evaluate_binaries(
        self, binaries: Tensor, score: Tensor, relevant: Tensor, group: Tensor | None = None
    ) -> Tensor: ...
    def set_epoch(self, epoch: int) -> None: ...

def recall_at_k(
    score: Tensor, relevant: Tensor, group: Tensor | None = None, *, k: int = 10, seed: int = 0
) -> Tensor:
    """The loss as a function; ``RecallAtK`` keeps the options and the step."""

class ReciprocalRank(nn.Module):
    """The loss of the spec ``reciprocal_rank``.

    Mean reciprocal rank: one over the rank of the best-placed relevant item. Mean over
    queries; of tied items the first ranks higher; a query without relevant items is worth
    0.

    The loss is minus the interpolated metric; ``metric`` is the metric itself.

    Inputs:
        score: ``real[n]``.
        relevant: ``bool[n]``.
        group: ``int[n] = 0``.
    """

    def __init__(
        self, *, temperature: float = 0.1, squash: str = "sigmoid", validate: bool = True
    ) -> None: ...
    def forward(self, score: Tensor, relevant: Tensor, group: Tensor | None = None) -> Tensor: ...
    def __call__(self, score: Tensor, relevant: Tensor, group: Tensor | None = None) -> Tensor: ...
    def metric(self, score: Tensor, relevant: Tensor, group: Tensor | None = None) -> Tensor: ...
    def refactored(
        self, score: Tensor, relevant: Tensor, group: Tensor | None = None
    ) -> Tensor: ...
    def comparisons(
        self, score: Tensor, relevant: Tensor, group: Tensor | None = None
    ) -> Tensor: ...
    def evaluate_binaries(
        self, binaries: Tensor, score: Tensor, relevant: Tensor, group: Tensor | None = None
    ) -> Tensor: ...
    def set_epoch(self, epoch: int) -> None: ...

def reciprocal_rank(score: Tensor, relevant: Tensor, group: Tensor | None = None) -> Tensor:
    """The loss as a function; ``ReciprocalRank`` keeps the options and the step."""

class Spearman(nn.Module):
    """The loss of the spec ``spearman``.

    Spearman's rank correlation of the scores with a target. Mean over queries; tied items
    have their mean rank; a query whose scores or whose targets are all equal is worth 0.

    The loss is minus the interpolated metric; ``metric`` is the metric itself.

    Inputs:
        score: ``real[n]``.
        target: ``target real[n]``.
        group: ``int[n] = 0``.
    """

    def __init__(
        self,
        *,
        squash: str = "none",
        good: int = 16,
        bad: int = 16,
        nearby: int = 16,
        power: float = 1.0,
        gradient: str = "exact",
        bits: str = "auto",
        seed: int = 0,
        validate: bool = True,
    ) -> None: ...
    def forward(self, score: Tensor, target: Tensor, group: Tensor | None = None) -> Tensor: ...
    def __call__(self, score: Tensor, target: Tensor, group: Tensor | None = None) -> Tensor: ...
    def metric(self, score: Tensor, target: Tensor, group: Tensor | None = None) -> Tensor: ...
    def refactored(self, score: Tensor, target: Tensor, group: Tensor | None = None) -> Tensor: ...
    def comparisons(self, score: Tensor, target: Tensor, group: Tensor | None = None) -> Tensor: ...
    def evaluate_binaries(
        self, binaries: Tensor, score: Tensor, target: Tensor, group: Tensor | None = None
    ) -> Tensor: ...
    def set_epoch(self, epoch: int) -> None: ...

def spearman(
    score: Tensor, target: Tensor, group: Tensor | None = None, *, seed: int = 0
) -> Tensor:
    """The loss as a function; ``Spearman`` keeps the options and the step."""

class Specificity(nn.Module):
    """The loss of the spec ``specificity``.

    Specificity (true negative rate): share of the irrelevant items that do not score above
    the threshold. An item at the threshold is not picked; 0 where everything is relevant.

    The loss is minus the interpolated metric; ``metric`` is the metric itself.

    Inputs:
        score: ``real[n]``.
        relevant: ``bool[n]``.
    """

    def __init__(
        self,
        *,
        activation: str = "none",
        threshold: float = 0.5,
        temperature: float = 0.1,
        squash: str = "sigmoid",
        validate: bool = True,
    ) -> None: ...
    def forward(self, score: Tensor, relevant: Tensor) -> Tensor: ...
    def __call__(self, score: Tensor, relevant: Tensor) -> Tensor: ...
    def metric(self, score: Tensor, relevant: Tensor) -> Tensor: ...
    def refactored(self, score: Tensor, relevant: Tensor) -> Tensor: ...
    def comparisons(self, score: Tensor, relevant: Tensor) -> Tensor: ...
    def evaluate_binaries(self, binaries: Tensor, score: Tensor, relevant: Tensor) -> Tensor: ...
    def set_epoch(self, epoch: int) -> None: ...

def specificity(
    score: Tensor, relevant: Tensor, *, activation: str = "none", threshold: float = 0.5
) -> Tensor:
    """The loss as a function; ``Specificity`` keeps the options and the step."""

class TopKAccuracy(nn.Module):
    """The loss of the spec ``top_k_accuracy``.

    Share of the examples whose true class is among the k best-scored classes. Of tied
    classes the first ranks higher; 0 on an empty batch.

    The loss is minus the interpolated metric; ``metric`` is the metric itself.

    Inputs:
        scores: ``real[n, p]``.
        label: ``int[n] in p``.
    """

    def __init__(
        self,
        *,
        k: int = 5,
        temperature: float = 0.1,
        squash: str = "sigmoid",
        validate: bool = True,
    ) -> None: ...
    def forward(self, scores: Tensor, label: Tensor) -> Tensor: ...
    def __call__(self, scores: Tensor, label: Tensor) -> Tensor: ...
    def metric(self, scores: Tensor, label: Tensor) -> Tensor: ...
    def refactored(self, scores: Tensor, label: Tensor) -> Tensor: ...
    def comparisons(self, scores: Tensor, label: Tensor) -> Tensor: ...
    def evaluate_binaries(self, binaries: Tensor, scores: Tensor, label: Tensor) -> Tensor: ...
    def set_epoch(self, epoch: int) -> None: ...

def top_k_accuracy(scores: Tensor, label: Tensor, *, k: int = 5) -> Tensor:
    """The loss as a function; ``TopKAccuracy`` keeps the options and the step."""

class TprAtFpr(nn.Module):
    """The loss of the spec ``tpr_at_fpr``.

    True positive rate at a false positive rate. Mean over queries; a negative that ties
    with a positive counts against it; 0 without positives.

    The loss is minus the interpolated metric; ``metric`` is the metric itself.

    Inputs:
        score: ``real[n]``.
        relevant: ``bool[n]``.
        group: ``int[n] = 0``.
    """

    def __init__(
        self,
        *,
        fpr: float = 0.01,
        temperature: float = 0.1,
        squash: str = "sigmoid",
        validate: bool = True,
    ) -> None: ...
    def forward(self, score: Tensor, relevant: Tensor, group: Tensor | None = None) -> Tensor: ...
    def __call__(self, score: Tensor, relevant: Tensor, group: Tensor | None = None) -> Tensor: ...
    def metric(self, score: Tensor, relevant: Tensor, group: Tensor | None = None) -> Tensor: ...
    def refactored(
        self, score: Tensor, relevant: Tensor, group: Tensor | None = None
    ) -> Tensor: ...
    def comparisons(
        self, score: Tensor, relevant: Tensor, group: Tensor | None = None
    ) -> Tensor: ...
    def evaluate_binaries(
        self, binaries: Tensor, score: Tensor, relevant: Tensor, group: Tensor | None = None
    ) -> Tensor: ...
    def set_epoch(self, epoch: int) -> None: ...

def tpr_at_fpr(
    score: Tensor, relevant: Tensor, group: Tensor | None = None, *, fpr: float = 0.01
) -> Tensor:
    """The loss as a function; ``TprAtFpr`` keeps the options and the step."""

class WithinOne(nn.Module):
    """The loss of the spec ``within_one``.

    Share of the examples whose predicted class is at most one away from the true one
    (adjacent accuracy). Of tied classes the first is predicted; 0 on an empty batch.

    The loss is minus the interpolated metric; ``metric`` is the metric itself.

    Inputs:
        scores: ``real[n, p]``.
        label: ``int[n] in p``.
    """

    def __init__(
        self, *, temperature: float = 0.1, squash: str = "sigmoid", validate: bool = True
    ) -> None: ...
    def forward(self, scores: Tensor, label: Tensor) -> Tensor: ...
    def __call__(self, scores: Tensor, label: Tensor) -> Tensor: ...
    def metric(self, scores: Tensor, label: Tensor) -> Tensor: ...
    def refactored(self, scores: Tensor, label: Tensor) -> Tensor: ...
    def comparisons(self, scores: Tensor, label: Tensor) -> Tensor: ...
    def evaluate_binaries(self, binaries: Tensor, scores: Tensor, label: Tensor) -> Tensor: ...
    def set_epoch(self, epoch: int) -> None: ...

def within_one(scores: Tensor, label: Tensor) -> Tensor:
    """The loss as a function; ``WithinOne`` keeps the options and the step."""
