from __future__ import annotations

import functools
import hashlib
import shutil
import threading
from collections.abc import Iterator
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import numpy as np
import pytest

from lossc.models.data import mnist_files
from lossc.models.data.mnist import VALIDATION, mnist_zero
from lossc.models.data.mnist_files import MD5, TEST, TRAIN, find_mnist
from lossc.models.errors import DataError

TRAINING = VALIDATION + 4


class Silent(SimpleHTTPRequestHandler):
    def log_message(self, *args: object) -> None:
        pass


@pytest.fixture
def files(write_idx, tmp_path: Path) -> Path:
    """A small set in the format of MNIST: the label of image i is i mod 10, and so its pixels."""
    folder = tmp_path / "files"
    for names, count in ((TRAIN, TRAINING), (TEST, 20)):
        labels = np.arange(count) % 10
        write_idx(folder / names[0], np.broadcast_to(labels[:, None, None], (count, 28, 28)))
        write_idx(folder / names[1], labels)
    return folder


@pytest.fixture
def server(files: Path, monkeypatch, tmp_path: Path) -> Iterator[ThreadingHTTPServer]:
    """Serves ``files``, and is where downloads come from."""
    handler = functools.partial(Silent, directory=str(files))
    server = ThreadingHTTPServer(("127.0.0.1", 0), handler)
    thread = threading.Thread(target=server.serve_forever, args=(0.01,))
    thread.start()
    monkeypatch.setenv("LOSSC_MNIST_URL", f"http://127.0.0.1:{server.server_port}/")
    monkeypatch.setenv("LOSSC_CACHE", str(tmp_path / "cache"))
    monkeypatch.delenv("LOSSC_DATA", raising=False)
    yield server
    server.shutdown()
    thread.join()
    server.server_close()


@pytest.fixture
def sums(files: Path, monkeypatch) -> None:
    """The small set's own sums, in place of the original's."""
    for name in MD5:
        digest = hashlib.md5((files / name).read_bytes()).hexdigest()
        monkeypatch.setitem(mnist_files.MD5, name, digest)


@pytest.mark.parametrize("below", ["", "mnist", "MNIST/raw"])
def test_the_usual_folders_are_searched(files, tmp_path, below):
    folder = tmp_path / "data"
    shutil.copytree(files, folder / below)
    found = find_mnist(folder)
    assert found == {name: folder / below / name for name in MD5}


def test_the_variable_names_the_folder(files, monkeypatch):
    monkeypatch.setenv("LOSSC_DATA", str(files))
    assert find_mnist()[TRAIN[0]] == files / TRAIN[0]


def test_unpacked_files_do_too(files, write_idx):
    labels = write_idx(files / TEST[1].removesuffix(".gz"), np.arange(20) % 10)
    (files / TEST[1]).unlink()
    assert find_mnist(files)[TEST[1]] == labels


def test_a_missing_file_is_named(files):
    (files / TEST[1]).unlink()
    with pytest.raises(DataError) as caught:
        find_mnist(files)
    text = str(caught.value)
    assert f"not found: {TEST[1]}\n" in text
    assert all(name in text.partition("hint")[2] for name in MD5)
    assert str(files / "MNIST" / "raw") in text


def test_files_are_downloaded_once(server, sums, files, tmp_path):
    found = find_mnist()
    assert {path.parent for path in found.values()} == {tmp_path / "cache" / "mnist"}
    assert all(path.read_bytes() == (files / name).read_bytes() for name, path in found.items())
    shutil.rmtree(files)
    assert find_mnist() == found


def test_another_content_is_refused(server, tmp_path):
    with pytest.raises(DataError, match=f"md5 {MD5[TRAIN[0]]} expected"):
        find_mnist()
    assert not (tmp_path / "cache" / "mnist" / TRAIN[0]).exists()


def test_what_the_server_does_not_have(server, sums, files):
    (files / TRAIN[1]).unlink()
    with pytest.raises(DataError, match=rf"{TRAIN[1]} could not be downloaded .*HTTPError"):
        find_mnist()


def test_without_a_network_the_message_says_what_to_do(monkeypatch, tmp_path):
    monkeypatch.delenv("LOSSC_DATA", raising=False)
    monkeypatch.setenv("LOSSC_MNIST_URL", "http://127.0.0.1:9/")  # the discard port: nobody there
    monkeypatch.setenv("LOSSC_CACHE", str(tmp_path))
    with pytest.raises(DataError) as caught:
        find_mnist()
    text = str(caught.value)
    assert all(name in text for name in (*MD5, "--data DIR", "LOSSC_DATA", str(tmp_path)))


def test_validation_is_the_first_6000_training_images(files):
    splits = mnist_zero.__wrapped__(files)
    assert (len(splits.train), len(splits.val), len(splits.test)) == (4, 6000, 20)
    pixel = splits.train.features[:, 0] * 0.3081 + 0.1307  # image 6000 has pixel 0, 6001 has 1
    np.testing.assert_allclose(pixel, np.array([0, 1, 2, 3]) / 255, atol=1e-6)
    assert splits.train.targets["relevant"].tolist() == [True, False, False, False]
    assert splits.val.targets["relevant"].sum() == 600


def test_too_few_training_images(files, write_idx):
    write_idx(files / TRAIN[0], np.zeros((6000, 28, 28)))
    write_idx(files / TRAIN[1], np.zeros(6000))
    with pytest.raises(DataError, match="none are left to train on"):
        mnist_zero.__wrapped__(files)


def test_the_true_files(shared):
    splits = mnist_zero(shared / "data")
    assert (len(splits.train), len(splits.val), len(splits.test)) == (54_000, 6_000, 10_000)
    zeros = [int(split.targets["relevant"].sum()) for split in (splits.train, splits.val)]
    assert sum(zeros) == 5_923
    assert splits.test.targets["relevant"].sum() == 980
    everything = np.concatenate([splits.train.features.numpy(), splits.val.features.numpy()])
    assert everything.mean() == pytest.approx(0, abs=1e-3)
    assert everything.std() == pytest.approx(1, abs=1e-3)
