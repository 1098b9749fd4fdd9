"""The tables of `ranking.py` in Markdown, and its figure."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from measuring import slope

Row = dict[str, Any]


def shown(value: float | None, form: str = ".3g") -> str:
    """A number, or nothing."""
    if value is None:
        return ""
    if form == "mb":
        return "< 0.1" if value < 0.1 else f"{value:,.3g}" if value < 100 else f"{value:,.0f}"
    return f"{value:,.0f}" if form == ".3g" and value >= 1000 else format(value, form)


def table(head: str, rows: list[list[str]]) -> str:
    """A Markdown table whose first column is text."""
    rule = "| --- |" + " ---: |" * (head.count("|") - 2)
    return "\n".join([head, rule, *("| " + " | ".join(cells) + " |" for cells in rows)])


def average_precision_table(rows: list[Row], peers: dict[str, Any]) -> str:
    """Speed and rightness in one row, and the notes of the peers."""
    notes: list[str] = []
    cells = []
    for row in rows:
        name = row["loss"]
        if row.get("note"):
            if row["note"] not in notes:
                notes.append(row["note"])
            name += f" [{notes.index(row['note']) + 1}]"
        spread = f"{shown(row['low'])} to {shown(row['high'])}" if "ms" in row else ""
        zeros = f"{100 * row['zeros']:.0f}%" if "zeros" in row else ""
        line = [name, f"{row['n']:,}", shown(row.get("ms")), spread, shown(row.get("ratio"), ".2f")]
        line += [shown(row.get("mb"), "mb"), shown(row.get("ap"), ".4f")]
        line += [shown(row.get(f"{kind}_error"), ".0e") for kind in ("value", "gradient")]
        cells.append([*line, zeros])
    head = "| loss | n | ms | quartiles | times ours | MB | AP | value error | gradient error "
    lines = [table(head + "| zero gradients |", cells), ""]
    lines += [f"[{number}] {note}." for number, note in enumerate(notes, 1)]
    versions = ", ".join(f"{name} {version}" for name, version in peers["versions"].items())
    lines.append(f"\nPeers: {versions or 'none'}.")
    lines += [f"Left out: {name} ({reason})." for name, reason in peers["missing"].items()]
    return "\n".join(lines)


def scaling_table(rows: list[Row]) -> str:
    """Milliseconds and MB by size, and the slopes from 10,000 on."""
    names = list(dict.fromkeys(row["variant"] for row in rows))
    sizes = list(dict.fromkeys(row["n"] for row in rows))
    at = {(row["variant"], row["n"]): row for row in rows}
    large = [n for n in sizes if n >= 10_000] or sizes
    cells = []
    for name in names:
        found = [at[name, n] for n in sizes]
        both = (f"{shown(row['ms'])} / {shown(row['mb'], 'mb') or '-'}" for row in found)
        exponent = slope(large, [at[name, n]["ms"] for n in large])
        cells.append([name, *both, f"{exponent:.2f}"])
    head = "| ms / MB | " + " | ".join(f"{n:,}" for n in sizes) + f" | slope from {large[0]:,} |"
    return table(head, cells)


def pckh_table(rows: list[Row]) -> str:
    """Time and memory of PCKh."""
    head = "| loss | map | ms | quartiles | MB | value against dense | gradient against dense |"
    cells = [
        [
            row["variant"],
            f"6 x 16 x {row['side']} x {row['side']}",
            shown(row["ms"]),
            f"{shown(row['low'])} to {shown(row['high'])}",
            shown(row["mb"], "mb"),
            *(shown(row.get(f"{kind}_error"), ".0e") for kind in ("value", "gradient")),
        ]
        for row in rows
    ]
    return table(head, cells)


def interpolation_table(rows: list[Row]) -> str:
    """Accuracy under IDW, cross entropy, and written-out configurations."""
    head = "| batch x classes | ours, ms | cross entropy, ms | times cross entropy "
    cells = []
    for row in rows:
        line = [f"{row['examples']} x {row['classes']}", shown(row["ours"])]
        line += [shown(row["cross entropy"]), shown(row["ours"] / row["cross entropy"], ".1f")]
        slow = row.get("written out")
        faster = shown(slow / row["ours"], ".1f") if slow else ""
        cells.append([*line, shown(slow) or "not run", faster])
    return table(head + "| written out, ms | times faster than written out |", cells)


def put(text: str, name: str, content: str) -> str:
    """``text`` with ``content`` between the marks of ``name``, or at the end."""
    begin, end = f"<!-- {name} -->", f"<!-- /{name} -->"
    if begin not in text:
        return f"{text.rstrip()}\n\n{begin}\n{content}\n{end}\n"
    head, _, rest = text.partition(begin)
    return f"{head}{begin}\n{content}\n{end}{rest.partition(end)[2]}"


def figure(rows: list[Row], path: Path) -> None:
    """Time and memory by size, on log scales, as an SVG."""
    import matplotlib

    matplotlib.use("Agg")
    from matplotlib import pyplot

    pyplot.rcParams |= {"svg.hashsalt": "lossc", "svg.fonttype": "none", "font.size": 9}
    drawn, axes = pyplot.subplots(1, 2, figsize=(9, 3.6), layout="constrained")
    metrics = [*dict.fromkeys(row["variant"].partition(", ")[0] for row in rows)]
    for variant in dict.fromkeys(row["variant"] for row in rows):
        metric, _, step = variant.partition(", ")
        line = {"color": f"C{metrics.index(metric)}", "marker": ".", "label": variant}
        line["linestyle"] = "-" if step == "sigmoid" else "--"
        for axis, what in zip(axes, ("ms", "mb"), strict=True):
            there = [row for row in rows if row["variant"] == variant and (row[what] or 0) > 0.1]
            if there:
                axis.plot([row["n"] for row in there], [row[what] for row in there], **line)
    for axis, title in zip(axes, ("milliseconds", "MB of memory"), strict=True):
        axis.set(xscale="log", yscale="log", xlabel="scores", title=title)
        axis.grid(alpha=0.3)
    axes[0].legend(frameon=False)
    path.parent.mkdir(parents=True, exist_ok=True)
    drawn.savefig(path, metadata={"Date": None})
    pyplot.close(drawn)
