from __future__ import annotations

import functools
import hashlib
import tarfile
import threading
from collections.abc import Iterator
from dataclasses import replace
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest
import torch

from lossc.models.data import downloads
from lossc.models.data.cifar import cifar
from lossc.models.data.cifar_files import CIFAR10, CIFAR100, find_cifar
from lossc.models.errors import DataError

fresh = cifar.__wrapped__


def pack(folder: Path, archive: Path, names=None) -> Path:
    with tarfile.open(archive, "w:gz") as file:
        for path in sorted(folder.iterdir()):
            if names is None or path.name in names:
                file.add(path, f"{folder.name}/{path.name}")
    return archive


@pytest.fixture
def folder(write_cifar, tmp_path) -> Path:
    return write_cifar(tmp_path / "data")


@pytest.fixture
def archive(folder, tmp_path) -> Path:
    (tmp_path / "packed").mkdir()
    return pack(folder, tmp_path / "packed" / CIFAR10.archive)


def equal(one, other):
    return all(
        torch.equal(a.features, b.features) and torch.equal(a.targets["label"], b.targets["label"])
        for a, b in zip(
            (one.train, one.val, one.test), (other.train, other.val, other.test), strict=True
        )
    )


def test_the_first_tenth_is_for_validation(folder):
    splits = fresh(CIFAR10, folder, "first")
    assert [len(part) for part in (splits.train, splits.val, splits.test)] == [180, 20, 40]
    assert splits.val.targets["label"].tolist() == [n % 10 for n in range(20)]
    assert splits.train.targets["label"].tolist() == [n % 10 for n in range(20, 200)]
    red = splits.train.features[:, 0].float().mean(dim=(1, 2))  # noise, and 50 a shade
    assert torch.equal(((red - 19.5) / 50).round().long(), splits.train.targets["label"] % 5)


def test_a_random_tenth_is_always_the_same(folder):
    first, drawn = fresh(CIFAR10, folder, "first"), fresh(CIFAR10, folder, "random")
    torch.manual_seed(5)
    assert equal(drawn, fresh(CIFAR10, folder, "random"))
    assert not equal(drawn, first)
    assert [len(part) for part in (drawn.train, drawn.val, drawn.test)] == [180, 20, 40]
    rows = [
        {tuple(row) for row in part.features.flatten(1).tolist()}
        for splits in (first, drawn)
        for part in (splits.train, splits.val)
    ]
    assert rows[0] | rows[1] == rows[2] | rows[3]
    assert not rows[2] & rows[3]


@pytest.mark.parametrize("below", [".", "cifar-10-batches-py"])
def test_the_folder_may_be_the_one_above(folder, below):
    given = folder if below == "." else folder.parent
    assert find_cifar(CIFAR10, given) == folder


def test_an_archive_is_read_where_it_is(archive, folder, monkeypatch):
    expected = fresh(CIFAR10, folder, "first")
    assert equal(fresh(CIFAR10, archive, "first"), expected)
    assert equal(fresh(CIFAR10, archive.parent, "first"), expected)
    monkeypatch.setenv("LOSSC_DATA", str(archive.parent))
    assert equal(fresh(CIFAR10, None, "first"), expected)
    assert [path.name for path in archive.parent.iterdir()] == [CIFAR10.archive]


def test_a_part_of_the_images_in_an_archive_of_another_name(archive, folder):
    part = archive.rename(archive.with_name("cifar-10-subset.tar.gz"))
    (archive.parent / "cifar-10-binary.tar.gz").write_bytes(b"another form of the set")
    assert find_cifar(CIFAR10, part.parent) == part
    with pytest.raises(DataError, match="CIFAR-100: not found"):
        find_cifar(CIFAR100, part.parent)


def test_cifar_100_has_fine_labels(write_cifar, tmp_path):
    write_cifar(tmp_path / "data", classes=100)
    splits = fresh(CIFAR100, tmp_path / "data", "first")
    assert splits.train.targets["label"].max() == 99
    assert [len(part) for part in (splits.train, splits.val, splits.test)] == [180, 20, 40]


def test_what_is_missing_is_named(folder, archive, tmp_path):
    empty = tmp_path / "empty"
    empty.mkdir()
    with pytest.raises(DataError) as caught:
        find_cifar(CIFAR10, empty)
    text = str(caught.value)
    assert all(word in text for word in ("CIFAR-10: not found", str(empty), CIFAR10.archive))
    assert all(name in text for name in CIFAR10.files)
    (folder / "data_batch_4").unlink()
    with pytest.raises(DataError, match=r"cifar-10-batches-py has no data_batch_4$"):
        fresh(CIFAR10, folder, "first")
    part = pack(folder, tmp_path / "part.tar.gz", ["data_batch_1", "test_batch"])
    with pytest.raises(DataError, match="has no cifar-10-batches-py/data_batch_2, data_batch_3"):
        fresh(CIFAR10, part, "first")


def test_damaged_files_are_named(folder, archive, tmp_path, pickled):
    content = archive.read_bytes()
    for broken in (content[: len(content) // 2], b"no archive", content[:50] + b"\0" * 5000):
        archive.write_bytes(broken)
        with pytest.raises(DataError, match=rf"{CIFAR10.archive}: (not a sound archive|has no)"):
            fresh(CIFAR10, archive, "first")
    batch = folder / "data_batch_3"
    batch.write_bytes(batch.read_bytes()[:-200])
    with pytest.raises(DataError, match=rf"{batch}: .*fetch it again"):
        fresh(CIFAR10, folder, "first")


def test_too_few_images(write_cifar, tmp_path):
    folder = write_cifar(tmp_path / "few", train=5)
    with pytest.raises(DataError, match=r"5 training images, .* at least 10"):
        fresh(CIFAR10, folder, "first")


class Server(SimpleHTTPRequestHandler):
    """Serves files, whole or from a byte on, and breaks off the first answers."""

    broken: tuple[int, ...] = ()  # bytes after which each of them ends
    ranges = True

    def do_GET(self):
        content = Path(self.translate_path(self.path)).read_bytes()
        asked = self.headers.get("Range") if self.ranges else None
        start = int(asked.removeprefix("bytes=").rstrip("-")) if asked else 0
        self.server.asked.append(start)
        if start >= len(content):
            self.send_error(416)
            return
        self.send_response(206 if asked else 200)
        self.send_header("Content-Length", str(len(content) - start))
        self.end_headers()
        count = len(self.server.asked)
        end = self.broken[count - 1] if count <= len(self.broken) else len(content)
        self.wfile.write(content[start:end])

    def log_message(self, *args: object) -> None:
        pass


@pytest.fixture
def serve(archive, monkeypatch, tmp_path) -> Iterator:
    """Starts a server that has the archive, whose sum is then the expected one."""
    servers = []

    def start(**behaviour) -> ThreadingHTTPServer:
        handler = type("Handler", (Server,), behaviour)
        place = functools.partial(handler, directory=str(archive.parent))
        server = ThreadingHTTPServer(("127.0.0.1", 0), place)
        server.asked = []
        thread = threading.Thread(target=server.serve_forever, args=(0.01,))
        thread.start()
        servers.append((server, thread))
        monkeypatch.setenv("LOSSC_CIFAR_URL", f"http://127.0.0.1:{server.server_port}/")
        return server

    monkeypatch.setenv("LOSSC_CACHE", str(tmp_path / "cache"))
    monkeypatch.delenv("LOSSC_DATA", raising=False)
    yield start
    for server, thread in servers:
        server.shutdown()
        thread.join()
        server.server_close()


@pytest.fixture
def here(archive):
    """The small set, as the one that is downloaded."""
    return replace(CIFAR10, md5=hashlib.md5(archive.read_bytes()).hexdigest())


def test_the_archive_is_downloaded_once(serve, here, archive, tmp_path):
    server = serve()
    splits = fresh(here, None, "first")
    assert equal(splits, fresh(here, archive, "first"))
    assert find_cifar(here, None) == tmp_path / "cache" / "cifar" / CIFAR10.archive
    assert server.asked == [0]


def test_a_download_that_is_broken_off_goes_on(serve, here, archive, monkeypatch):
    monkeypatch.setattr(downloads, "CHUNK", 100)
    server = serve(broken=(1000, 1500))
    for _ in range(2):
        with pytest.raises(DataError, match=r"could not be downloaded[\s\S]*--data DIR"):
            find_cifar(here, None)
    assert find_cifar(here, None).read_bytes() == archive.read_bytes()
    assert server.asked == [0, 1000, 1500]


def test_a_server_that_sends_whole_files_only(serve, here, archive):
    serve(broken=(1000,), ranges=False)
    with pytest.raises(DataError, match="could not be downloaded"):
        find_cifar(here, None)
    assert find_cifar(here, None).read_bytes() == archive.read_bytes()


def test_what_was_there_already(serve, here, archive, tmp_path):
    server = serve()
    partial = tmp_path / "cache" / "cifar" / f"{CIFAR10.archive}.part"
    partial.parent.mkdir(parents=True)
    partial.write_bytes(archive.read_bytes())  # whole, but its sum was not looked at
    assert find_cifar(here, None).read_bytes() == archive.read_bytes()
    assert server.asked == [len(archive.read_bytes())]
    assert not partial.exists()


def test_another_content_is_not_kept(serve, tmp_path):
    serve()
    with pytest.raises(DataError, match=f"md5 {CIFAR10.md5} expected"):
        find_cifar(CIFAR10, None)
    assert list((tmp_path / "cache" / "cifar").iterdir()) == []


def test_without_a_network_the_message_says_what_to_do(monkeypatch, tmp_path):
    monkeypatch.delenv("LOSSC_DATA", raising=False)
    monkeypatch.setenv("LOSSC_CIFAR_URL", "http://127.0.0.1:9/")  # the discard port: nobody there
    monkeypatch.setenv("LOSSC_CACHE", str(tmp_path))
    with pytest.raises(DataError) as caught:
        find_cifar(CIFAR100, None)
    text = str(caught.value)
    assert all(word in text for word in (CIFAR100.archive, "--data DIR", "LOSSC_DATA"))
    assert str(tmp_path) in text


def test_the_true_files(shared):
    """1,000 images of each of the original files."""
    splits = fresh(CIFAR10, shared / "data", "first")
    assert [len(part) for part in (splits.train, splits.val, splits.test)] == [4500, 500, 1000]
    label = torch.cat([splits.val.targets["label"], splits.train.targets["label"]])
    assert label[:10].tolist() == [6, 9, 9, 4, 1, 1, 2, 7, 8, 3]  # the set's well-known start
    assert splits.test.targets["label"][:5].tolist() == [3, 8, 8, 0, 6]
    # per-channel means, published for all 50,000 images
    mean = splits.train.features.float().mean(dim=(0, 2, 3)) / 255
    torch.testing.assert_close(mean, torch.tensor([0.4914, 0.4822, 0.4465]), atol=0.01, rtol=0)
