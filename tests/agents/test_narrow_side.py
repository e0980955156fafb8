"""The trivial baseline of grasping: boxes and rims worked by hand, and what it holds."""

from typing import Any

import gymnasium as gym
import numpy as np
import pytest
from numpy.typing import NDArray

pytest.importorskip("pybullet", reason="PyBullet has no wheels for this Python")

import unknot  # noqa: F401  (registers the environments)
from unknot.agents import NarrowSideAgent, RandomAgent, ReachAgent, evaluate_agent
from unknot.agents.narrow_side import close_on

CENTRE = np.array([0.02, -0.03])


def box(width: float, length: float, height: float, yaw: float) -> NDArray[np.float64]:
    """Return points of a box on the table at `CENTRE`, its narrow side turned by yaw from x."""
    side = np.linspace(-0.5, 0.5, 11)
    points = np.stack(np.meshgrid(width * side, length * side, height * (side + 0.5)), -1).reshape(-1, 3)
    turn = np.array([[np.cos(yaw), -np.sin(yaw)], [np.sin(yaw), np.cos(yaw)]])
    return np.column_stack([points[:, :2] @ turn.T + CENTRE, points[:, 2]])


def test_it_closes_across_the_narrow_side_of_a_box_at_its_middle() -> None:
    pose = close_on(box(0.04, 0.1, 0.05, np.pi / 6))
    np.testing.assert_allclose(pose, [*CENTRE, 0.025, 0, 0, np.pi / 6], atol=1e-9)


def test_it_reaches_no_deeper_into_a_tall_box_than_the_palm_allows() -> None:
    assert close_on(box(0.04, 0.06, 0.2, 0))[2] == pytest.approx(0.2 - 0.035)


def test_it_closes_across_the_rim_of_a_wide_bowl() -> None:
    angle = 2 * np.pi * np.arange(60) / 60
    rim = np.column_stack([0.1 * np.cos(angle), 0.1 * np.sin(angle), np.full(60, 0.08)])
    bowl = np.concatenate([rim, rim * [0.5, 0.5, 0.3]]) + np.array([*CENTRE, 0])
    pose = close_on(bowl)
    outward = pose[:2] - CENTRE
    assert np.linalg.norm(outward) == pytest.approx(0.1)
    np.testing.assert_allclose(0.1 * np.array([np.cos(pose[5]), np.sin(pose[5])]), outward, atol=1e-9)
    assert pose[2] == pytest.approx(0.07)


def test_one_observation_gives_one_pose_and_an_empty_table_no_error() -> None:
    env = gym.make_vec("unknot/Grasp-v0", num_envs=2)
    seen: dict[str, Any] = env.reset(seed=[1, 2])[0]  # type: ignore[arg-type]
    env.close()
    both, state = NarrowSideAgent().predict(seen)
    one, _ = NarrowSideAgent().predict({name: value[1] for name, value in seen.items()})
    assert both.shape == (2, 6)
    assert both.dtype == np.float32
    assert state is None
    np.testing.assert_array_equal(one, both[1])
    far = {**seen, "depth": np.full_like(seen["depth"], 100)}
    assert np.isfinite(NarrowSideAgent().predict(far)[0]).all()


def test_it_holds_what_chance_does_not() -> None:
    env: Any = gym.make_vec("unknot/Grasp-v0", num_envs=12, objects="test")
    found = evaluate_agent(NarrowSideAgent(), env, 12)
    chance = evaluate_agent(RandomAgent(env.single_action_space), env, 12)
    env.close()
    assert found.success_rate > 0.4 > chance.success_rate


def test_a_reach_agent_steers_to_its_grasps() -> None:
    env = gym.make_vec("unknot/GraspReach-v0", num_envs=3, objects="test", terminate_on_success=True)
    result = evaluate_agent(ReachAgent(NarrowSideAgent()), env, 3)
    env.close()
    assert result.success_rate > 0
