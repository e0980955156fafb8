"""Galleries of identities: pairs, splits, folders of photographs."""

from pathlib import Path

import numpy as np
import pytest

from unknot.files import FileError
from unknot.models.data.characters import Characters
from unknot.models.data.gallery import Gallery, read_images, render_gallery, split_identities
from unknot.models.data.sprites import Sprites


def gallery() -> Gallery:
    """Return three identities with 2, 3 and 4 photographs, whose pixels say which they are."""
    identity = np.repeat([0, 1, 2], [2, 3, 4])
    images = np.arange(9, dtype=np.uint8)[:, None, None, None] * np.ones((1, 8, 8, 3), np.uint8)
    return Gallery(images, identity, np.array([5, 6, 5]), {"view": np.arange(9) % 2}, {"view": 2})


def test_pairs_are_different_photographs_of_one_identity() -> None:
    photographs, rng = gallery(), np.random.default_rng(0)
    identities = rng.integers(3, size=500)
    one, other = photographs.pairs(identities, rng)
    assert (photographs.identity[one] == identities).all()
    assert (photographs.identity[other] == identities).all()
    assert (one != other).all()
    assert len({*zip(one.tolist(), other.tolist(), strict=True)}) == 2 + 6 + 12  # every ordered pair


def test_batches_depend_on_the_step_alone() -> None:
    batch_at = gallery().stream(6, 1)
    first = batch_at(3)
    batch_at(4)
    again = batch_at(3)
    assert all((first[name] == again[name]).all() for name in first)
    assert (batch_at(4)["observation"] != first["observation"]).any()
    assert set(first) == {"observation", "other", "label"}


def test_batches_for_embeddings_have_several_photographs_of_each() -> None:
    batch = gallery().several(2, 3, 0)(0)
    labels, counts = np.unique(batch["label"].numpy(), return_counts=True)
    assert (len(labels), counts.tolist()) == (2, [3, 3])
    assert (gallery().identity[batch["observation"][:, 0, 0, 0].numpy()] == batch["label"].numpy()).all()


def test_batches_for_readers_have_factors_and_groups() -> None:
    batch = gallery().labelled(50, 0)(0)
    rows = batch["observation"][:, 0, 0, 0].numpy()
    assert (batch["view"].numpy() == rows % 2).all()
    assert (batch["group"].numpy() == gallery().group[gallery().identity[rows]]).all()


def test_chosen_identities_are_numbered_anew() -> None:
    chosen = gallery().chosen(np.array([0, 2]))
    assert chosen.identity.tolist() == [0, 0, 1, 1, 1, 1]
    assert chosen.group.tolist() == [5, 5]
    assert chosen.images[:, 0, 0, 0].tolist() == [0, 1, 5, 6, 7, 8]


def test_an_identity_with_one_photograph_is_refused() -> None:
    with pytest.raises(ValueError, match="at least 2 photographs each"):
        Gallery(np.zeros((3, 8, 8, 3), np.uint8), np.array([0, 0, 1]), np.zeros(2, np.int64), {}, {})


def test_parts_of_a_split_share_no_identity() -> None:
    parts = split_identities(100, (0.3, 0.5, 0.1, 0.1), 0)
    assert [len(part) for part in parts] == [30, 50, 10, 10]
    assert np.array_equal(np.sort(np.concatenate(parts)), np.arange(100))
    assert not np.array_equal(parts[0], split_identities(100, (0.3, 0.5, 0.1, 0.1), 1)[0])


def test_rendered_photographs_differ_and_show_their_identity() -> None:
    source = Characters(pixels=16)
    rendered = render_gallery(source, np.array([7, 300]), 20, 0)
    assert rendered.identity.tolist() == [0] * 20 + [1] * 20
    for rows in (slice(20), slice(20, 40)):
        views = {*zip(*(rendered.factors[name][rows].tolist() for name in source.observed), strict=True)}
        assert len(views) == 20  # all there are
    sprites = Sprites(pixels=16)
    number = 300 * 20 + int(rendered.factors["view"][25]) * 5 + int(rendered.factors["pose"][25])
    expected = sprites.render_factors(sprites.combinations(np.array([number])))[0]
    assert np.array_equal(rendered.images[25], expected)
    assert rendered.group.tolist() == sprites.combinations(np.array([7 * 20, 300 * 20]))["body"].tolist()
    with pytest.raises(ValueError, match="photos must be at most 20, not 21"):
        render_gallery(source, np.array([0]), 21, 0)


# Folders


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """Two people with two and three photographs, and one with one."""
    from PIL import Image

    for name, shades in {"ada": [10, 20], "bob": [30, 40, 50], "eve": [60]}.items():
        (tmp_path / name).mkdir()
        for shade in shades:
            Image.new("L", (40, 20), shade).save(tmp_path / name / f"{shade}.png")
    (tmp_path / "ada" / "notes.txt").write_text("no image")
    return tmp_path


def test_a_folder_of_photographs_is_read(folder: Path) -> None:
    photographs, names = read_images(folder, 16)
    assert names == ["ada", "bob"]
    assert photographs.images.shape == (5, 16, 16, 3)
    assert photographs.images[:, 0, 0, 0].tolist() == [10, 20, 30, 40, 50]
    assert photographs.identity.tolist() == [0, 0, 1, 1, 1]
    assert photographs.factors == {}


def test_folders_that_cannot_be_read_are_named(folder: Path) -> None:
    with pytest.raises(FileNotFoundError, match="nowhere is not a folder"):
        read_images(folder / "nowhere", 16)
    with pytest.raises(FileError, match=r"ada must have a folder for each identity, at least 2 .* not 0"):
        read_images(folder / "ada", 16)
    (folder / "bob" / "30.png").write_bytes(b"nonsense")
    with pytest.raises(FileError, match=r"30\.png is not an image, or damaged"):
        read_images(folder, 16)
