from __future__ import annotations

import os
import pickle
import warnings

import numpy as np
import pytest

from lossc.models.data.cifar_pickle import read_batch
from lossc.models.errors import DataError


@pytest.fixture
def entries():
    """Three images whose pixels tell where they are."""
    data = np.random.default_rng(1).integers(0, 256, (3, 3072)).astype(np.uint8)
    return {"data": data, "labels": [4, 0, 9], "filenames": ["a.png", "b.png", "c.png"]}


def read(content, labels="labels", classes=10):
    return read_batch(content, "data_batch_1", labels, classes)


def test_images_are_channels_of_rows(entries, pickled):
    images, labels = read(pickled(**entries))
    assert (images.dtype, images.shape) == (np.uint8, (3, 3, 32, 32))
    assert labels.tolist() == [4, 0, 9]
    assert labels.dtype == np.int64
    # 1,024 bytes of red, then green, then blue, rows first (the format's own description)
    assert images[1, 2, 5, 7] == entries["data"][1, 2 * 1024 + 5 * 32 + 7]
    assert np.array_equal(images.reshape(3, -1), entries["data"])


def test_python_itself_reads_the_same(entries, pickled):
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # numpy has moved what the old files name
        theirs = pickle.loads(pickled(**entries), encoding="bytes")
    images, labels = read(pickled(**entries))
    assert np.array_equal(theirs[b"data"].reshape(images.shape), images)
    assert theirs[b"labels"] == labels.tolist()


@pytest.mark.parametrize("protocol", [3, 4])
def test_a_file_that_python_3_wrote(entries, protocol):
    images, labels = read(pickle.dumps(entries, protocol))
    assert np.array_equal(images.reshape(3, -1), entries["data"])
    assert labels.tolist() == entries["labels"]


def test_fine_labels(entries, pickled):
    entries["fine_labels"] = [99, 0, 50]
    assert read(pickled(**entries), "fine_labels", 100)[1].tolist() == [99, 0, 50]


class Harmful:
    """Would run a function when it is unpickled."""

    def __init__(self, function, *arguments):
        self.call = function, arguments

    def __reduce__(self):
        return self.call


@pytest.mark.parametrize("protocol", [0, 1, 2, 3, 4, 5])
def test_nothing_in_a_file_is_run(protocol, tmp_path):
    mark = tmp_path / "mark"
    harm = Harmful(os.system, f"touch {mark}")
    with pytest.raises(DataError, match=r"data_batch_1: names \w+\.system, which no CIFAR file"):
        read(pickle.dumps({"labels": [1], "data": harm}, protocol))
    with pytest.raises(DataError, match=r"names \w+\.eval, which no CIFAR file"):
        read(pickle.dumps({"labels": [1], "data": Harmful(eval, "1 / 0")}, protocol))
    assert not mark.exists()


@pytest.mark.parametrize(
    ("opcodes", "expected"),
    [
        (b"\x80\x04\x8c\x05numpy\x8c\x0endarray.tofile\x93.", "names numpy.ndarray.tofile"),
        (b"cnumpy\nload\n(U\x01atR.", "names numpy.load"),
        (b"\x80\x02cnumpy\nndarray\n)\x81.", "not a sound pickle"),  # a new object of the type
        (b"(inumpy\nndarray\n.", "a dictionary was expected"),  # the oldest form of a call
        (b"cnumpy\nndarray\n}U\x08__code__K\x01sb.", "not a sound pickle"),  # new attributes
        (b"Pidentity\n.", "not a sound pickle"),  # an object that lives elsewhere
        (b"\x80\x02\x82\x01.", "not a sound pickle"),  # a registered extension
    ],
)
def test_other_ways_in(opcodes, expected):
    with pytest.raises(DataError, match=expected):
        read(opcodes)


def test_a_file_that_is_cut_off(entries, pickled):
    content = pickled(**entries)
    for length in {0, 1, 2, 40, 100, len(content) // 2, len(content) - 1}:
        with pytest.raises(DataError, match=r"data_batch_1: .*fetch it again"):
            read(content[:length])


def test_damage_is_found_or_harmless(entries, pickled):
    content = pickled(**entries)
    draw = np.random.default_rng(0)
    ends = len(content) - 3 * 3072  # the pixels themselves hold no structure
    refused = 0
    for _ in range(400):
        at = int(draw.integers(ends))
        at = at if at < 150 else at + 3 * 3072
        changed = bytearray(content)
        changed[at % len(content)] = int(draw.integers(256))
        try:
            images, labels = read(bytes(changed))
        except DataError:
            refused += 1
        else:
            assert len(images) == len(labels) >= 1
            assert 0 <= labels.min() <= labels.max() < 10
    assert refused > 100


def without(entries, key):
    return {name: value for name, value in entries.items() if name != key}


def changed(entries, **changes):
    return {**entries, **changes}


@pytest.mark.parametrize(
    ("change", "expected"),
    [
        (lambda e: without(e, "data"), "no entry 'data', only 'filenames', 'labels'"),
        (lambda e: without(e, "labels"), "no entry 'labels'"),
        (lambda e: changed(e, labels=[0, 1]), "3 images and 2 labels"),
        (lambda e: changed(e, labels=[0, 10, 1]), "label 10 at position 1, expected 0 to 9"),
        (lambda e: changed(e, labels=[0, 1, -1]), "label -1 at position 2"),
        (lambda e: changed(e, labels=["0", 1, 2]), "no list of integers"),
        (lambda e: changed(e, labels=3), "no list of integers"),
        (lambda e: changed(e, data=e["data"][:, :3000]), r"is \[3, 3000\], expected \[n, 3072\]"),
        (lambda e: changed(e, data=e["data"].ravel()), "no array of bytes"),
        (lambda e: changed(e, data=e["data"].astype(np.int16)), "no array of bytes"),
        (lambda e: changed(e, data=[1, 2, 3]), "no array of bytes"),
        (lambda e: changed(e, data=e["data"][:0], labels=[]), "n at least 1"),
    ],
)
def test_what_does_not_fit(entries, pickled, change, expected):
    with pytest.raises(DataError, match=f"data_batch_1: .*{expected}"):
        read(pickled(**change(entries)))


def test_columns_first_and_missing_bytes(entries):
    with pytest.raises(DataError, match="row-major"):
        read(pickle.dumps(changed(entries, data=np.asfortranarray(entries["data"])), 3))
    objects = np.array([["a"] * 3072] * 3, dtype=object)
    with pytest.raises(DataError, match="no array of bytes"):
        read(pickle.dumps(changed(entries, data=objects), 3))


def test_a_list_is_no_file(pickled):
    with pytest.raises(DataError, match="a dictionary was expected, not list"):
        read(pickle.dumps([1, 2]))
    with pytest.raises(DataError, match="no entry 'data', only none"):
        read(pickle.dumps({}))
