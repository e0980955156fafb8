"""The planar world without its tasks: obstacles, free space, images."""

import copy
import math
from typing import Any

import gymnasium as gym
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import unknot  # noqa: F401  registers the environments
from unknot.envs import APPEARANCES, COLLISIONS, MAPS, PlanarMap, PlanarWorld, find_map
from unknot.envs.planar_frames import project, unproject

EMPTY = PlanarMap()
NAMES = [*MAPS, "random"]


def make(**settings: Any) -> Any:
    return gym.make("unknot/Planar-v0", **settings).unwrapped


def points(*rows: tuple[float, float]) -> Any:
    return np.array(rows, dtype=np.float64)


def moved(world: PlanarWorld, start: tuple[float, float], action: tuple[float, float]) -> tuple[float, float]:
    row, column = world.move(points(start), points(action))[0]
    return float(row), float(column)


# Moving


@pytest.mark.parametrize("collision", COLLISIONS)
def test_moves_in_the_open_are_the_actions(collision: str) -> None:
    world = PlanarWorld(EMPTY, collision)
    assert moved(world, (10.0, 20.0), (2.5, -3.0)) == (12.5, 17.0)
    assert moved(world, (2.0, 37.0), (-3.0, 3.0)) == (1.5, 38.5)


@pytest.mark.parametrize(
    ("start", "action", "end"),
    [
        ((20.5, 9.0), (0.0, -1.75), (20.5, 7.25)),  # the body overlaps the disc, but not its centre
        ((20.5, 9.0), (0.0, -2.0), (20.5, 9.0)),  # the centre is on the body's edge
        ((20.5, 9.0), (0.0, -3.0), (20.5, 9.0)),
        ((22.25, 6.0), (-2.25, -2.25), (20.0, 3.75)),  # past the centre: only ends count
        ((19.0, 33.5), (0.0, 0.25), (19.0, 33.75)),
        ((18.9, 33.5), (0.1, 0.5), (18.9, 33.5)),  # refused whole: neither component is taken
    ],
)
def test_published_refuses_ends_with_a_centre_in_the_body(start: Any, action: Any, end: Any) -> None:
    assert moved(PlanarWorld(), start, action) == end


@pytest.mark.parametrize(
    ("start", "action", "end"),
    [
        ((20.5, 10.5), (0.0, -1.0), (20.5, 9.5)),  # touching: 1.5 + 2.5 from the centre
        ((20.5, 9.5), (0.0, -0.01), (20.5, 9.5)),
        ((20.5, 9.5), (1.0, 0.0), (21.5, 9.5)),  # sliding along it
        ((20.5, 9.5), (0.0, 0.0), (20.5, 9.5)),
        (
            (24.5, 9.0),
            (-1.5, 0.0),
            (24.5, 9.0),
        ),  # the body's corner at (21.5, 7.5) would be 2.24 from the centre
        ((24.5, 9.5), (-1.5, 0.0), (23.0, 9.5)),  # and here at (21.5, 8), 2.69 from it
        ((22.25, 9.75), (-3.0, 0.0), (19.25, 9.75)),  # alongside
    ],
)
def test_solid_refuses_bodies_on_discs(start: Any, action: Any, end: Any) -> None:
    lone = PlanarMap(obstacles=((20.5, 5.5, 2.5),))
    assert moved(PlanarWorld(lone, "solid"), start, action) == end


def test_solid_rounds_the_corner() -> None:
    world = PlanarWorld(PlanarMap(obstacles=((20.0, 20.0, 2.5),)), "solid")
    diagonal = 1.5 + 2.5 / math.sqrt(2)
    for offset, free in ((diagonal - 1e-6, False), (diagonal + 1e-6, True)):
        for i in (-1, 1):
            for j in (-1, 1):
                assert world.is_free(points((20 + i * offset, 20 + j * offset)))[0] == free


def test_solid_checks_the_whole_move() -> None:
    world = PlanarWorld(PlanarMap(obstacles=((20.0, 20.0, 0.2),)), "solid", half_agent=0.5)
    assert world.is_free(points((20.0, 18.5), (20.0, 21.5))).all()
    assert moved(world, (20.0, 18.5), (0.0, 3.0)) == (20.0, 18.5)
    assert moved(world, (19.25, 18.5), (0.0, 3.0)) == (19.25, 21.5)


@pytest.mark.parametrize("collision", COLLISIONS)
def test_walls_block(collision: str) -> None:
    world = PlanarWorld(PlanarMap(walls=((18.0, 10.0, 20.0, 30.0),)), collision)
    assert moved(world, (15.5, 20.0), (1.0, 0.0)) == (16.5, 20.0)  # touching
    assert moved(world, (15.5, 20.0), (1.01, 0.0)) == (15.5, 20.0)
    assert moved(world, (16.5, 20.0), (0.0, 3.0)) == (16.5, 23.0)
    assert moved(world, (19.0, 8.5), (3.0, 0.0)) == (22.0, 8.5)
    assert moved(world, (19.0, 8.5), (0.0, 0.5)) == (19.0, 8.5)


def test_only_solid_refuses_to_cut_a_corner() -> None:
    plane, start, action = PlanarMap(walls=((18.0, 10.0, 20.0, 30.0),)), (16.0, 30.5), (1.5, 1.5)
    assert moved(PlanarWorld(plane, "published"), start, action) == (17.5, 32.0)
    assert moved(PlanarWorld(plane, "solid"), start, action) == start


def clearance(plane: PlanarMap, at: Any, half: float = 1.5) -> Any:
    """The distance between a body and the nearest thing, negative where they overlap."""
    gaps = []
    for row, column, radius in plane.obstacles:
        gap = np.maximum(np.abs(at - np.array([row, column])) - half, 0)
        gaps.append(np.hypot(gap[..., 0], gap[..., 1]) - radius)
    for top, left, bottom, right in plane.walls:
        low, high = np.array([top, left]) - half, np.array([bottom, right]) + half
        gaps.append(np.maximum(low - at, at - high).max(axis=-1))
    return np.min(gaps, axis=0)


@pytest.mark.parametrize("name", NAMES)
def test_solid_agrees_with_many_points_of_each_move(name: str) -> None:
    rng = np.random.default_rng(1)
    world = PlanarWorld(find_map(name), "solid")
    starts = world.sample_free(3000, rng)
    ends = np.clip(starts + rng.uniform(-3, 3, starts.shape), world.low, world.high)
    ways = starts[:, None] + np.linspace(0, 1, 200)[:, None] * (ends - starts)[:, None]
    least = clearance(world.map, ways).min(axis=1)
    sure = np.abs(least) > 0.01
    assert sure.mean() > 0.9
    assert (world.blocked(starts, ends) == (least < 0))[sure].all()


coordinate = st.floats(1.5, 38.5)
offset = st.floats(-3, 3)


@settings(max_examples=60, deadline=None)
@given(
    st.sampled_from(NAMES),
    st.integers(0, 2**32),
    st.lists(st.tuples(offset, offset), min_size=20, max_size=40),
)
def test_solid_bodies_never_overlap(name: str, seed: int, actions: list[tuple[float, float]]) -> None:
    world = PlanarWorld(find_map(name), "solid")
    at = world.sample_free(30, np.random.default_rng(seed))
    for action in actions:
        at = world.move(at, np.array([action]))
        assert world.is_free(at).all()
        assert (clearance(world.map, at) > -1e-9).all()


def test_noise_is_gaussian_in_pixels() -> None:
    world = PlanarWorld(EMPTY, noise=0.5)
    normal = np.random.default_rng(0).standard_normal((1000, 2))
    start = np.full((1000, 2), 20.0)
    assert np.array_equal(world.move(start, np.zeros((1000, 2)), normal), start + 0.5 * normal)
    env = make(noise=0.5, map=EMPTY)
    env.reset(seed=1, options={"factors": {"position": [20.0, 20.0]}})
    twin = copy.deepcopy(env.np_random)
    position = env.step(np.zeros(2))[4]["factors"]["position"]
    assert np.array_equal(position, 20.0 + 0.5 * twin.standard_normal(2))


# Free space


@pytest.mark.parametrize("collision", COLLISIONS)
@pytest.mark.parametrize("name", NAMES)
def test_maps_are_connected_and_their_corners_free(name: str, collision: str) -> None:
    world = PlanarWorld(find_map(name), collision)
    assert world.region.sum() >= 0.97 * world.free_grid.sum()
    corners = points(*((i, j) for i in (5, 35) for j in (5, 35)))
    assert world.in_region(corners).all()


def test_region_is_the_largest_part() -> None:
    world = PlanarWorld(PlanarMap(walls=((10.0, 0.0, 12.0, 40.0),)), "published")
    assert world.is_free(points((5.0, 20.0), (30.0, 20.0))).tolist() == [True, True]
    assert world.in_region(points((5.0, 20.0), (30.0, 20.0), (11.0, 20.0))).tolist() == [False, True, False]
    assert (world.sample_free(200, np.random.default_rng(0))[:, 0] >= 13.5).all()


def test_free_positions_are_sampled_uniformly() -> None:
    world = PlanarWorld(find_map("door"))
    sampled = world.sample_free(20_000, np.random.default_rng(0))
    assert world.in_region(sampled).all()
    counts, _, _ = np.histogram2d(sampled[:, 0], sampled[:, 1], bins=4, range=[[1.5, 10.75], [1.5, 10.75]])
    assert np.abs(counts / counts.mean() - 1).max() < 0.35
    assert abs(counts.sum() / 20_000 - 9.25**2 / (37**2 * world.free_grid.mean())) < 0.005


def test_random_maps_follow_from_their_seeds() -> None:
    assert find_map("random", 1) == find_map("random", 1) != find_map("random", 2)
    assert make(map="random", map_seed=2).world.map == find_map("random", 2)


def test_maps_are_values() -> None:
    plane = PlanarMap(obstacles=np.array([[10, 10, 2]]), walls=[[1, 2, 3, 4]])  # type: ignore[arg-type]
    assert plane == PlanarMap(((10.0, 10.0, 2.0),), ((1.0, 2.0, 3.0, 4.0),))
    assert hash(plane) == hash(PlanarMap(((10.0, 10.0, 2.0),), ((1.0, 2.0, 3.0, 4.0),)))
    for obstacles, walls, message in (
        ([(1, 2)], [], "3 finite"),
        ([(1, 2, math.nan)], [], "3 finite"),
        ([(1, 2, 0)], [], "positive radius"),
        ([], [(3, 0, 2, 5)], "extent"),
    ):
        with pytest.raises(ValueError, match=message):
            PlanarMap(obstacles, walls)  # type: ignore[arg-type]


# Rendering


@pytest.mark.parametrize(
    ("name", "area", "exact"), [("square", 9.0, 1e-9), ("cross", 5.0, 1e-9), ("disc", math.pi * 2.25, 0.1)]
)
@settings(max_examples=50, deadline=None)
@given(row=coordinate, column=coordinate)
def test_the_agent_covers_its_area_around_its_position(
    name: str, area: float, exact: float, row: float, column: float
) -> None:
    world = PlanarWorld(EMPTY, appearance=APPEARANCES[name])
    coverage = world.coverage(points((row, column)))[0]
    assert coverage.sum() == pytest.approx(area, abs=exact)
    centres = np.arange(40) + 0.5
    middle = np.array([centres @ coverage.sum(axis=1), centres @ coverage.sum(axis=0)]) / coverage.sum()
    assert middle == pytest.approx([row, column], abs=exact)
    assert 0 <= coverage.min() <= coverage.max() <= 1 + 1e-9
    image = world.render(points((row, column)))[0, :, :, 0]
    assert np.abs(image / 255 - coverage).max() <= 0.5 / 255 + 1e-9


@settings(max_examples=50, deadline=None)
@given(row=coordinate, column=coordinate)
def test_the_oblique_view_can_be_inverted(row: float, column: float) -> None:
    world = PlanarWorld(EMPTY, appearance=APPEARANCES["oblique"])
    coverage = world.coverage(points((row, column)))[0]
    centres = np.arange(40) + 0.5
    middle = np.array([centres @ coverage.sum(axis=1), centres @ coverage.sum(axis=0)]) / coverage.sum()
    *image, scale = project(np.array(row), np.array(column), 40)
    assert middle == pytest.approx(image, abs=0.1)
    assert np.array(unproject(image[0], image[1], 40)) == pytest.approx([row, column], abs=1e-9)
    assert coverage.sum() == pytest.approx(9 * scale**2)


def test_subpixel_positions_blend() -> None:
    image = PlanarWorld(EMPTY).render(points((10.0, 20.5)))[0, :, :, 0]
    half, whole = [0, 128, 128, 128, 0], [0, 255, 255, 255, 0]
    assert image[8:12, 18:23].tolist() == [half, whole, whole, half]
    assert image.astype(int).sum() == 3 * (128 + 255 + 255 + 128)


@pytest.mark.parametrize("position", [(10.0, 20.0), (10.5, 20.5), (10.99, 20.01)])
def test_whole_pixels_are_a_block_around_the_position_s_pixel(position: tuple[float, float]) -> None:
    image = PlanarWorld(EMPTY, subpixel=False).render(points(position))[0, :, :, 0]
    expected = np.zeros((40, 40))
    expected[9:12, 19:22] = 255
    assert np.array_equal(image, expected)


def test_the_agent_is_rendered_over_obstacles() -> None:
    at = points((20.5, 7.25))
    background = PlanarWorld().background
    assert background[20, 5] == 128
    assert background[0].max() == 0
    area = background.astype(float).sum() / 128
    assert area == pytest.approx(6 * math.pi * 2.5**2, rel=0.01)
    assert PlanarWorld().render(at)[0, 20, 7, 0] == 255
    published = PlanarWorld(obstacle_brightness=255)
    assert published.render(at)[0, 20, 5:8, 0].tolist() == [255, 255, 255]
    with pytest.raises(ValueError, match="read-only"):
        background[0, 0] = 1


@settings(max_examples=20, deadline=None)
@given(st.sampled_from(sorted(APPEARANCES)), st.integers(0, 2**32))
def test_results_do_not_depend_on_the_batch(appearance: str, seed: int) -> None:
    rng = np.random.default_rng(seed)
    for collision in COLLISIONS:
        world = PlanarWorld(collision=collision, appearance=APPEARANCES[appearance])
        at = world.sample_free(37, rng)
        actions = rng.uniform(-3, 3, at.shape)
        ends, images = world.move(at, actions), world.render(at)
        for i in range(37):
            assert np.array_equal(world.move(at[i : i + 1], actions[i : i + 1])[0], ends[i])
            assert np.array_equal(world.render(at[i : i + 1])[0], images[i])
