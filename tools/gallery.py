"""Writes ``docs/gallery.md`` and its pictures: every bundled spec, what was found in it, its loss.

``python tools/gallery.py`` writes them, ``--check`` compares the page and changes nothing.
"""

from __future__ import annotations

import sys
from collections.abc import Iterator
from pathlib import Path

from lossc import specs
from lossc.compiler.compile import CompiledLoss, compile_spec
from lossc.grammar import syntax as sx
from lossc.grammar.format_pieces import interval, literal
from lossc.grammar.load import load
from lossc.grammar.reformat import reformat
from lossc.grammar.source import Source

ROOT = Path(__file__).resolve().parent.parent
PAGE = ROOT / "docs" / "gallery.md"
PICTURES = ROOT / "docs" / "gallery"

#: Every bundled spec has its place here.
GROUPS: dict[str, tuple[str, ...]] = {
    "Multi-class": (
        *("accuracy", "top_k_accuracy", "balanced_accuracy", "macro_f1", "matthews_corrcoef"),
        *("cohen_kappa", "quadratic_weighted_kappa", "within_one"),
    ),
    "Binary": ("precision", "recall", "specificity", "f_beta", "jaccard"),
    "Ranking": (
        *("average_precision", "interpolated_average_precision", "auroc", "partial_auroc"),
        *("tpr_at_fpr", "fnmr_at_fmr", "equal_error_rate", "precision_at_k", "recall_at_k"),
        *("reciprocal_rank", "hit_rate", "r_precision", "ndcg", "spearman", "kendall_tau"),
        "concordance_index",
    ),
    "Segmentation": ("mean_iou", "dice", "pixel_accuracy"),
    "Pose": ("pck", "pckh"),
    "Differentiable": (
        *("cross_entropy", "bce", "focal", "ohem", "anchor_bce", "anchor_bce_static"),
        *("anchor_bce_weighted", "anchor_bce_soft", "anchor_pose", "focal_pose"),
        *("heatmap_mse", "ohkm", "euclidean", "manual", "manual_i1", "adaptive_h1", "adaptive_i1"),
    ),
}
HEAD = """# Gallery

All {count} bundled specs: what each is, its text, what the compiler finds in it, and its loss on a
small batch. `python tools/gallery.py` writes this page and its pictures from the specs.
[language.md](language.md) explains the notation; `lossc explain NAME` shows the stages in full.

**The pictures.** One score of the spec's first example moves, and all else stays. Above, in grey:
the metric itself, a staircase; in blue: the metric as the surrogate sees it, with the spec's own
options (the loss is its negative where larger is better). Below, in orange: the gradient of the
loss by that score; where it is negative, a training step raises the score. Some anchors are drawn
around the current outcome, so the blue line may jump, either way, where the outcome changes: no
gradient sees that. A differentiable loss has one line above, its value.
"""


def groups() -> dict[str, list[str]]:
    """The bundled specs, group by group.

    Raises:
        ValueError: A bundled spec has no group.
    """
    bundled = set(specs.names())
    lost = bundled - {name for names in GROUPS.values() for name in names}
    if lost:
        raise ValueError(f"no group in tools/gallery.py has {', '.join(sorted(lost))}")
    return {group: [n for n in names if n in bundled] for group, names in GROUPS.items()}


def head() -> str:
    """What stands above the specs: an introduction, and the contents."""
    lines = [HEAD.format(count=len(specs.names()))]
    for group, names in groups().items():
        links = ", ".join(f"[{name}](#{name})" for name in names)
        lines.append(f"- **[{group}](#{group.lower()})**: {links}")
    return "\n".join(lines) + "\n"


def entry(name: str) -> str:
    """What the page says of one spec."""
    compiled = compile_spec(name)
    spec = compiled.spec
    lines = [f"### {name}", "", spec.doc or "", ""]
    if spec.source:
        lines += [f"*Source: {spec.source}.*", ""]
    lines += [*_inputs(spec), *_params(load(name))]
    lines += ["```lossc", text_of(name).rstrip(), "```", ""]
    lines += [*_stages(compiled), ""]
    lines.append(f"![{name} as one score moves](gallery/{name}.svg)")
    return "\n".join(lines) + "\n"


def page() -> str:
    """The whole page."""
    parts = [head()]
    for group, names in groups().items():
        parts += [f"## {group}\n", *map(entry, names)]
    return "\n".join(parts)


def text_of(name: str) -> str:
    """The text of a bundled spec with its comments, in the DSL."""
    path = specs.path(name)
    text = path.read_text(encoding="utf-8")
    if path.suffix == ".lossc":
        return text
    return reformat(Source(str(path), text), yaml=True, to_yaml=False)


def _inputs(spec: sx.Spec) -> Iterator[str]:
    yield "| input | kind | |"
    yield "| --- | --- | --- |"
    for given in spec.inputs:
        role = "live" if given.kind.live else "target"
        if given.kind.default is not None:
            role += ", optional"
        yield f"| `{given.name.id}` | `{' '.join(given.kind.span.text.split())}` | {role} |"
    yield ""


def _params(spec: sx.Spec) -> Iterator[str]:
    if not spec.params:
        return
    yield "| param | default | range |"
    yield "| --- | --- | --- |"
    for param in spec.params:
        bounds = f"`{interval(param.range)}`" if param.range is not None else ""
        yield f"| `{param.name.id}` | `{literal(param.default)}` | {bounds} |"
    yield ""


def _stages(compiled: CompiledLoss) -> Iterator[str]:
    """The stages in short: what is compared, what is counted, its cost, and where it is best."""
    stages = compiled.stages
    rows = stages.rows()
    if not compiled.plan.is_metric:
        yield f"- loss: `{rows[-1]['expression']}`"
        return
    ties = [row["ties"] for row in rows if row["stage"] == "binary"]
    compared = (row for row in rows if row["stage"] == "comparison")
    for row, tie in zip(compared, ties, strict=True):
        where = f" where `{row['condition']}`" if row["condition"] else ""
        number = f"`{row['count']}`".replace("`at most ", "at most `")
        yield f"- compares `{row['expression']}`{where}: {number} of them; {_quoted(tie)}"
    for row in rows:
        if row["stage"] == "binary":
            yield f"- counts `{row['name']} = {row['expression']}`"
    yield f"- form: {stages.shape}"
    yield f"- best: {stages.best}"
    yield f"- surrogate: {stages.surrogate}"


def _quoted(tie: str) -> str:
    said, where, condition = tie.partition(" where ")
    return f"{said}{where}`{condition}`" if condition else said


def main(arguments: list[str]) -> int:
    """Write the page and its pictures, or compare the page. Returns 1 where it differs."""
    text = page()
    if arguments == ["--check"]:
        there = PAGE.read_text(encoding="utf-8") if PAGE.is_file() else ""
        if text != there:
            print(f"{PAGE.relative_to(ROOT)} is not up to date: run python tools/gallery.py")
        return int(text != there)
    from gallery_pictures import draw

    PAGE.write_text(text, encoding="utf-8")
    PICTURES.mkdir(exist_ok=True)
    for file in PICTURES.glob("*.svg"):
        if file.stem not in specs.names():
            file.unlink()
    for name in specs.names():
        draw(name, PICTURES / f"{name}.svg")
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
