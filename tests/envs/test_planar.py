"""The planar world: what blocks, what is drawn, what counts."""

import copy
import hashlib
import math
from typing import Any

import gymnasium as gym
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import unknot  # noqa: F401  registers the environments
from unknot.envs import APPEARANCES, COLLISIONS, MAPS, Appearance, PlanarMap, PlanarWorld, find_map
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


def test_solid_looks_at_the_whole_way() -> None:
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


def test_only_solid_sees_a_corner_that_is_cut() -> None:
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
def test_solid_agrees_with_many_small_looks(name: str) -> None:
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


@settings(max_examples=30, deadline=None)
@given(
    st.sampled_from(NAMES),
    st.sampled_from(COLLISIONS),
    st.sampled_from(sorted(APPEARANCES)),
    st.integers(0, 2**32),
)
def test_any_rollout_stays_in_its_spaces(name: str, collision: str, appearance: str, seed: int) -> None:
    env = make(map=name, collision=collision, appearance=appearance, task="anywhere", noise=0.7)
    observation, info = env.reset(seed=seed)
    env.action_space.seed(seed)
    for _ in range(5):
        assert env.observation_space.contains(observation)
        assert env.factor_space.contains(info["factors"])
        assert env.world.is_free(info["factors"]["position"][None])[0]
        observation, _, _, _, info = env.step(10 * env.action_space.sample())


def test_actions_are_clipped_and_scaled() -> None:
    plain, unit = make(map=EMPTY), make(map=EMPTY, normalize_actions=True)
    for env in (plain, unit):
        env.reset(seed=1, options={"factors": {"position": [20.0, 20.0]}})
    assert plain.step(np.array([9.0, -0.5]))[4]["factors"]["position"].tolist() == [23.0, 19.5]
    assert unit.step(np.array([3.0, -0.5]))[4]["factors"]["position"].tolist() == [23.0, 18.5]
    assert float(unit.action_space.high[0]) == 1.0


def test_noise_is_gaussian_in_pixels() -> None:
    world = PlanarWorld(EMPTY, noise=0.5)
    draws = np.random.default_rng(0).standard_normal((1000, 2))
    start = np.full((1000, 2), 20.0)
    assert np.array_equal(world.move(start, np.zeros((1000, 2)), draws), start + 0.5 * draws)
    env = make(noise=0.5, map=EMPTY)
    env.reset(seed=1, options={"factors": {"position": [20.0, 20.0]}})
    twin = copy.deepcopy(env.np_random)
    position = env.step(np.zeros(2))[4]["factors"]["position"]
    assert np.array_equal(position, 20.0 + 0.5 * twin.standard_normal(2))


def test_without_noise_a_step_draws_nothing() -> None:
    env = make()
    env.reset(seed=1)
    before = env.scene()["random_state"]
    env.step(np.ones(2))
    assert env.scene()["random_state"] == before


# Where an agent can get


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


def test_free_places_are_drawn_uniformly() -> None:
    world = PlanarWorld(find_map("door"))
    drawn = world.sample_free(20_000, np.random.default_rng(0))
    assert world.in_region(drawn).all()
    counts, _, _ = np.histogram2d(drawn[:, 0], drawn[:, 1], bins=4, range=[[1.5, 10.75], [1.5, 10.75]])
    assert np.abs(counts / counts.mean() - 1).max() < 0.35
    assert abs(counts.sum() / 20_000 - 9.25**2 / (37**2 * world.free_grid.mean())) < 0.005


def test_random_maps_are_their_seeds() -> None:
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


# Drawing


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


def test_the_agent_is_drawn_over_obstacles_unless_they_are_as_bright() -> None:
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


def test_looks_change_nothing_but_looks() -> None:
    ends = []
    for name in APPEARANCES:
        env = make(appearance=name)
        observation, _ = env.reset(seed=3)
        ends.append(
            (
                env.step(np.array([1.0, 2.0]))[4]["factors"]["position"].tolist(),
                observation["observation"].tobytes(),
            )
        )
    assert len({str(end) for end, _ in ends}) == 1
    assert len({image for _, image in ends}) == len(APPEARANCES)


def test_one_s_own_appearance_map_and_size() -> None:
    env = make(
        appearance=Appearance(((-1.0, -1.0, 0.0, 1.0),)),
        map=PlanarMap(size=24),
        half_agent=2.0,
        task="anywhere",
    )
    observation, _ = env.reset(seed=1)
    assert observation["observation"].shape == (24, 24, 1)
    env.set_factors({"position": [22.0, 2.0]})
    assert env.world.coverage(points((22.0, 2.0)))[0].sum() == pytest.approx(8.0)


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


GOLDEN = {
    "paper cross": "deb7f6c40de0",
    "paper disc": "6785778ab37a",
    "paper oblique": "98c3123793ac",
    "paper square": "01c50462153c",
    "gates cross": "4297ce8a323e",
    "gates disc": "645adb0d79e4",
    "gates oblique": "630ba8597ef0",
    "gates square": "7f17396c1f4e",
    "door cross": "16bddc6cc2d3",
    "door disc": "dd3c980b911c",
    "door oblique": "72636915452e",
    "door square": "be9501ed921a",
    "random cross": "2e06720af19d",
    "random disc": "7877dcc56353",
    "random oblique": "41f1bb330a7e",
    "random square": "20b0542be3c5",
}
"""Hashes of five images each; a change of what is drawn raises the environment's version."""


@pytest.mark.parametrize("name", sorted(APPEARANCES))
@pytest.mark.parametrize("plane", NAMES)
def test_golden_frames(plane: str, name: str) -> None:
    env = make(map=plane, appearance=name)
    images = env.render_factors({"position": np.array(POSITIONS)})
    assert hashlib.sha256(images.tobytes()).hexdigest()[:12] == GOLDEN[f"{plane} {name}"]


POSITIONS = [[1.5, 38.5], [20.5, 20.5], [7.25, 31.125], [20.9, 7.3], [38.5, 1.5]]


def test_golden_rollout() -> None:
    """How it moves and what it draws at random are part of its version, too."""
    env = make(noise=0.25, map="gates", collision="solid")
    env.reset(seed=0)
    for action in ([3, 0], [0, -3], [-1.5, 2], [2, 2]):
        info = env.step(np.array(action, dtype=np.float32))[4]
    assert [*info["factors"]["position"], *info["goal"]["position"]] == pytest.approx(ROLLOUT, abs=1e-9)


ROLLOUT = [36.9921367481, 5.4556335789, 6.2530809568, 36.6510223091]


# Tasks


def test_corners_lie_opposite() -> None:
    env: Any = gym.make_vec("unknot/Planar-v0", num_envs=400)
    _, infos = env.reset(seed=0)
    start, goal = (infos[key]["position"] for key in ("factors", "goal"))
    assert ((np.abs(start - 5) <= 2) | (np.abs(start - 35) <= 2)).all()
    assert (np.abs(np.where(start < 20, 35, 5) - goal) <= 2).all()
    corners, counts = np.unique(start < 20, axis=0, return_counts=True)
    assert len(corners) == 4
    assert counts.min() > 60
    offsets = start - np.where(start < 20, 5, 35)
    assert offsets.min() < -1.8
    assert offsets.max() > 1.8


@pytest.mark.parametrize("given", ["factors", "goal"])
def test_what_is_not_given_lies_in_the_opposite_corner(given: str) -> None:
    env = make()
    for seed in range(5):
        _, info = env.reset(seed=seed, options={given: {"position": [30.0, 9.0]}})
        other = info["goal" if given == "factors" else "factors"]["position"]
        assert (np.abs(other - np.array([5, 35])) <= 2).all()
        assert info[given]["position"].tolist() == [30.0, 9.0]


@pytest.mark.parametrize("collision", COLLISIONS)
def test_anywhere_is_anywhere_free_and_apart(collision: str) -> None:
    env: Any = gym.make_vec("unknot/Planar-v0", num_envs=500, task="anywhere", collision=collision)
    _, infos = env.reset(seed=0)
    start, goal = (infos[key]["position"] for key in ("factors", "goal"))
    assert env.unwrapped.world.in_region(start).all()
    assert env.unwrapped.world.in_region(goal).all()
    assert (np.hypot(*(start - goal).T) > 2).all()
    assert np.ptp(start, axis=0).min() > 35


def test_success_is_to_stay_near_for_five_steps() -> None:
    env = make(map=EMPTY, max_steps=20, terminate_on_success=True)
    _, info = env.reset(
        seed=0, options={"factors": {"position": [20.0, 18.5]}, "goal": {"position": [20.0, 20.0]}}
    )
    assert info["is_success"] is False
    still, away = np.zeros(2), np.array([0.0, -1.0])
    outcomes = [env.step(action) for action in (still, still, still, still, away, -away)]
    assert [o[1] for o in outcomes] == [1.0, 1.0, 1.0, 1.0, 0.0, 1.0]
    outcomes += [env.step(still) for _ in range(4)]
    assert [o[4]["is_success"] for o in outcomes] == [False] * 9 + [True]
    assert [o[2] for o in outcomes] == [False] * 9 + [True]
    assert not any(o[3] for o in outcomes)


def test_near_is_two_pixels() -> None:
    env = make(map=EMPTY, reward="dense")
    env.reset(seed=0, options={"factors": {"position": [20.0, 17.0]}, "goal": {"position": [20.0, 20.0]}})
    assert env.step(np.array([0.0, 1.0]))[1] == -2.0
    assert env.scene()["near_steps"] == 1
    assert env.step(np.array([0.0, -0.0625]))[1] == -2.0625
    assert env.scene()["near_steps"] == 0


def test_arriving_ends_nothing_and_time_does() -> None:
    env = make(max_steps=7)
    env.reset(seed=0, options={"factors": {"position": [5.0, 5.0]}, "goal": {"position": [5.0, 5.0]}})
    outcomes = [env.step(np.zeros(2)) for _ in range(7)]
    assert [o[3] for o in outcomes] == [False] * 6 + [True]
    assert not any(o[2] for o in outcomes)
    assert [o[4]["is_success"] for o in outcomes] == [False] * 4 + [True] * 3


def test_the_goal_is_shown_as_the_agent_at_it() -> None:
    env = make(appearance="cross")
    observation, info = env.reset(seed=0)
    goal = info["goal"]["position"]
    assert np.array_equal(observation["desired_goal"], env.render_factors({"position": goal[None]})[0])
    assert np.array_equal(env.set_factors({"position": goal})["observation"], observation["desired_goal"])


def test_a_task_without_room_says_so() -> None:
    env = make(map=PlanarMap(walls=((0.0, 0.0, 12.0, 40.0), (28.0, 0.0, 40.0, 40.0))))
    with pytest.raises(RuntimeError, match="'corners' finds no free position"):
        env.reset(seed=0)


def test_a_scene_of_another_map_is_refused() -> None:
    env, other = make(), make(map="door")
    env.reset(seed=0)
    other.reset(seed=0)
    with pytest.raises(ValueError, match="another map"):
        other.reset(options={"scene": env.scene()})


@pytest.mark.parametrize(
    ("argument", "value", "message"),
    [
        ("appearance", "squar", "did you mean 'square'"),
        ("appearance", ["cross"], r"unknown appearance \['cross'\]; did you mean 'cross'"),
        ("appearance", None, "unknown appearance None"),
        ("collision", "solids", "did you mean 'solid'"),
        ("task", "corner", "did you mean 'corners'"),
        ("map", "papers", "did you mean 'paper'"),
        ("reward", "dence", "did you mean 'dense'"),
        ("noise", -1.0, "noise must be at least 0, not -1.0"),
        ("noise", math.nan, "noise must be at least 0, not nan"),
        ("max_steps", 0, "max_steps must be at least 1, not 0"),
        ("half_agent", 20.0, "half_agent must be above 0 and below 20.0, not 20.0"),
        ("obstacle_brightness", 256, "obstacle_brightness must be from 0 to 255, not 256"),
    ],
)
def test_bad_settings_are_named(argument: str, value: Any, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        make(**{argument: value})


# Data


@pytest.mark.parametrize(
    "settings_", [{}, {"collision": "solid"}, {"normalize_actions": True}, {"noise": 1.0}]
)
def test_transitions_are_moves(settings_: dict[str, Any]) -> None:
    env = make(**settings_)
    data = env.sample_transitions(500, np.random.default_rng(0))
    assert {key: (value.shape, str(value.dtype)) for key, value in data.items()} == {
        "observation": ((500, 40, 40, 1), "uint8"),
        "action": ((500, 2), "float32"),
        "next_observation": ((500, 40, 40, 1), "uint8"),
        "position": ((500, 2), "float64"),
        "next_position": ((500, 2), "float64"),
    }
    assert np.array_equal(data["observation"], env.render_factors({"position": data["position"]}))
    assert np.array_equal(data["next_observation"], env.render_factors({"position": data["next_position"]}))
    assert env.world.in_region(data["position"]).all()
    high = env.action_space.high[0]
    assert np.abs(data["action"]).max() <= high
    assert np.abs(data["action"]).mean() == pytest.approx(high / 2, rel=0.1)
    again = env.sample_transitions(500, np.random.default_rng(0))
    assert all(np.array_equal(data[key], again[key]) for key in data)
    if "noise" not in settings_:
        env.reset(seed=0, options={"factors": {"position": data["position"][7]}})
        ended = env.step(data["action"][7])[4]["factors"]["position"]
        assert np.array_equal(ended, data["next_position"][7])
        refused = (data["position"] == data["next_position"]).all(axis=1)
        assert 0.01 < refused.mean() < 0.5


def test_factors_cover_the_whole_plane() -> None:
    position = make().sample_factors(2000, np.random.default_rng(0))["position"]
    assert not make().world.is_free(position).all()
    assert position.min(axis=0) == pytest.approx(1.5, abs=0.2)
    assert position.max(axis=0) == pytest.approx(38.5, abs=0.2)


def test_arrows_and_letters_steer() -> None:
    pygame = pytest.importorskip("pygame")
    keys = make(normalize_actions=True).get_keys_to_action()
    assert keys[(pygame.K_UP,)].tolist() == keys[(pygame.K_w,)].tolist() == [-1.0, 0.0]
    assert (
        keys[(pygame.K_DOWN, pygame.K_RIGHT)].tolist()
        == keys[(pygame.K_s, pygame.K_d)].tolist()
        == [1.0, 1.0]
    )
