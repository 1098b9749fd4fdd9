"""Pictures of the four stages: Mermaid, DOT, and an SVG laid out here, one column a stage.

All three take a directed graph whose nodes have the attributes ``label`` and ``stage``, and need no
other program. What is written depends on the graph alone: pictures of two versions can be compared.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any
from xml.sax.saxutils import escape, quoteattr

if TYPE_CHECKING:
    from typing import TypeAlias

    import networkx as nx

    StageGraph: TypeAlias = nx.DiGraph[Any]

STAGES = ("score", "comparison", "binary", "metric", "term", "loss")

# Light fills behind black text, in the order of the stages.
_FILLS = {
    "score": "#dbe9f6",
    "comparison": "#e6e0f3",
    "binary": "#fde8cf",
    "metric": "#dff0d8",
    "term": "#fde8cf",
    "loss": "#dff0d8",
    "": "#eeeeee",
}
_EDGE = "#667085"


def mermaid(graph: StageGraph, title: str = "") -> str:
    """A Mermaid flowchart, as Markdown pages on code hosts show it."""
    names = _names(graph)
    lines = ["---", f"title: {_mermaid_text(title)}", "---"] if title else []
    lines.append("flowchart LR")
    for place, (stage, nodes) in enumerate(_columns(graph).items()):
        lines.append(f'  subgraph stage_{place}["{stage or "other"}"]')
        for node in nodes:
            lines.append(f"    {names[node]}[{_mermaid_text(_label(graph, node))}]")
        lines.append("  end")
    lines += [f"  {names[left]} --> {names[right]}" for left, right in _edges(graph)]
    return "\n".join(lines) + "\n"


def dot(graph: StageGraph, title: str = "") -> str:
    """A DOT digraph for Graphviz."""
    names = _names(graph)
    lines = [f"digraph {_dot_text(title or 'stages')} {{", "  rankdir=LR;"]
    lines.append('  node [shape=box, style="rounded,filled", fontname="monospace"];')
    for place, (stage, nodes) in enumerate(_columns(graph).items()):
        lines += [f"  subgraph cluster_{place} {{", f"    label={_dot_text(stage or 'other')};"]
        for node in nodes:
            label = _dot_text(_label(graph, node))
            lines.append(f'    {names[node]} [label={label}, fillcolor="{_fill(stage)}"];')
        lines.append("  }")
    lines += [f"  {names[left]} -> {names[right]};" for left, right in _edges(graph)]
    return "\n".join([*lines, "}"]) + "\n"


def svg(graph: StageGraph, title: str = "") -> str:
    """A picture: the stages from left to right, each node beside those that it depends on."""
    boxes, width, height = _layout(graph)
    top = _MARGIN + (_TITLE if title else 0)
    width, height = max(width, _MARGIN * 2 + len(title) * 10), height + top
    name = _printable(title or "stages")
    parts = [
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {width} {height}"'
        f' width="{width}" height="{height}" role="img" aria-label={quoteattr(name)}>',
        f"<title>{escape(name)}</title>",
        '<defs><marker id="arrow" viewBox="0 0 8 8" refX="8" refY="4" markerWidth="8"'
        f' markerHeight="8" orient="auto"><path d="M0 0L8 4L0 8z" fill="{_EDGE}"/></marker></defs>',
        f'<rect width="{width}" height="{height}" fill="#ffffff"/>',
    ]
    if title:
        style = 'font-family="sans-serif" font-size="16" font-weight="bold"'
        parts.append(f'<text x="{_MARGIN}" y="{_MARGIN + 12}" {style}>{_xml(title)}</text>')
    parts.append(f'<g transform="translate(0 {top})">')
    for stage in _columns(graph):
        over = [box for box in boxes.values() if box.stage == stage]
        middle = (min(box.x for box in over) + max(box.x + box.width for box in over)) / 2
        style = f'font-family="sans-serif" font-size="13" fill="{_EDGE}" text-anchor="middle"'
        parts.append(f'<text x="{middle:g}" y="12" {style}>{_xml(stage or "other")}</text>')
    parts += [_arrow(boxes[left], boxes[right]) for left, right in _edges(graph)]
    parts += [_drawn(box) for box in boxes.values()]
    return "\n".join([*parts, "</g>", "</svg>"]) + "\n"


# ---------------------------------------------------------------------------- layout

_MARGIN, _TITLE, _HEAD = 16, 28, 28
_CHARACTER, _LINE, _PADDING = 7.3, 17, 10  # of 12 px monospace, in pixels, on the wide side
_GAP_ACROSS, _GAP_DOWN, _WIDEST = 64, 16, 44  # the last in characters


@dataclass(frozen=True)
class _Box:
    x: float
    y: float
    width: float
    height: float
    stage: str
    lines: tuple[str, ...]

    @property
    def centre(self) -> float:
        return self.y + self.height / 2


def _layout(graph: StageGraph) -> tuple[dict[Any, _Box], float, float]:
    """Boxes by node, and the picture's width and height."""
    boxes: dict[Any, _Box] = {}
    x: float = _MARGIN
    bottom: float = _HEAD
    columns = _ranked(graph)
    for place, (stage, nodes) in enumerate(columns):
        lines = {node: _wrapped(_label(graph, node)) for node in nodes}
        widest = max(len(line) for wrapped in lines.values() for line in wrapped)
        width = round(widest * _CHARACTER) + 2 * _PADDING
        y: float = _HEAD
        for node in _by_neighbours(graph, nodes, boxes):
            height = len(lines[node]) * _LINE + 2 * _PADDING
            boxes[node] = _Box(x, y, width, height, stage, lines[node])
            y += height + _GAP_DOWN
        bottom = max(bottom, y)
        x += width + (_GAP_ACROSS if place + 1 < len(columns) else 0)
    return _centred(boxes, bottom - _GAP_DOWN), x + _MARGIN, bottom


def _ranked(graph: StageGraph) -> list[tuple[str, list[Any]]]:
    """Columns of nodes: those of one stage that feed each other stand in columns side by side."""
    columns = []
    for stage, nodes in _columns(graph).items():
        depth: dict[Any, int] = dict.fromkeys(nodes, 0)
        for _ in nodes:  # longest paths within the stage; a cycle stops after as many rounds
            deeper = [
                (right, depth[left] + 1)
                for left, right in _edges(graph)
                if left in depth and right in depth and depth[right] <= depth[left]
            ]
            if not deeper:
                break
            depth.update(deeper)
        for level in sorted(set(depth.values())):
            columns.append((stage, [node for node in nodes if depth[node] == level]))
    return columns


def _by_neighbours(graph: StageGraph, nodes: list[Any], placed: dict[Any, _Box]) -> list[Any]:
    """``nodes`` from top to bottom by the mean height of what they depend on: few crossings."""

    def height(node: Any) -> float:
        above = [placed[left].centre for left in graph.predecessors(node) if left in placed]
        return sum(above) / len(above) if above else float("inf")

    return sorted(nodes, key=height)


def _centred(boxes: dict[Any, _Box], bottom: float) -> dict[Any, _Box]:
    """Columns moved down so that their middles meet."""
    lowest: dict[float, float] = {}
    for box in boxes.values():
        lowest[box.x] = max(lowest.get(box.x, 0), box.y + box.height)
    return {
        node: _Box(
            box.x, box.y + (bottom - lowest[box.x]) / 2, box.width, box.height, box.stage, box.lines
        )
        for node, box in boxes.items()
    }


def _wrapped(label: str) -> tuple[str, ...]:
    """Lines of at most ``_WIDEST`` characters, broken at blanks where there are any."""
    lines: list[str] = []
    for line in label.splitlines() or [""]:
        while len(line) > _WIDEST:
            cut = line.rfind(" ", 1, _WIDEST + 1)
            cut = cut if cut > 0 else _WIDEST
            lines.append(line[:cut])
            line = "  " + line[cut:].lstrip()
        lines.append(line)
    return tuple(lines)


def _arrow(start: _Box, end: _Box) -> str:
    """From the right side of one box to the left side of the other."""
    x0, y0, x1, y1 = start.x + start.width, start.centre, end.x, end.centre
    bend = max(24.0, abs(x1 - x0) / 2)
    path = f"M{x0:g} {y0:g}C{x0 + bend:g} {y0:g} {x1 - bend:g} {y1:g} {x1:g} {y1:g}"
    return (
        f'<path d="{path}" fill="none" stroke="{_EDGE}" stroke-width="1.2"'
        ' marker-end="url(#arrow)"/>'
    )


def _drawn(box: _Box) -> str:
    rows = "".join(
        f'<tspan x="{box.x + _PADDING:g}" y="{box.y + _PADDING + 13 + place * _LINE:g}"'
        f' xml:space="preserve">{_xml(line)}</tspan>'
        for place, line in enumerate(box.lines)
    )
    return (
        f'<rect x="{box.x:g}" y="{box.y:g}" width="{box.width:g}" height="{box.height:g}" rx="6"'
        f' fill="{_fill(box.stage)}" stroke="{_EDGE}"/>'
        f'<text font-family="monospace" font-size="12">{rows}</text>'
    )


# ---------------------------------------------------------------------------- the graph


def _columns(graph: StageGraph) -> dict[str, list[Any]]:
    """Nodes by stage, in the order of the stages; unknown stages come last."""
    stages = [str(graph.nodes[node].get("stage", "")) for node in graph]
    others = sorted(set(stages) - set(STAGES))
    columns: dict[str, list[Any]] = {stage: [] for stage in (*STAGES, *others)}
    for node, stage in zip(graph, stages, strict=True):
        columns[stage].append(node)
    return {stage: nodes for stage, nodes in columns.items() if nodes}


def _edges(graph: StageGraph) -> list[tuple[Any, Any]]:
    return list(graph.edges())


def _names(graph: StageGraph) -> dict[Any, str]:
    return {node: f"n{place}" for place, node in enumerate(graph)}


def _label(graph: StageGraph, node: Any) -> str:
    return str(graph.nodes[node].get("label", node))


def _fill(stage: str) -> str:
    return _FILLS.get(stage, _FILLS[""])


# ---------------------------------------------------------------------------- escaping


def _xml(text: str) -> str:
    return escape(_printable(text))


def _printable(text: str) -> str:
    """``text`` with U+FFFD for control characters, which XML does not have."""
    return "".join(character if character.isprintable() else "\ufffd" for character in text)


def _dot_text(text: str) -> str:
    quoted = text.replace("\\", "\\\\").replace('"', '\\"').replace("\n", "\\n")
    return f'"{quoted}"'


def _mermaid_text(text: str) -> str:
    """A quoted label. Mermaid has no backslash: what it would read is written as a code."""
    codes = {"\n": "<br/>", '"': "#quot;", "#": "#35;", "&": "#amp;", "<": "#lt;", ">": "#gt;"}
    codes |= {"`": "#96;", "\\": "#92;"}
    return '"' + "".join(codes.get(character, character) for character in text) + '"'
