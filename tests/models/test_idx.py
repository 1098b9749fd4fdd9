from __future__ import annotations

import gzip
import struct
from pathlib import Path

import numpy as np
import pytest

from lossc.models.data.idx import read_idx
from lossc.models.data.mnist import read_pair
from lossc.models.errors import DataError

IMAGES = np.arange(3 * 28 * 28).reshape(3, 28, 28) % 256
LABELS = np.array([0, 9, 4])


@pytest.mark.parametrize("name", ["images.gz", "images"])
def test_what_was_written_is_read(write_idx, tmp_path, name):
    np.testing.assert_array_equal(read_idx(write_idx(tmp_path / name, IMAGES), dims=3), IMAGES)


def test_a_pair_is_read(write_idx, tmp_path):
    images = write_idx(tmp_path / "images.gz", IMAGES)
    pixels, labels = read_pair(images, write_idx(tmp_path / "labels.gz", LABELS))
    np.testing.assert_array_equal(pixels, IMAGES)
    np.testing.assert_array_equal(labels, LABELS)


def complaint(path: Path, dims: int) -> str:
    with pytest.raises(DataError) as caught:
        read_idx(path, dims)
    assert str(path) in str(caught.value)
    return str(caught.value)


def test_the_wrong_kind_of_file(write_idx, tmp_path):
    text = complaint(write_idx(tmp_path / "labels.gz", LABELS), dims=3)
    assert "magic number 2049, expected 2051" in text


def test_another_element_type(tmp_path):
    path = tmp_path / "floats"
    path.write_bytes(struct.pack(">BBBBI", 0, 0, 0x0D, 1, 3) + bytes(12))
    assert f"magic number {0x0D01}, expected {0x0801}" in complaint(path, dims=1)


@pytest.mark.parametrize("change", [-1, 1])
def test_a_count_that_is_not_so(tmp_path, change):
    path = tmp_path / "labels"
    path.write_bytes(struct.pack(">II", 0x801, 5) + bytes(5 + change))
    assert f"announces 5 = 5 bytes, {5 + change} follow" in complaint(path, dims=1)


def test_huge_sizes_in_the_header_are_only_a_number(tmp_path):
    path = tmp_path / "images"
    path.write_bytes(struct.pack(">IIII", 0x803, 2**32 - 1, 2**32 - 1, 2**32 - 1))
    assert "0 follow" in complaint(path, dims=3)


@pytest.mark.parametrize("content", [b"", b"\0\0\x08"])
def test_too_short_for_a_header(tmp_path, content):
    path = tmp_path / "labels"
    path.write_bytes(content)
    assert "too few for an IDX header" in complaint(path, dims=1)


def test_a_gzip_file_that_is_cut_off(write_idx, tmp_path):
    path = write_idx(tmp_path / "images.gz", IMAGES)
    path.write_bytes(path.read_bytes()[:-20])
    assert "cut off" in complaint(path, dims=3)


def test_a_gzip_file_with_a_flipped_byte(write_idx, tmp_path):
    path = write_idx(tmp_path / "images.gz", IMAGES)
    content = bytearray(path.read_bytes())
    content[-6] ^= 0xFF  # in the checksum
    path.write_bytes(content)
    assert "not a sound gzip file" in complaint(path, dims=3)


def test_not_gzip_at_all(tmp_path):
    path = tmp_path / "images.gz"
    path.write_bytes(b"<html>404</html>")
    assert "not a sound gzip file" in complaint(path, dims=3)


def test_no_file(tmp_path):
    assert "No such file" in complaint(tmp_path / "images.gz", dims=3)


@pytest.mark.parametrize(
    ("images", "labels", "expected"),
    [
        (IMAGES, LABELS[:2], "3 images, .* 2 labels"),
        (IMAGES, np.array([0, 10, 4]), "label 10 at position 1, expected 0 to 9"),
        (IMAGES[:, :20], LABELS, "20 x 28 pixels, expected 28 x 28"),
        (IMAGES[:0], LABELS[:0], "no labels"),
    ],
)
def test_pairs_that_do_not_belong_together(write_idx, tmp_path, images, labels, expected):
    paths = write_idx(tmp_path / "images.gz", images), write_idx(tmp_path / "labels.gz", labels)
    with pytest.raises(DataError, match=expected):
        read_pair(*paths)


def test_gzip_is_told_by_the_name(tmp_path):
    path = tmp_path / "labels"
    path.write_bytes(gzip.compress(struct.pack(">II", 0x801, 0)))
    assert "magic number" in complaint(path, dims=1)
