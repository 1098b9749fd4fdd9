"""Pictures of the stages are well formed, whatever a label holds."""

from __future__ import annotations

import xml.etree.ElementTree as ElementTree

import networkx as nx
import pytest

from lossc.compiler import diagram

NASTY = "a < b & \"c\" 'd' `e` \\f #g [h] {i} |j| \n second line \x00 ünïcode"


@pytest.fixture
def graph() -> nx.DiGraph:
    graph = nx.DiGraph()
    graph.add_node("s", label="scores[i, j]", stage="score")
    graph.add_node("c", label="scores[i, a] - scores[i, j]", stage="comparison")
    graph.add_node("b", label="c > 0, or c = 0 and a before j", stage="binary")
    graph.add_node("m", label="mean[i] " + "all[j] beats(i, j) " * 5, stage="metric")
    graph.add_node("r", label="-metric", stage="metric")
    graph.add_edges_from([("s", "c"), ("c", "b"), ("b", "m"), ("m", "r")])
    return graph


@pytest.fixture
def nasty() -> nx.DiGraph:
    graph = nx.DiGraph()
    graph.add_node(NASTY, label=NASTY, stage="score")
    graph.add_node("other", label="x", stage=NASTY)
    graph.add_edge(NASTY, "other")
    return graph


def boxes(text: str) -> list[tuple[float, float, float, float]]:
    rects = ElementTree.fromstring(text).iter("{http://www.w3.org/2000/svg}rect")
    sides = ("x", "y", "width", "height")
    return [tuple(float(r.attrib[s]) for s in sides) for r in rects if "x" in r.attrib]


def test_svg_columns_follow_the_stages(graph):
    lefts = [x for x, *_ in boxes(diagram.svg(graph))]
    assert lefts == sorted(lefts)
    assert len(set(lefts)) == 5


def test_svg_boxes_lie_inside_the_picture_and_apart(graph):
    for place in range(6):
        graph.add_node(f"t{place}", label="threshold\n" * place, stage="score")
    picture = diagram.svg(graph, title="accuracy")
    root = ElementTree.fromstring(picture)
    width, height = float(root.attrib["width"]), float(root.attrib["height"])
    found = boxes(picture)
    assert len(found) == len(graph)
    for place, (x, y, w, h) in enumerate(found):
        assert x >= 0 and x + w <= width
        assert y >= 0 and y + h <= height
        for x2, y2, w2, h2 in found[:place]:
            assert x + w <= x2 or x2 + w2 <= x or y + h <= y2 or y2 + h2 <= y


def test_svg_holds_every_label(graph):
    root = ElementTree.fromstring(diagram.svg(graph, title="accuracy"))
    words = " ".join("".join(root.itertext()).split())
    for node in graph:
        for word in graph.nodes[node]["label"].split():
            assert word in words


def test_svg_is_well_formed_for_any_label(nasty):
    root = ElementTree.fromstring(diagram.svg(nasty, title=NASTY))
    assert 'a < b & "c"' in "".join(root.itertext())


def test_svg_of_a_cycle_and_of_nothing():
    cycle = nx.DiGraph([("a", "b"), ("b", "a")])
    assert len(boxes(diagram.svg(cycle))) == 2
    assert boxes(diagram.svg(nx.DiGraph())) == []


def test_mermaid(graph):
    lines = diagram.mermaid(graph, title="accuracy").splitlines()
    assert lines[:4] == ["---", 'title: "accuracy"', "---", "flowchart LR"]
    assert '    n0["scores[i, j]"]' in lines
    assert "  n0 --> n1" in lines


def test_mermaid_escapes_what_it_would_read(nasty):
    (label,) = [line for line in diagram.mermaid(nasty).splitlines() if line.startswith("    n0[")]
    inner = label.removeprefix('    n0["').removesuffix('"]')
    assert not set(inner) & set('"`\\')
    assert "a #lt; b #amp; #quot;c#quot;" in inner


def test_dot(graph):
    lines = diagram.dot(graph, title="accuracy").splitlines()
    assert lines[0] == 'digraph "accuracy" {'
    assert lines[-1] == "}"
    assert '    n0 [label="scores[i, j]", fillcolor="#dbe9f6"];' in lines
    assert "  n0 -> n1;" in lines


def test_dot_escapes_quotes_and_backslashes(nasty):
    text = diagram.dot(nasty)
    assert r"\"c\"" in text
    assert r"\\f" in text
    assert text.count("\n") == len(text.splitlines())
