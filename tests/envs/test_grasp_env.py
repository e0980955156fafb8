"""The grasping environments: one pose per attempt, and a gripper to steer."""

import subprocess
import sys
from typing import Any

import gymnasium as gym
import numpy as np
import pytest
from gymnasium.error import ResetNeeded
from numpy.typing import NDArray

import unknot  # noqa: F401  registers the environments
from unknot.cli import main
from unknot.envs import FactorObservation, FactorVectorObservation


def test_without_pybullet_the_error_names_the_extra(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "pybullet", None)
    monkeypatch.setattr(sys, "version_info", (3, 11, 7, "final", 0))
    for name in ("unknot/Grasp-v0", "unknot/GraspReach-v0"):
        with pytest.raises(ModuleNotFoundError, match=r'pybullet: pip install "unknot\[grasp\]"'):
            gym.make(name)
    with pytest.raises(SystemExit):
        main(["play", "unknot/GraspReach-v0"])


def test_where_pybullet_has_no_wheels_the_error_names_the_python(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setitem(sys.modules, "pybullet", None)
    monkeypatch.setattr(sys, "version_info", (3, 13, 0, "final", 0))
    words = 'pybullet, which has wheels up to Python 3.11, not for 3.13: pip install "unknot[grasp]" there'
    with pytest.raises(ModuleNotFoundError) as caught:
        gym.make("unknot/Grasp-v0")
    assert words in str(caught.value)
    with pytest.raises(SystemExit):
        main(["collect-grasps", "grasps"])
    assert words in capsys.readouterr().err


def test_importing_pybullet_prints_nothing() -> None:
    pytest.importorskip("pybullet", reason="PyBullet has no wheels for this Python")
    code = "import os, unknot.envs.grasp.world; os.write(2, b'seen')"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert (done.stdout, done.stderr) == ("", "seen")


pytest.importorskip("pybullet", reason="PyBullet is not installed")

from unknot.envs.grasp.objects import make_objects  # noqa: E402
from unknot.envs.grasp.world import Reason  # noqa: E402

Floats = NDArray[np.float64]
BOTTLE: dict[str, Any] = {"category": 0, "object": 1, "position": [0.01, -0.02], "elevation": 25.0}
ASIDE = np.array([0.15, 0.0, 0.1, 0.0, 0.0, 0.0], dtype=np.float32)
BELOW = np.array([0.0, 0.0, 0.0, 0.0, 0.0, 0.0], dtype=np.float32)


def make(name: str = "unknot/Grasp-v0", **settings: Any) -> Any:
    return gym.make(name, objects="test", **settings).unwrapped


def grasps(env: Any, n: int = 4) -> Any:
    return env.sample_grasps(n, np.random.default_rng(0)).astype(np.float32)


# One pose per attempt


def test_a_sampled_grasp_holds_and_ends_the_episode() -> None:
    env = make()
    _, info = env.reset(seed=0, options={"factors": BOTTLE})
    assert (info["is_success"], info["reason"], info["goal"]) == (False, Reason.NONE, {})
    observation, reward, terminated, truncated, after = env.step(grasps(env)[0])
    assert (reward, terminated, truncated) == (1.0, True, False)
    assert (after["is_success"], after["reason"], after["collided"]) == (True, Reason.HELD, False)
    assert after["factors"].keys() == env.factor_space.spaces.keys()
    assert env.observation_space.contains(observation)


@pytest.mark.parametrize(
    ("pose", "reason", "collided"), [(ASIDE, Reason.MISSED, False), (BELOW, Reason.TABLE, True)]
)
def test_a_failure_has_its_reason(pose: Any, reason: Reason, collided: bool) -> None:
    env = make()
    env.reset(seed=0, options={"factors": BOTTLE})
    _, reward, terminated, _, info = env.step(pose)
    assert (reward, terminated, info["is_success"]) == (0.0, True, False)
    assert (info["reason"], info["collided"]) == (reason, collided)


def test_every_attempt_begins_with_the_object_as_placed() -> None:
    env = make(max_steps=4)
    first, _ = env.reset(seed=0, options={"factors": BOTTLE})
    pose = grasps(env)[0]
    ends = [env.step(action) for action in (pose, ASIDE, pose, BELOW)]
    assert [end[1] for end in ends] == [1.0, 0.0, 1.0, 0.0]
    assert [end[2] for end in ends] == [False, False, False, True]
    assert all(np.array_equal(end[0][key], first[key]) for end in ends for key in first)


def test_success_ends_an_episode_with_terminate_on_success() -> None:
    env = make(max_steps=4, terminate_on_success=True)
    env.reset(seed=0, options={"factors": BOTTLE})
    assert env.step(ASIDE)[2:4] == (False, False)
    assert env.step(grasps(env)[0])[2:4] == (True, False)


def test_normalized_actions_are_the_same_poses() -> None:
    env, normal = make(), make(normalize_actions=True)
    for one in (env, normal):
        one.reset(seed=0, options={"factors": BOTTLE})
    low, high = env.action_space.low, env.action_space.high
    for pose in grasps(env, 3):
        one, other = env.step(pose), normal.step(2 * (pose - low) / (high - low) - 1)
        assert one[4]["reason"] == other[4]["reason"]
        assert np.allclose(env.scene()["pose"], normal.scene()["pose"], atol=1e-6)


def test_object_and_category_determine_the_placed_object() -> None:
    env = make(max_steps=20)
    objects = make_objects("test")
    assert [thing.name for thing in env.objects] == [thing.name for thing in objects]
    seen = set()
    for seed in range(12):
        _, info = env.reset(seed=seed, options={"factors": {"category": 3}})
        thing = objects[info["object_index"]]
        assert thing.category == "plate"
        seen.add(thing.name)
    assert len(seen) == 3
    images = env.render_factors({"object": np.arange(3), "category": np.full(3, 4)})
    assert len({image.tobytes() for image in images}) == 3


def test_objects_are_a_name_or_objects() -> None:
    with pytest.raises(ValueError, match="or GraspObjects, not 'cup'"):
        gym.make("unknot/Grasp-v0", objects=["cup"])


def test_an_object_s_number_is_taken_modulo_the_category_s_size() -> None:
    bottles, mugs = make_objects("test")[:3], make_objects("test")[12:14]
    env: Any = gym.make("unknot/Grasp-v0", objects=(*bottles, *mugs)).unwrapped
    env.reset(seed=0)
    mug = env.render_factors({"object": np.arange(3), "category": np.ones(3, dtype=int)})
    assert np.array_equal(mug[0], mug[2])
    assert not np.array_equal(mug[0], mug[1])


def test_categories_are_sampled_uniformly() -> None:
    vec: Any = gym.make_vec("unknot/Grasp-v0", num_envs=140, objects="test").unwrapped
    simulation = vec.simulation
    generators = [np.random.default_rng(seed) for seed in range(140)]
    simulation.reset(np.arange(140), generators, {}, {})
    counts = np.bincount(simulation.values["category"], minlength=7)
    assert counts.min() >= 8
    assert np.ptp(simulation.values["azimuth"]) > 300


def test_a_frame_is_green_where_the_object_was_held() -> None:
    env = make(max_steps=2, render_mode="rgb_array")
    env.reset(seed=0, options={"factors": BOTTLE})
    before = env.render()
    env.step(ASIDE)
    missed = env.render()
    env.step(grasps(env)[0])
    held = env.render()
    assert before.shape == missed.shape == held.shape == (320, 320, 3)
    assert missed[0, 0].argmax() == 0
    assert held[0, 0].argmax() == 1
    assert not np.array_equal(before[10:-10, 10:-10], held[10:-10, 10:-10])  # the gripper


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"objects": "tests"}, "unknown objects 'tests'; did you mean 'test'"),
        ({"objects": ()}, "objects must hold at least one"),
        ({"objects": 3}, "or GraspObjects, not 3"),
        ({"objects": np.zeros(2)}, "or GraspObjects, not array"),
        ({"max_steps": 0}, "max_steps must be at least 1, not 0"),
        ({"objects": "test", "normalize_actions": "no"}, "normalize_actions must be True or False, not 'no'"),
    ],
)
@pytest.mark.parametrize("name", ["unknot/Grasp-v0", "unknot/GraspReach-v0"])
def test_settings_out_of_range_are_refused(name: str, settings: dict[str, Any], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        gym.make(name, **settings)


def test_there_are_no_goals_and_no_grasps_before_a_reset() -> None:
    env = make()
    with pytest.raises(ResetNeeded):
        env.sample_grasps(1, np.random.default_rng(0))
    with pytest.raises(ValueError, match="no goal"):
        env.goal_rewards({}, {})


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"layout": ["cup"]}, "layout: the scene is of other objects"),
        ({"reason": 9}, "reason must be one of .* not 9"),
        ({"pose": [1, 2]}, r"pose must be null before the first attempt, not \[1, 2\]"),
        ({"pose": [1, 2], "steps": 1}, r"pose must be numbers of shape \(6,\), not \[1, 2\]"),
        ({"pose": None, "steps": 1}, r"pose must be numbers of shape \(6,\), not None"),
    ],
)
def test_a_bad_scene_is_refused(change: dict[str, Any], message: str) -> None:
    env = make()
    env.reset(seed=0)
    scene = env.scene()
    with pytest.raises(ValueError, match=message):
        env.reset(options={"scene": scene | change})
    assert env.scene() == scene


def test_processes_do_what_one_does() -> None:
    settings: dict[str, Any] = {"num_envs": 2, "objects": "test"}
    native, workers = (
        gym.make_vec("unknot/Grasp-v0", vectorization_mode=mode, **settings)
        for mode in ("vector_entry_point", "async")
    )
    ours, theirs = (vec.reset(seed=3)[0] for vec in (native, workers))
    assert all(np.array_equal(ours[key], theirs[key]) for key in ours)
    actions = np.stack([ASIDE, BELOW])
    assert native.step(actions)[4]["reason"].tolist() == workers.step(actions)[4]["reason"].tolist() == [4, 2]
    workers.close()
    native.close()


def test_no_keys_give_whole_poses(capsys: pytest.CaptureFixture[str]) -> None:
    pytest.importorskip("pygame")
    with pytest.raises(SystemExit):
        main(["play", "unknot/Grasp-v0", "objects=test"])
    assert "no keys steer unknot/Grasp-v0" in capsys.readouterr().err


# A gripper to steer

LIFTING = 24


def policy(step: int, gripper: Floats, top: float) -> NDArray[np.float32]:
    """Go to the bottle's cap, close, lift."""
    action = np.zeros(7, dtype=np.float32)
    if step < 12:
        action[:3] = np.clip([0.01, -0.02, top - 0.015] - gripper[:3], -0.02, 0.02)
    else:
        action[6] = -1.0
        action[2] = 0.01 if step >= LIFTING else 0.0
    return action


def play(env: Any, begin: int, end: int, observation: Any) -> list[Any]:
    top = float(env.objects[1].mesh.extents[2])
    steps: list[Any] = []
    for step in range(begin, end):
        steps.append(env.step(policy(step, observation["gripper"], top)))
        observation = steps[-1][0]
    return steps


@pytest.mark.parametrize("reward", ["sparse", "dense"])
def test_a_gripper_that_closes_and_rises_lifts(reward: str) -> None:
    env = make("unknot/GraspReach-v0", reward=reward, terminate_on_success=True)
    observation, info = env.reset(seed=0, options={"factors": BOTTLE})
    assert not info["is_success"]
    steps = play(env, 0, 31, observation)
    successes = [step[4]["is_success"] for step in steps]
    assert not any(successes[:LIFTING])
    assert successes[-1]
    assert [step[2] for step in steps] == successes  # it ends where it succeeds
    rewards = [step[1] for step in steps]
    if reward == "sparse":
        assert rewards == [float(success) for success in successes]
    else:
        assert rewards[0] < rewards[8] < 0  # nearer
        assert rewards[-1] > 0.5  # lifted by 5 cm, near
    assert steps[-1][4]["lifted"] >= 0.05
    assert all(env.observation_space.contains(step[0]) for step in steps[::7])


def test_the_gripper_follows_its_actions() -> None:
    env = make("unknot/GraspReach-v0")
    observation, _ = env.reset(seed=0, options={"factors": BOTTLE})
    begin = observation["gripper"]
    move = np.array([0.01, -0.02, 0.005, 0, 0, 0.1, 0], dtype=np.float32)
    for _ in range(3):
        observation = env.step(move)[0]
    for _ in range(4):
        observation = env.step(np.zeros(7, dtype=np.float32))[0]
    expected = np.add(begin, [0.03, -0.06, 0.015, 0, 0, 0.3, 0])
    assert observation["gripper"] == pytest.approx(expected, abs=2e-3)
    for _ in range(12):
        observation = env.step(np.array([0, 0, 0, 0, 0, 0, -1], dtype=np.float32))[0]
    assert observation["gripper"][6] == pytest.approx(0, abs=1e-3)


def test_a_scene_continues_while_the_object_is_held() -> None:
    env, other = (make("unknot/GraspReach-v0") for _ in range(2))
    observation, _ = env.reset(seed=0, options={"factors": BOTTLE})
    observation = play(env, 0, 27, observation)[-1][0]
    again, info = other.reset(options={"scene": env.scene()})
    assert info["lifted"] > 0.005
    assert all(np.array_equal(again[key], observation[key]) for key in again)
    ours, theirs = (play(one, 27, 31, observation) for one in (env, other))
    assert [step[4]["lifted"] for step in ours] == [step[4]["lifted"] for step in theirs]
    assert ours[-1][4]["is_success"]


def test_moving_the_camera_does_not_drop_the_object() -> None:
    env = make("unknot/GraspReach-v0")
    observation, _ = env.reset(seed=0, options={"factors": BOTTLE})
    play(env, 0, 31, observation)
    seen = env.set_factors({"azimuth": 100.0})
    assert not np.array_equal(seen["view"], observation["view"])
    assert env.step(policy(31, seen["gripper"], 0.2))[4]["is_success"]


def test_placing_an_object_into_the_gripper_is_refused() -> None:
    env = make("unknot/GraspReach-v0")
    env.reset(seed=0, options={"factors": {"category": 2, "object": 0, "position": [0.0, 0.0]}})
    for _ in range(11):  # around the cup
        env.step(np.array([0, 0, -0.02, 0, 0, 0, 0], dtype=np.float32))
    scene = env.scene()
    with pytest.raises(ValueError, match=r"position=\[0\.01, 0\.0\] is impossible: the object would be in"):
        env.set_factors({"position": [0.01, 0.0]})
    assert env.scene() == scene
    observation = env.set_factors({"yaw": 1.0})
    assert env.scene()["actions"] == []
    assert env.scene()["steps"] == 11
    assert observation["gripper"][2] == pytest.approx(0.06, abs=0.01)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"gripper": [0.0]}, "gripper must be numbers of shape"),
        ({"gripper": []}, "gripper must be numbers of shape"),
        ({"gripper": ["0"] * 7}, "gripper must be numbers of shape"),
        ({"gripper": [1e308] * 7}, "gripper must be at most"),
        ({"gripper": [np.nan] * 7}, "gripper must be at most"),
        ({"actions": [[1.0]]}, "actions must be numbers of shape"),
        ({"actions": "up"}, "actions must be numbers of shape"),
        ({"actions": None}, "actions must be numbers of shape"),
        ({"actions": [[1.0] * 7], "steps": 1}, "actions must be at most"),
        ({"actions": [[0.0] * 7] * 2, "steps": 1}, "actions must be no more than steps=1, not 2"),
    ],
)
def test_a_bad_scene_of_a_steered_gripper_is_refused(change: dict[str, Any], message: str) -> None:
    env = make("unknot/GraspReach-v0")
    env.reset(seed=0)
    before = env.scene()
    with pytest.raises(ValueError, match=message):
        env.reset(seed=3, options={"scene": before | change})
    assert env.scene() == before


def test_a_pose_is_six_finite_numbers() -> None:
    env = make()
    env.reset(seed=0)
    for pose in (None, [1, 2], [np.nan] * 6, "abcdef", [[1], [1, 2]]):
        with pytest.raises(ValueError, match="pose must be "):
            env.simulation.world(0).attempt(pose)


def test_keys_move_turn_and_close() -> None:
    keys = make("unknot/GraspReach-v0", normalize_actions=True).get_keys_to_action()
    assert keys[(ord("r"),)].tolist() == [0, 0, 1, 0, 0, 0, 0]
    assert keys[(ord(" "), ord("a"))].tolist() == [-1, 0, 0, 0, 0, 0, -1]
    assert keys[(ord(" "),)].tolist() == [0, 0, 0, 0, 0, 0, -1]
    assert len(keys) == 17


def test_the_gripper_s_pose_follows_the_factors() -> None:
    env = FactorObservation(gym.make("unknot/GraspReach-v0"))
    before, _ = env.reset(seed=0)
    after, *_ = env.step(np.array([0, 0.02, -0.02, 0, 0, 0, 1], np.float32))
    table = FactorObservation(gym.make("unknot/Grasp-v0"))
    assert env.observation_space.shape == (len(before),)
    assert len(before) == len(table.reset(seed=0)[0]) + 7
    np.testing.assert_array_equal(after[:-7], before[:-7])
    right, forth, up = (after - before)[-7:-4] * np.pi
    assert abs(right) < 1e-3
    assert 0.01 < forth <= 0.02
    assert -0.02 <= up < -0.01
    vector = FactorVectorObservation(gym.make_vec("unknot/GraspReach-v0", num_envs=1))
    np.testing.assert_array_equal(vector.reset(seed=0)[0][0], before)
    for each in (env, table, vector):
        each.close()
