"""Specs to start from, one for each kind of task: what ``lossc new`` writes."""

from __future__ import annotations

import re

from lossc.grammar.words import RESERVED

_CLASSIFICATION = """\
# What the network puts out is `real`: gradients flow to it. All other inputs are given.
spec NAME
doc "Say in one line what is measured. Here: accuracy, with a weight for each class."
source "Say who defined it."

input scores: real[n, p]  # one row an example, one column a class
input label: int[n] in p  # the index of the right class
input weight: target real[p] in [0, inf)  # how much each class counts

# how the network's output becomes an answer
decode predicted[i] = argmax[j] scores[i, j]
# how the answer is judged; `else` says what an empty batch is worth
let total = sum[i] weight[label[i]]
evaluate (sum[i] weight[label[i]] * [predicted[i] == label[i]]) / total else 0
# scores of a perfect network
truth scores[i, j] = [j == label[i]]

# worked out by hand; every compile checks it
example scores = [[0.9, 0.1], [0.2, 0.8], [0.6, 0.4]], label = [0, 1, 1], weight = [1, 2]
    gives 0.6
"""

_RANKING = """\
# What the network puts out is `real`: gradients flow to it. All other inputs are given.
spec NAME
doc "Say in one line what is measured. Here: the share of the relevant items that are in the top k."
source "Say who defined it."

input score: real[n]  # one number an item: the larger, the higher it ranks
input relevant: bool[n]
param k = 10 in [1, inf)  # users may set it: --param k=5

# `beats` settles ties: of two equal scores the first wins
let above[i] = count[j | score[j] beats score[i]]
# the mean is over the relevant items only; without any, the metric is 0
evaluate mean[i | relevant[i]] [above[i] < k] else 0

# worked out by hand; every compile checks it
example score = [0.9, 0.2, 0.7, 0.4], relevant = [1, 1, 0, 1], k = 3 gives 0.6666667
"""

_SEGMENTATION = """\
# What the network puts out is `real`: gradients flow to it. All other inputs are given.
spec NAME
doc "Say in one line what is measured. Here: the mean of the recalls of the classes that occur."
source "Say who defined it."

input scores: real[n, p, h, w]
input label: int[n, h, w] in p ignore ignore_index  # the class of each pixel
param ignore_index = 255  # pixels with this label do not count

# how the network's output becomes an answer
decode predicted[b, y, x] = argmax[c] scores[b, c, y, x]
# how the answer is judged
let size[c] = count[b, y, x | valid(label[b, y, x]) and label[b, y, x] == c]
let hits[b, y, x] = valid(label[b, y, x]) and predicted[b, y, x] == label[b, y, x]
let found[c] = count[b, y, x | hits[b, y, x] and label[b, y, x] == c]
evaluate mean[c | size[c] > 0] found[c] / size[c] else 0
# scores of a perfect network
truth scores[b, c, y, x] = [c == label[b, y, x]]

# worked out by hand; every compile checks it
example scores = [[[[0.9, 0.2, 0.6]], [[0.1, 0.8, 0.4]]]], label = [[[0, 1, 1]]] gives 0.75
"""

_POSE = """\
# What the network puts out is `real`: gradients flow to it. All other inputs are given.
spec NAME
doc "Say in one line what is measured. Here: the share of visible joints found within a radius."
source "Say who defined it."

input heatmap: real[n, k, h, w]  # one map a joint
input joint: target real[n, k, 2]  # x and y, in pixels of the map
input visible: bool[n, k]
param radius = 2 in (0, inf)  # users may set it: --param radius=3

# the joint is where its map is brightest
decode peak[b, q] = argmax[x, y] heatmap[b, q, y, x]
# joints that nobody can see do not count; without any, the metric is 0
evaluate mean[b, q | visible[b, q]] [distance(peak[b, q], joint[b, q]) <= radius] else 0

# worked out by hand; every compile checks it
example heatmap = [[[[0.1, 0.2, 0.9]], [[0.8, 0.1, 0.3]]]],
    joint = [[[1, 0], [2, 0]]],
    visible = [[1, 1]],
    radius = 1
    gives 0.5
"""

_LOSS = """\
# What the network puts out is `real`: gradients flow to it. All other inputs are given.
spec NAME
doc "Say in one line what is computed. Here: a binary cross entropy with weights."
source "Say who defined it."

input logit: real[n]
input label: bool[n]
input weight: target real[n] in [0, inf) = 1  # optional: 1 where it is not given

# a `loss` is trained as it is; `evaluate` and `minimize` take metrics with decisions
let q[i] = sigmoid(logit[i])
let entropy[i] = -([label[i]] * log(q[i]) + [not label[i]] * log(1 - q[i]))
loss mean[i] weight[i] * entropy[i] else 0

# worked out by hand; every compile checks it
example logit = [0, 0], label = [1, 0] gives 0.6931472
"""

STARTERS = {
    "classification": _CLASSIFICATION,
    "ranking": _RANKING,
    "segmentation": _SEGMENTATION,
    "pose": _POSE,
    "loss": _LOSS,
}


def starter(kind: str, name: str, *, yaml: bool = False) -> str:
    """The text of a spec to start from, in one of the two forms."""
    from lossc.grammar.reformat import reformat
    from lossc.grammar.source import Source

    text = STARTERS[kind].replace("spec NAME", f"spec {name}")
    return reformat(Source(f"<{kind}>", text), yaml=False, to_yaml=yaml)


def unfit(name: str) -> str | None:
    """Why a spec cannot be called ``name``; ``None`` if it can.

    >>> unfit("my_metric")
    >>> unfit("my-metric")
    "'my-metric' is no name: it has letters, digits and _ only, as in 'my_metric'"
    """
    if re.fullmatch("[A-Za-z_][A-Za-z_0-9]*", name) is None:
        like = re.sub("[^A-Za-z_0-9]+", "_", name).strip("_") or "my_metric"
        like = f"_{like}" if like[0].isdigit() else like
        return f"'{name}' is no name: it has letters, digits and _ only, as in '{like}'"
    if name in RESERVED or name in ("True", "False", "None"):
        return f"'{name}' is a word of the language and cannot be a name: try '{name}_'"
    return None
