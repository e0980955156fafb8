"""Clips of moving digits and of a street: motion, masks, what is refused, streams."""

import pickle
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

from unknot.mnist import load
from unknot.models.data.moving_digits import MovingDigits
from unknot.models.data.stream import stream
from unknot.models.data.street import Street
from unknot.models.data.street_view import CAR_LENGTH, STOP

Factors = dict[str, NDArray[Any]]


@pytest.fixture(scope="module")
def digits() -> MovingDigits:
    return MovingDigits(frames=6)


def one_clip(**changed: Any) -> Factors:
    factors = {
        "class": [3, 7],
        "example": [0, 1],
        "x": [0.5, 0.25],
        "y": [0.25, 0.5],
        "angle": [0.0, np.pi / 2],
        "speed": [1 / 9, 1 / 12],
    }
    return {name: np.array([each]) for name, each in (factors | changed).items()}


def test_digits_move_straight_by_their_speed_and_bounce(digits: MovingDigits) -> None:
    places = digits.positions(one_clip(x=[0.8, 0.25]))[0]
    bounced = [0.8, 0.8 + 1 / 9, 2 - 0.8 - 2 / 9, 2 - 0.8 - 3 / 9, 2 - 0.8 - 4 / 9, 2 - 0.8 - 5 / 9]
    np.testing.assert_allclose(places[:, 0, 0], bounced)
    np.testing.assert_allclose(places[:, 0, 1], 0.25)
    np.testing.assert_allclose(places[:, 1, 0], 0.25)
    np.testing.assert_allclose(places[:, 1, 1], 0.5 + np.arange(6) / 12)


def test_a_digit_at_whole_pixels_is_mnists_own_on_its_plane(digits: MovingDigits) -> None:
    images, labels = load("train")
    clip = digits.render_factors(one_clip(speed=[1 / 9, 1 / 9]))[0]  # 4 pixels a frame
    three, seven = images[labels == 3][0], images[labels == 7][1]
    np.testing.assert_array_equal(clip[0, 9:37, 18:46, 0], three)
    np.testing.assert_array_equal(clip[2, 9:37, 26:54, 0], three)
    np.testing.assert_array_equal(clip[3, 30:58, 9:37, 1], seven)
    assert clip[..., 0].sum(dtype=int) == 6 * three.sum(dtype=int)  # nothing else is red
    assert not clip[..., 2].any()


def test_a_digit_between_pixels_keeps_its_ink(digits: MovingDigits) -> None:
    whole, between = (
        digits.render_factors(one_clip(x=[x, 0.25]))[0, 0, :, :, 0].astype(float)
        for x in (0.5, 0.5 + 0.5 / 36)
    )
    np.testing.assert_allclose(between[:, 1:], (whole[:, 1:] + whole[:, :-1]) / 2, atol=0.5)


def test_masks_are_where_digits_have_ink_even_if_they_overlap(digits: MovingDigits) -> None:
    factors = digits.sample_factors(5, np.random.default_rng(0))
    masks = digits.masks(factors)
    assert masks.shape == (5, 6, 2, 64, 64)
    np.testing.assert_array_equal(masks, np.moveaxis(digits.render_factors(factors)[..., :2] >= 63.75, -1, 2))


def test_small_digits_are_means_of_the_large() -> None:
    images, labels = load("test")
    small = MovingDigits(pixels=32, frames=1, split="test")
    clip = small.render_factors(one_clip(x=[0.0, 0.0], y=[0.0, 0.0]))[0, 0]
    means = images[labels == 3][0].reshape(14, 2, 14, 2).mean((1, 3))
    assert np.abs(clip[:14, :14, 0] - means).max() <= 0.5


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"pixels": 48}, r"pixels must be one of \[32, 64\], not 48"),
        ({"frames": 0}, "frames must be at least 1, not 0"),
        ({"split": "all"}, "split"),
        ({"speed": (0.2, 0.1)}, "speed must be"),
        ({"speed": 0.1}, "speed must be the least and the greatest, not 0.1"),
    ],
)
def test_digits_refuse_what_they_cannot_render(arguments: dict[str, Any], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        MovingDigits(**arguments)


def road(**changed: Any) -> Factors:
    """Return factors of two cars in the second lane, the light green for the whole clip."""
    n = 4
    factors: dict[str, Any] = {
        "present": [1, 1],
        "lane": [1, 1],
        "place": [12.0, 20.0],
        "speed": [3.0, 1.5],
        "colour": [[1.0, 0.0, 0.0], [0.0, 0.0, 1.0]],
        "walker_side": [0] * n,
        "walker_place": [30.0] * n,
        "walker_speed": [0.0] * n,
        "walker_colour": [[0.5] * 3] * n,
        "light": 0.5,
        "daylight": 1.0,
        "drift": 0.0,
    }
    return {name: np.array([each]) for name, each in (factors | changed).items()}


def test_a_car_keeps_its_distance_and_never_overlaps() -> None:
    source = Street(pixels=32, frames=8, cars=2)
    places = source.positions(road())[0, :, :, 1]
    np.testing.assert_allclose(places[:, 1], 20 + 1.5 * np.arange(8))
    np.testing.assert_allclose(places[:2, 0], [12, 13.9])  # what is free before it
    assert (places[:, 1] - places[:, 0]).min() >= CAR_LENGTH
    apart = source.positions(road(lane=[1, 2]))[0, :, 0, 1]
    np.testing.assert_allclose(apart, 12 + 3 * np.arange(8))


def test_cars_stop_at_a_red_light_and_go_on_at_green() -> None:
    source = Street(pixels=32, frames=12, cars=2)
    red = road(light=0.25, place=[30.0, 45.0], lane=[0, 1])  # red for four frames
    places = source.positions(red)[0, :, :, 1]
    front = STOP - CAR_LENGTH / 2
    np.testing.assert_allclose(places[:4, 0], [30, 33, front, front])
    np.testing.assert_allclose(places[4:6, 0], [front + 3, front + 6])
    np.testing.assert_allclose(places[:, 1], 45 + 1.5 * np.arange(12))  # it has passed the line


def test_a_nearer_car_hides_a_farther_one_and_an_absent_one_is_not_seen() -> None:
    source = Street(frames=1, cars=2)
    masks = source.masks(road(place=[14.0, 16.0]))[0, 0]  # overlap
    alone = source.masks(road(place=[14.0, 16.0], present=[0, 1]))[0, 0]
    assert not (masks[0] & masks[1]).any()
    assert not alone[0].any()
    assert alone[1].sum() > masks[1].sum() > 0
    clip = source.render_factors(road(place=[14.0, 40.0]))[0, 0].astype(int)
    nearest = clip[source.masks(road(place=[14.0, 40.0]))[0, 0, 0]]
    assert (nearest[:, 0] > nearest[:, 2] + 40).mean() > 0.9  # red


def test_cars_are_in_their_lanes_and_lanes_do_not_overlap() -> None:
    source = Street(frames=4)
    factors = source.sample_factors(10, np.random.default_rng(0))
    cars, lanes = source.masks(factors), source.lane_masks()
    assert lanes.sum(0).max() == 1
    own = lanes[factors["lane"]][:, None]
    assert (cars & own).sum() > 0.85 * cars.sum()


def test_daylight_drifts_and_the_lamp_shows_the_light() -> None:
    source = Street(pixels=32, frames=5, cars=1)
    few = {
        name: each[:, :1] if each.ndim > 1 and "walker" not in name else each for name, each in road().items()
    }
    few |= {"present": np.array([[0]]), "daylight": np.array([0.8]), "drift": np.array([-0.2])}
    clip = source.render_factors(few)[0].astype(float)
    np.testing.assert_allclose(
        clip[:, 28:, 28:].mean((1, 2, 3)) / clip[0, 28:, 28:].mean(), 1 - np.arange(5) / 16, atol=0.01
    )
    green, red = (
        source.render_factors(few | {"light": np.array([at])})[0, 0].astype(int) for at in (0.6, 0.0)
    )
    changed = (green != red).any(-1)
    assert 1 <= changed.sum() < 16
    assert (red[changed, 0] > green[changed, 0]).all()


def test_a_street_samples_no_overlap_and_refuses_what_it_cannot_render() -> None:
    source = Street(pixels=32, frames=3)
    factors = source.sample_factors(50, np.random.default_rng(0))
    gap = np.abs(factors["place"][:, :, None] - factors["place"][:, None])
    alike = (factors["lane"][:, :, None] == factors["lane"][:, None]) & ~np.eye(8, dtype=bool)
    assert gap[alike].min() >= CAR_LENGTH
    for arguments, message in (
        ({"pixels": 16}, "pixels"),
        ({"cars": 9}, "cars"),
        ({"presence": 2}, "presence"),
    ):
        with pytest.raises(ValueError, match=message):
            Street(**arguments)
    with pytest.raises(ValueError, match="speed must be in"):
        source.render_factors(factors | {"speed": factors["speed"] + 9})


@pytest.mark.parametrize("kind", [MovingDigits, Street])
def test_clips_are_streamed_and_a_source_can_be_pickled(kind: type[Any]) -> None:
    source = kind(pixels=32, frames=3)
    batch = stream(source, 4, 0, factors=True)(5)
    assert batch["observation"].shape == (4, 3, 32, 32, 3)
    again = stream(pickle.loads(pickle.dumps(source)), 4, 0)(5)
    assert batch["observation"].equal(again["observation"])
    assert set(batch) == {"observation", *source.factor_space}
    for name, space in source.factor_space.spaces.items():
        assert all(space.contains(each) for each in batch[name].numpy().astype(space.dtype)), name
