"""2D Shapes: positions and sizes, the published grid, duplicates."""

from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

from unknot.models.data.shapes2d import SHAPES, Shapes2D
from unknot.models.data.splits import stratified_split

ALL = Shapes2D(tuple(SHAPES))


def render(source: Shapes2D = ALL, **factors: Any) -> NDArray[np.uint8]:
    """Render one image: by default a square in the middle, as large as possible."""
    values = {"shape": 0, "scale": 1.0, "orientation": 0.0, "x": 16 / 31, "y": 16 / 31} | factors
    image: NDArray[np.uint8] = source.render_factors({k: np.array([v]) for k, v in values.items()})[0]
    return image


def centre(image: NDArray[np.uint8]) -> tuple[float, float]:
    rows, columns = np.nonzero(image[:, :, 0])
    return float(columns.mean()), float(rows.mean())


def test_the_grid_is_the_published_one() -> None:
    source = Shapes2D()
    assert len(source) == 737_280
    last = source.combinations(np.array([0, 1, 32, 1024, 40 * 1024, 737_279]))
    np.testing.assert_allclose(last["y"], [0, 1 / 31, 0, 0, 0, 1])
    np.testing.assert_allclose(last["x"], [0, 0, 1 / 31, 0, 0, 1])
    np.testing.assert_allclose(last["orientation"], [0, 0, 0, 2 * np.pi / 39, 0, 2 * np.pi])
    np.testing.assert_allclose(last["scale"], [0.5, 0.5, 0.5, 0.5, 0.6, 1])
    assert last["shape"].tolist() == [0, 0, 0, 0, 0, 2]
    rows = np.random.default_rng(0).integers(len(source), size=500)
    np.testing.assert_array_equal(source.rows(source.combinations(rows)), rows)


def test_a_square_has_the_right_position_and_size() -> None:
    image = render()
    rows, columns = np.nonzero(image[:, :, 0])
    assert (columns.min(), columns.max(), rows.min(), rows.max()) == (23, 41, 23, 41)
    assert np.unique(image).tolist() == [0, 255]
    assert image[23:42, 23:42].all()
    assert (render(scale=0.5) > 0).sum() == 9**2
    assert centre(render(x=0.0, y=1.0)) == (16, 47)


@pytest.mark.parametrize("shape", range(len(SHAPES)))
def test_no_shape_is_cropped_and_all_move_and_grow_equally(shape: int) -> None:
    for orientation in np.linspace(0, 2 * np.pi, 9):
        image = render(shape=shape, orientation=orientation)
        assert not image[[3, -4]].any()
        assert not image[:, [3, -4]].any()
        here, there = centre(image), centre(render(shape=shape, orientation=orientation, x=1.0, y=0.0))
        np.testing.assert_allclose(np.subtract(there, here), (15, -16), atol=1e-9)
        ratio = (image > 0).sum() / (render(shape=shape, orientation=orientation, scale=0.5) > 0).sum()
        assert 3.3 < ratio < 4.7


def test_orientation_turns_anticlockwise() -> None:
    image = render(shape=1)
    turned = render(shape=1, orientation=np.pi / 2)
    np.testing.assert_array_equal(turned[16:49, 16:49], np.rot90(image[16:49, 16:49]))
    tip = render(shape=3, orientation=np.pi / 2)  # of a triangle that pointed up
    columns = (tip[:, :, 0] > 0).sum(0)
    assert columns[np.flatnonzero(columns)[0]] < columns[np.flatnonzero(columns)[-1]]


def test_half_the_pixels_are_means_of_four() -> None:
    small = Shapes2D(tuple(SHAPES), pixels=32)
    factors = ALL.sample_factors(200, np.random.default_rng(0))
    blocks = ALL.render_factors(factors).reshape(-1, 32, 2, 32, 2, 1).mean((2, 4))
    np.testing.assert_allclose(small.render_factors(factors), blocks, atol=0.5)


def test_a_colour_scales_the_shape() -> None:
    source = Shapes2D(coloured=True, pixels=32)
    factors = source.sample_factors(20, np.random.default_rng(0))
    images = source.render_factors(factors)
    assert images.shape == (20, 32, 32, 3)
    np.testing.assert_array_equal(images.max((1, 2)), np.round(255 * factors["colour"]))


def test_samples_cover_the_grid_and_depend_on_the_generator_alone() -> None:
    source = Shapes2D()
    first, again = (source.sample_factors(2000, np.random.default_rng(1)) for _ in range(2))
    for name, values in first.items():
        np.testing.assert_array_equal(values, again[name])
        assert len(np.unique(values)) == len(source.values[name])


def test_duplicates_are_those_of_turned_squares_and_ellipses() -> None:
    source = Shapes2D(("square", "ellipse"), scales=1, orientations=5, positions=3)
    kept = source.combinations(source.distinct())  # of quarter turns a square has one, an ellipse two
    assert np.unique(kept["shape"] * 10 + kept["orientation"], return_counts=True)[1].tolist() == [9, 9, 9]
    assert np.unique(kept["orientation"]).tolist() == [0, np.pi / 2]


def test_a_stratified_split_keeps_shares_and_all_rows() -> None:
    strata = np.repeat([0, 1, 2], [1000, 200, 100])
    parts = stratified_split(strata, (0.7, 0.15, 0.15), seed=0)
    assert sorted(np.concatenate(parts).tolist()) == list(range(1300))
    counts = [np.bincount(strata[part]).tolist() for part in parts]
    assert counts == [[700, 140, 70], [150, 30, 15], [150, 30, 15]]
    assert parts[0].tolist() != stratified_split(strata, (0.7, 0.15, 0.15), seed=1)[0].tolist()
    with pytest.raises(ValueError, match="sum 1"):
        stratified_split(strata, (0.7, 0.2), seed=0)


@pytest.mark.parametrize(
    ("factors", "words"),
    [
        ({"scale": 1.2}, r"scale must be in \[0.5, 1\], not 1.2 to 1.2"),
        ({"shape": 4}, r"shape must be in \[0, 3\]"),
        ({"x": np.nan}, "x must be in"),
        ({"colour": 1.0}, "factors must be"),
        ({"y": [0.5]}, r"y must be of shape \(1,\), not \(1, 1\)"),
    ],
)
def test_factors_that_cannot_be_rendered_are_refused(factors: dict[str, Any], words: str) -> None:
    with pytest.raises(ValueError, match=words):
        render(**factors)


@pytest.mark.parametrize(
    ("settings", "words"),
    [
        ({"shapes": ("sqare",)}, "did you mean 'square'"),
        ({"scales": 0}, "scales must be at least 1, not 0"),
        ({"pixels": 48}, "pixels must be 64 or 32, not 48"),
    ],
)
def test_wrong_settings_are_refused(settings: dict[str, Any], words: str) -> None:
    with pytest.raises(ValueError, match=words):
        Shapes2D(**settings)


def test_shapes_are_named_by_whole_numbers() -> None:
    source = Shapes2D(pixels=32)
    factors = source.sample_factors(3, np.random.default_rng(0))
    with pytest.raises(ValueError, match="shape must be of whole numbers, not float64"):
        source.render_factors({**factors, "shape": np.full(3, 0.5)})
    with pytest.raises(ValueError, match=r"x must be of shape \(3,\), not \(\)"):
        source.render_factors({**factors, "x": 0.5})
