"""docs/gallery.md says what the bundled specs are now, and shows a picture of each."""

from __future__ import annotations

import importlib.util
import re
import sys
from pathlib import Path
from types import ModuleType
from xml.etree import ElementTree

import pytest
import torch

from lossc import specs

ROOT = Path(__file__).resolve().parents[1]
PAGE = (ROOT / "docs" / "gallery.md").read_text(encoding="utf-8")
ENTRIES = dict(re.findall(r"^(?=### (\w+)\n)(.*?)\n(?=##|\Z)", PAGE, re.MULTILINE | re.DOTALL))


def tool(name: str) -> ModuleType:
    found = importlib.util.spec_from_file_location(name, ROOT / "tools" / f"{name}.py")
    assert found is not None and found.loader is not None
    module = importlib.util.module_from_spec(found)
    sys.modules[name] = module  # where dataclasses look for it
    found.loader.exec_module(module)
    return module


@pytest.fixture(scope="module")
def gallery() -> ModuleType:
    return tool("gallery")


@pytest.fixture(scope="module")
def pictures() -> ModuleType:
    return tool("gallery_pictures")


def test_the_contents_are_up_to_date(gallery: ModuleType) -> None:
    assert PAGE.startswith(gallery.head())
    listed = [name for names in gallery.groups().values() for name in names]
    assert list(ENTRIES) == listed
    assert sorted(listed) == sorted(specs.names())


@pytest.mark.parametrize("name", specs.names())
def test_an_entry_is_up_to_date(name: str, gallery: ModuleType) -> None:
    """Run ``python tools/gallery.py`` where it is not."""
    assert ENTRIES.get(name, "").strip() == gallery.entry(name).strip()


@pytest.mark.parametrize("name", specs.names())
def test_a_picture_is_there_and_drawn(name: str) -> None:
    assert f"](gallery/{name}.svg)" in ENTRIES[name]
    path = ROOT / "docs" / "gallery" / f"{name}.svg"
    root = ElementTree.fromstring(path.read_text(encoding="utf-8"))
    lines = [e for e in root.iter("{http://www.w3.org/2000/svg}path") if "clip-path" in e.attrib]
    assert len(lines) >= 3  # the loss, its gradient, and 0
    assert path.stat().st_size < 40_000


def test_no_picture_is_left_over() -> None:
    assert {path.stem for path in (ROOT / "docs" / "gallery").iterdir()} == set(specs.names())


def test_a_spec_without_a_group_is_named(
    gallery: ModuleType, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(gallery.specs, "names", lambda: ("accuracy", "brand_new"))
    with pytest.raises(ValueError, match="brand_new"):
        gallery.groups()


def test_a_picture_shows_the_loss_and_its_slope(pictures: ModuleType) -> None:
    found = pictures.sweep("bce")
    assert found.exact is None
    step = found.places.diff()[0]
    slope = (found.smooth[2:] - found.smooth[:-2]) / (2 * step)
    torch.testing.assert_close(found.slope[1:-1], slope, rtol=0, atol=1e-3)


def test_a_picture_shows_the_metric_as_a_staircase(pictures: ModuleType) -> None:
    found = pictures.sweep("recall")  # of three relevant items, one moves over the threshold
    assert found.score == "score[0]"
    torch.testing.assert_close(found.exact, torch.where(found.places > 0.5, 2 / 3, 1 / 3).double())
    assert (found.slope < 0).all()
    assert (found.smooth.diff() > 0).all()
