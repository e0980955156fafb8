"""Scenes of sprites: blending, sizes, masks, what is refused."""

from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

from unknot.models.data.scenes import Scenes
from unknot.models.data.stream import stream
from unknot.representation.metrics import evaluate_codes


def two_squares(**changed: Any) -> dict[str, NDArray[Any]]:
    """Return a scene of two squares, side by side so that they share some columns."""
    factors: dict[str, Any] = {
        "present": [[1, 1]],
        "shape": [[0, 0]],
        "scale": [[0.8, 0.8]],
        "orientation": [[0.0, 0.0]],
        "x": [[0.4, 0.6]],
        "y": [[0.5, 0.5]],
        "colour": [[[0.8, 0.2, 0.0], [0.4, 0.4, 0.6]]],
    }
    return {name: np.array(each) for name, each in (factors | changed).items()}


def colours_of(image: NDArray[np.uint8]) -> set[tuple[int, ...]]:
    return set(map(tuple, image.reshape(-1, 3).tolist()))


@pytest.mark.parametrize(("blending", "overlap"), [("sum", (255, 153, 153)), ("painter", (102, 102, 153))])
def test_overlaps_are_summed_and_clipped_or_covered(blending: str, overlap: tuple[int, ...]) -> None:
    source = Scenes(objects=2, blending=blending)
    image, masks = source.render_factors(two_squares())[0], source.masks(two_squares())[0]
    assert colours_of(image[masks[0] & masks[1]]) == {overlap}
    assert colours_of(image[masks[0] & ~masks[1]]) == {(204, 51, 0)}
    assert colours_of(image[masks[1] & ~masks[0]]) == {(102, 102, 153)}
    assert colours_of(image[~masks.any(0)]) == {(0, 0, 0)}


def test_a_square_has_the_side_its_scale_says() -> None:
    mask = Scenes(objects=2).masks(two_squares())[0, 0]
    rows, columns = np.flatnonzero(mask.any(1)), np.flatnonzero(mask.any(0))
    assert mask.sum() == len(rows) * len(columns)
    assert 14 <= len(rows) <= 15  # 0.8 of 18
    assert 14 <= len(columns) <= 15


@pytest.mark.parametrize("pixels", [16, 32])
def test_smaller_images_are_means_of_the_large(pixels: int) -> None:
    block = 64 // pixels
    factors = Scenes(objects=8).sample_factors(20, np.random.default_rng(0))
    large = Scenes(objects=8).render_factors(factors).astype(float)
    means = large.reshape(20, pixels, block, pixels, block, 3).mean((2, 4))
    small = Scenes(objects=8, pixels=pixels)
    assert np.abs(small.render_factors(factors) - means).max() <= 0.5
    covered = Scenes(objects=8).masks(factors).reshape(20, 8, pixels, block, pixels, block).mean((3, 5))
    np.testing.assert_array_equal(small.masks(factors), covered >= 0.5)


def test_an_absent_sprite_is_in_no_image_and_no_mask() -> None:
    source = Scenes(objects=2)
    absent = two_squares(present=[[1, 0]])
    image, masks = source.render_factors(absent)[0], source.masks(absent)[0]
    assert colours_of(image) == {(0, 0, 0), (204, 51, 0)}
    assert not masks[1].any()
    other = {**absent, "x": np.array([[0.4, 0.0]]), "colour": absent["colour"] / 2}
    other["colour"][0, 0] = absent["colour"][0, 0]
    np.testing.assert_array_equal(source.render_factors(other)[0], image)


def test_no_sprite_leaves_the_image() -> None:
    source = Scenes(objects=4)
    factors = source.sample_factors(300, np.random.default_rng(0))
    rng = np.random.default_rng(1)
    factors |= {name: rng.integers(2, size=(300, 4)).astype(float) for name in ("x", "y")}
    factors["scale"][:] = 0.9
    masks = source.masks(factors)
    assert not masks[:, :, [0, -1]].any()
    assert not masks[..., [0, -1]].any()


def test_sprites_are_independent_and_half_of_them_there() -> None:
    source = Scenes(objects=3)
    factors = source.sample_factors(4000, np.random.default_rng(0))
    counts = np.bincount(factors["present"].sum(1), minlength=4) / 4000
    np.testing.assert_allclose(counts, [1 / 8, 3 / 8, 3 / 8, 1 / 8], atol=0.03)
    assert abs(np.corrcoef(factors["x"].T)[0, 1]) < 0.05
    assert factors["colour"].max(-1).min() >= 0.5
    assert Scenes(presence=1.0).sample_factors(9, np.random.default_rng(0))["present"].all()


def test_a_step_has_its_own_scenes_always_the_same() -> None:
    batch_at = stream(Scenes(pixels=16), 4, seed=3)
    first, again, next_one = (batch_at(step)["observation"] for step in (5, 5, 6))
    assert first.shape == (4, 16, 16, 3)
    assert first.equal(again)
    assert not first.equal(next_one)


def test_codes_are_measured_on_scenes() -> None:
    score = evaluate_codes(
        lambda images: images.mean((1, 2)), Scenes(objects=1, pixels=16), "mig", samples=300
    )
    names = score["mig"].choices["factors"]
    assert len(names) == 9  # five numbers, presence, and three of a colour
    assert 0 <= score["mig"].value < 0.5


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        ({"objects": 0}, "objects must be at least 1, not 0"),
        ({"pixels": 48}, r"pixels must be one of \(16, 32, 64\), not 48"),
        ({"blending": "add"}, "unknown blending 'add'"),
        ({"presence": 1.5}, "presence must be from 0 to 1, not 1.5"),
        ({"shapes": ("cube",)}, "unknown shape 'cube'"),
        ({"shapes": ()}, "shapes must be a tuple of names"),
    ],
)
def test_wrong_arguments_are_refused(arguments: dict[str, Any], words: str) -> None:
    with pytest.raises(ValueError, match=words):
        Scenes(**arguments)


@pytest.mark.parametrize(
    ("changed", "words"),
    [
        ({"x": [[0.5, 1.5]]}, r"x must be in \[0, 1\]"),
        ({"x": [[0.5]]}, r"x must be of shape \(1, 2\)"),
        ({"present": [[1, 2]]}, r"present must be in \[0, 1\]"),
        ({"shape": [[0.0, 1.0]]}, "shape must be of whole numbers"),
        ({"shape": [[0, 3]]}, r"shape must be in \[0, 2\]"),
    ],
)
def test_wrong_factors_are_refused(changed: dict[str, Any], words: str) -> None:
    for function in (Scenes(objects=2).render_factors, Scenes(objects=2).masks):
        with pytest.raises(ValueError, match=words):
            function(two_squares(**changed))
