"""The planar environment: spaces, looks, tasks, transitions, refusals."""

import hashlib
import math
from typing import Any

import gymnasium as gym
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import unknot  # noqa: F401  registers the environments
from unknot.envs import APPEARANCES, COLLISIONS, MAPS, Appearance, PlanarMap

EMPTY = PlanarMap()
NAMES = [*MAPS, "random"]


def make(**settings: Any) -> Any:
    return gym.make("unknot/Planar-v0", **settings).unwrapped


def points(*rows: tuple[float, float]) -> Any:
    return np.array(rows, dtype=np.float64)


# Actions and looks


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


def test_without_noise_a_step_samples_nothing() -> None:
    env = make()
    env.reset(seed=1)
    before = env.scene()["random_state"]
    env.step(np.ones(2))
    assert env.scene()["random_state"] == before


def test_appearances_change_only_images() -> None:
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


def test_custom_appearance_map_and_size() -> None:
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
"""Hashes of five images each; a change of rendering raises the environment's version."""


@pytest.mark.parametrize("name", sorted(APPEARANCES))
@pytest.mark.parametrize("plane", NAMES)
def test_golden_frames(plane: str, name: str) -> None:
    env = make(map=plane, appearance=name)
    images = env.render_factors({"position": np.array(POSITIONS)})
    assert hashlib.sha256(images.tobytes()).hexdigest()[:12] == GOLDEN[f"{plane} {name}"]


POSITIONS = [[1.5, 38.5], [20.5, 20.5], [7.25, 31.125], [20.9, 7.3], [38.5, 1.5]]


def test_golden_rollout() -> None:
    """Moving and sampling are part of the environment's version, too."""
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
def test_a_sampled_start_or_goal_lies_opposite_the_given_one(given: str) -> None:
    env = make()
    for seed in range(5):
        _, info = env.reset(seed=seed, options={given: {"position": [30.0, 9.0]}})
        other = info["goal" if given == "factors" else "factors"]["position"]
        assert (np.abs(other - np.array([5, 35])) <= 2).all()
        assert info[given]["position"].tolist() == [30.0, 9.0]


@pytest.mark.parametrize("collision", COLLISIONS)
def test_anywhere_is_anywhere_free_with_start_and_goal_apart(collision: str) -> None:
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


def test_only_time_ends_an_episode_by_default() -> None:
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
    options = {"factors": {"position": [20.0, 5.0]}, "goal": {"position": [20.0, 30.0]}}
    env.reset(seed=0, options=options)
    before = env.scene()
    for seed in (3, None):
        with pytest.raises(RuntimeError, match="'corners' finds no free position"):
            env.reset(seed=seed)
        assert env.scene() == before
        assert env.np_random_seed == 0
    vec: Any = gym.make_vec("unknot/Planar-v0", num_envs=2, map=env.world.map).unwrapped
    vec.reset(seed=0, options={k: {"position": [v["position"]] * 2} for k, v in options.items()})
    scenes = vec.scene()
    for seed in (3, None):
        with pytest.raises(RuntimeError, match="'corners' finds no free position"):
            vec.reset(seed=seed)
        assert vec.scene() == scenes
        assert vec.np_random_seed == (0, 1)


def test_a_map_without_free_space_has_no_samples() -> None:
    full = PlanarMap(walls=((-1.0, -1.0, 41.0, 41.0),))
    with pytest.raises(RuntimeError, match="no free space"):
        make(map=full).sample_transitions(3, np.random.default_rng(0))


def test_actions_beyond_float32_are_clipped() -> None:
    env = make(normalize_actions=True)
    env.reset(seed=0, options={"factors": {"position": [5.0, 5.0]}})
    info = env.step(np.array([1e308, -1e308]))[4]
    assert info["factors"]["position"].tolist() == [8.0, 2.0]


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"obstacles": 3}, "obstacles must be rows of 3 numbers, not 3"),
        ({"obstacles": [("a", 1, 2)]}, "obstacles must be rows of 3 numbers"),
        ({"walls": [(0, 0, 1)]}, "walls: .* must be 4 finite numbers"),
        ({"size": 0}, "size must be at least 1, not 0"),
        ({"size": 40.0}, "size must be a whole number"),
        ({"size": 10**6}, "size must be from 1 to 256"),
    ],
)
def test_bad_maps_are_refused(arguments: dict[str, Any], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        PlanarMap(**arguments)


@pytest.mark.parametrize(
    ("boxes", "oblique", "message"),
    [
        ((), False, "boxes must be a tuple of boxes"),
        (3, False, "boxes must be a tuple of boxes, not 3"),
        (((0.0, 0.0, 1.0),), False, "must be a tuple"),
        (((0.0, 0.0, 1.0, 2.0),), False, "boxes must be from -1 to 1, not 2.0"),
        (((0.0, 0.0, 0.0, 1.0),), False, "must have extent"),
        (((-1.0, -1.0, 1.0, 1.0),), "yes", "oblique must be True or False, not 'yes'"),
    ],
)
def test_bad_appearances_are_refused(boxes: Any, oblique: Any, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        Appearance(boxes, oblique)


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
        ("noise", -1.0, "noise must be from 0 to 40, not -1.0"),
        ("noise", math.nan, "noise must be from 0 to 40, not nan"),
        ("max_steps", 0, "max_steps must be at least 1, not 0"),
        ("half_agent", 20.0, "half_agent must be above 0 and below 20.0, not 20.0"),
        ("obstacle_brightness", 256, "obstacle_brightness must be from 0 to 255, not 256"),
        ("obstacle_brightness", 1.5, "obstacle_brightness must be a whole number"),
        ("noise", [1.0], r"noise must be from 0 to 40, not \[1.0\]"),
        ("noise", True, "noise must be from 0 to 40, not True"),
        ("noise", 1e308, r"noise must be from 0 to 40, not 1e\+308"),
        ("half_agent", math.nan, "half_agent must be above 0, not nan"),
        ("half_agent", "1", "half_agent must be above 0, not '1'"),
        ("map", None, "unknown map None"),
        ("map_seed", -1, "map_seed must be at least 0, not -1"),
        ("map_seed", None, "map_seed must be a whole number of at least 0, not None"),
        ("map_seed", [], r"map_seed must be a whole number of at least 0, not \[\]"),
        ("subpixel", "no", "subpixel must be True or False, not 'no'"),
        ("normalize_actions", 1, "normalize_actions must be True or False, not 1"),
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
