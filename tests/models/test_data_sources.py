"""Sources other than 2D Shapes: the blob, published files, nuisances, streams, sequences, tokens."""

import pickle
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import h5py
import numpy as np
import pytest
import torch
from gymnasium import spaces
from numpy.typing import NDArray
from torch import Tensor
from torch.utils.data import DataLoader, Dataset

from unknot.files import FileError
from unknot.models.data.blob import Blob
from unknot.models.data.files import read_dsprites, read_shapes3d
from unknot.models.data.nuisance import Nuisance
from unknot.models.data.selection import Selection
from unknot.models.data.shapes2d import Shapes2D
from unknot.models.data.stream import stream
from unknot.representation import minibatches
from unknot.representation.metrics import evaluate_codes
from unknot.representation.source import FactorSource


def test_a_blob_is_a_gaussian_around_its_position() -> None:
    source = Blob(pixels=50, std=0.1)
    image = source.render_factors({"x": np.array([0.5]), "y": np.array([0.0])})[0, :, :, 0].astype(float)
    columns = (np.arange(50) + 0.5) / 50
    np.testing.assert_allclose(
        image[9] + image[10], 2 * 255 * np.exp(-(((columns - 0.5) / 0.1) ** 2) / 2 - 0.005), atol=1.5
    )
    np.testing.assert_allclose(image[9], image[10])
    np.testing.assert_allclose(image, image[:, ::-1])
    for arguments in ({"pixels": 4}, {"std": 0.3}, {"positions": 1}):
        with pytest.raises(ValueError, match=next(iter(arguments))):
            Blob(**arguments)


GRID = ((0, 0.9, 2), (0, 0.5, 2), (0, 0.5, 2), (0.75, 1.25, 2), (0, 3, 4), (-30, 30, 3))
"""Least, greatest and number of the values of 3D Shapes' factors, fewer than published."""


def write_dsprites(path: Path, source: Shapes2D, **other: Any) -> None:
    factors = source.combinations(np.arange(len(source)))
    columns = [np.ones(len(source)), *(factors[name] + (name == "shape") for name in source.values)]
    arrays = {
        "imgs": (source.render_factors(factors)[..., 0] > 0).astype(np.uint8),
        "latents_values": np.stack(columns, 1),
        "metadata": np.array({"a pickle": True}, dtype=object),
    }
    np.savez_compressed(path, **arrays | other)


def test_the_file_of_dsprites_is_the_same_source(tmp_path: Path) -> None:
    source = Shapes2D(scales=2, orientations=3, positions=4)
    write_dsprites(tmp_path / "dsprites.npz", source)
    stored = read_dsprites(tmp_path / "dsprites.npz")
    assert stored.factor_space == source.factor_space
    factors = source.sample_factors(300, np.random.default_rng(0))
    np.testing.assert_array_equal(stored.render_factors(factors), source.render_factors(factors))
    for name, values in stored.sample_factors(300, np.random.default_rng(0)).items():
        np.testing.assert_array_equal(values, factors[name])
    near = {**factors, "x": np.clip(factors["x"] + 0.1, 0, 1)}
    np.testing.assert_array_equal(stored.render_factors(near), source.render_factors(factors))


def test_other_files_are_not_read_as_dsprites(tmp_path: Path) -> None:
    path = tmp_path / "other.npz"
    source = Shapes2D(scales=1, orientations=2, positions=2)
    write_dsprites(path, source, imgs=np.zeros((3, 64, 64, 3), np.uint8))
    with pytest.raises(FileError, match="expected uint8"):
        read_dsprites(path)
    write_dsprites(path, source, imgs=np.full((24, 64, 64), 255, np.uint8))
    with pytest.raises(FileError, match=r"other\.npz .*has the number 255, expected zeros and ones"):
        read_dsprites(path)
    write_dsprites(path, source, latents_values=np.full((24, 6), np.nan))
    with pytest.raises(FileError, match="not a grid"):
        read_dsprites(path)
    write_dsprites(path, source, latents_values=np.zeros((24, 6)))
    with pytest.raises(FileError, match="not a grid"):
        read_dsprites(path)
    np.savez(path, images=np.zeros(3))
    with pytest.raises(FileError, match="not the dSprites archive"):
        read_dsprites(path)
    path.write_bytes(b"no archive")
    with pytest.raises(FileError, match="not the dSprites archive"):
        read_dsprites(path)
    with pytest.raises(FileNotFoundError):
        read_dsprites(tmp_path / "none.npz")


def write_shapes3d(path: Path, images: Any = None, labels: Any = None) -> tuple[Any, Any]:
    """Write images, random ones of 8 × 8 pixels if none are given, and their factors; return both."""
    if labels is None:
        values = [np.linspace(low, high, n) for low, high, n in GRID]
        labels = np.stack(np.meshgrid(*values, indexing="ij"), -1).reshape(-1, 6)
    if images is None:
        images = np.random.default_rng(0).integers(0, 256, (len(labels), 8, 8, 3), dtype=np.uint8)
    with h5py.File(path, "w") as file:
        file.create_dataset("images", data=images, compression="gzip")
        file["labels"] = labels
    return images, labels


def test_the_file_of_3d_shapes_is_a_source(tmp_path: Path) -> None:
    images, labels = write_shapes3d(tmp_path / "3dshapes.h5")
    source = read_shapes3d(tmp_path / "3dshapes.h5")
    assert source.factor_space["shape"] == spaces.Discrete(4)
    rows = np.array([100, 3, 3, 191, 0])
    factors = source.combinations(rows)
    np.testing.assert_allclose(np.stack(list(factors.values()), 1), labels[rows])
    np.testing.assert_array_equal(source.render_factors(factors), images[rows])
    (tmp_path / "other.h5").write_bytes(b"no h5")
    with pytest.raises(FileError, match="not the file of 3D Shapes"):
        read_shapes3d(tmp_path / "other.h5")
    with pytest.raises(FileNotFoundError, match="does not exist"):
        read_shapes3d(tmp_path / "none.h5")


@pytest.mark.parametrize("images", [np.zeros((192, 8, 8, 3)), np.zeros((192, 3, 8, 8), np.uint8)])
def test_images_of_another_dtype_or_layout_are_refused(tmp_path: Path, images: NDArray[Any]) -> None:
    write_shapes3d(tmp_path / "other.h5", images)
    with pytest.raises(FileError, match=r"other\.h5 .*expected uint8 \(n, height, width, 1 or 3\)"):
        read_shapes3d(tmp_path / "other.h5")


def test_a_damaged_chunk_of_images_is_named_when_it_is_read(tmp_path: Path) -> None:
    path = tmp_path / "3dshapes.h5"
    write_shapes3d(path)
    with h5py.File(path) as file:
        chunk = file["images"].id.get_chunk_info(0)
    content = bytearray(path.read_bytes())
    content[chunk.byte_offset + 10 : chunk.byte_offset + 90] = bytes(80)
    path.write_bytes(content)
    source = read_shapes3d(path)
    with pytest.raises(FileError, match=r"3dshapes\.h5 is not the file of 3D Shapes, or damaged"):
        source.render_factors(source.combinations(np.array([0])))


class Steps(Dataset[Tensor]):
    """A batch of each of several sources, as a DataLoader takes them."""

    def __init__(self, *sources: FactorSource) -> None:
        self.streams = [stream(source, 3, seed=0) for source in sources]
        self.streams.append(minibatches({"observation": np.arange(9)}, 3, seed=0))

    def __len__(self) -> int:
        return len(self.streams)

    def __getitem__(self, index: int) -> Tensor:
        return self.streams[index](0)["observation"]


@pytest.mark.parametrize("start", ["fork", pytest.param("spawn", marks=pytest.mark.slow)])
def test_worker_processes_render(tmp_path: Path, start: str) -> None:
    write_dsprites(tmp_path / "dsprites.npz", Shapes2D(scales=1, orientations=1, positions=2))
    write_shapes3d(tmp_path / "3dshapes.h5")
    steps = Steps(read_dsprites(tmp_path / "dsprites.npz"), read_shapes3d(tmp_path / "3dshapes.h5"))
    loader = DataLoader(steps, batch_size=None, num_workers=1, multiprocessing_context=start)
    found = list(loader)
    assert len(found) == 3
    assert all(images.equal(steps[index]) for index, images in enumerate(found))
    again = pickle.loads(pickle.dumps(steps))  # what spawned processes get
    assert all(images.equal(again[index]) for index, images in enumerate(found))


def test_a_nuisance_varies_but_is_not_a_factor() -> None:
    whole = Shapes2D()
    source = Nuisance(whole, "shape", "orientation")
    assert list(source.factor_space) == ["scale", "x", "y"]
    factors = source.sample_factors(60, np.random.default_rng(0))
    images = source.render_factors(factors)
    np.testing.assert_array_equal(images, source.render_factors(factors))
    fixed = {name: np.full(60, factors[name][0]) for name in source.factor_space}
    assert len(np.unique(source.render_factors(fixed), axis=0)) > 40
    square = whole.render_factors({**fixed, "shape": np.zeros(60, int), "orientation": np.zeros(60)})
    assert abs(images.mean() / square.mean() - 1) < 0.5
    moved = source.render_factors({**factors, "x": factors["x"][::-1]})
    np.testing.assert_allclose(moved.mean((1, 2, 3)), images.mean((1, 2, 3)), atol=1)  # of the same shape
    with pytest.raises(ValueError, match="did you mean 'shape'"):
        Nuisance(whole, "shapes")


def test_rows_that_the_grid_does_not_have_are_refused() -> None:
    for rows in (np.array([-1]), np.array([4]), np.array([], np.int64), np.array([0.5])):
        with pytest.raises(ValueError, match="rows must be"):
            Selection(Blob(positions=2), rows)


def test_factors_that_are_not_arrays_of_numbers_are_refused_by_name() -> None:
    source = Blob(positions=2)
    for factors in ({"x": ["a"], "y": [0.5]}, {"x": [[1], [1, 2]], "y": [0.5]}, [0.5, 0.5]):
        with pytest.raises(ValueError, match=r"(x|factors) must be"):
            source.render_factors(factors)  # type: ignore[arg-type]


def test_a_stream_is_a_pure_function_of_the_step() -> None:
    batch_at = stream(Shapes2D(pixels=32), 5, seed=1, factors=True)
    first, second, again = batch_at(0), batch_at(1), batch_at(0)
    assert set(first) == {"observation", "shape", "scale", "orientation", "x", "y"}
    assert all(first[name].equal(again[name]) for name in first)
    assert not first["x"].equal(second["x"])
    assert list(stream(Blob(), 2, seed=0)(0)) == ["observation"]
    with pytest.raises(ValueError, match="batch_size must be at least 1, not 0"):
        stream(Blob(), 0, seed=0)


class TwoNumbers:
    """Factors of the two sources below: a start and a speed, both independent and in 0 to 3."""

    factor_space = spaces.Dict({"start": spaces.Discrete(4), "speed": spaces.Discrete(4)})

    def sample_factors(self, n: int, rng: np.random.Generator) -> dict[str, NDArray[Any]]:
        return {name: rng.integers(4, size=n) for name in self.factor_space}


class Clips(TwoNumbers):
    """Sequences of images: a white pixel moves to the right in a row of 16."""

    def render_factors(self, factors: Mapping[str, Any]) -> NDArray[np.uint8]:
        columns = factors["start"][:, None] + factors["speed"][:, None] * np.arange(5)
        clips = np.zeros((*columns.shape, 1, 16, 1), np.uint8)
        np.put_along_axis(clips, columns[:, :, None, None, None], 255, axis=3)
        return clips


class Sentences(TwoNumbers):
    """Sequences of tokens: an arithmetic progression."""

    def render_factors(self, factors: Mapping[str, Any]) -> NDArray[np.int64]:
        progression: NDArray[np.int64] = factors["start"][:, None] + factors["speed"][:, None] * np.arange(5)
        return progression


def first_and_difference(numbers: NDArray[Any]) -> NDArray[np.float64]:
    """Return codes (n, 2) that are the factors of progressions (n, 5)."""
    codes: NDArray[np.float64] = np.stack([numbers[:, 0], numbers[:, 1] - numbers[:, 0]], 1).astype(float)
    return codes


def test_sequences_of_images_are_streamed_and_their_codes_measured() -> None:
    observation = stream(Clips(), 6, seed=0)(0)["observation"]
    assert observation.shape == (6, 5, 1, 16, 1)
    assert observation.dtype == torch.uint8
    scores = evaluate_codes(
        lambda clips: first_and_difference(clips[:, :, 0, :, 0].argmax(2)), Clips(), ["mig", "factor_vae"]
    )
    assert min(score.value for score in scores.values()) > 0.99


def test_sequences_of_tokens_are_streamed_and_their_codes_measured() -> None:
    batch = stream(Sentences(), 6, seed=0, factors=True)(0)
    assert batch["observation"].shape == (6, 5)
    assert batch["observation"].dtype == torch.int64
    assert batch["observation"][:, 0].equal(batch["start"])
    scores = evaluate_codes(first_and_difference, Sentences(), ["mig", "higgins_2"])
    assert min(score.value for score in scores.values()) > 0.99
