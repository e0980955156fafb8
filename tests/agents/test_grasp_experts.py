"""The oracles for grasping: their courses by hand, their success, and their state."""

from typing import Any

import gymnasium as gym
import numpy as np
import pytest
from scipy.spatial.transform import Rotation

pytest.importorskip("pybullet", reason="PyBullet has no wheels for this Python")

import unknot  # noqa: F401  (registers the environments)
from unknot.agents import GraspExpert, ReachExpert, evaluate_agent
from unknot.agents.named import compare_agents
from unknot.agents.steering import CLOSING, RISING, steer
from unknot.envs.grasp.reach import HOME, LIFT

REACH = "unknot/GraspReach-v0"


@pytest.fixture(scope="module")
def expert() -> ReachExpert:
    return ReachExpert("test")


def test_the_expert_holds_what_chance_does_not() -> None:
    expert = GraspExpert("test")
    found = evaluate_agent(expert, "unknot/Grasp-v0", 6, env_kwargs={"objects": "test"})
    again = evaluate_agent(expert, "unknot/Grasp-v0", 6, env_kwargs={"objects": "test"})
    expert.close()
    options = {"objects": "test", "normalize_actions": True}  # experts ignore the latter
    named = compare_agents(["expert", "random"], "unknot/Grasp-v0", options, episodes=6)
    assert found.success_rate > 0.8 > named["random"].success_rate
    assert np.array_equal(found.successes, again.successes)
    assert np.array_equal(found.successes, named["expert"].successes)


def test_an_expert_steers_to_what_it_lifts(expert: ReachExpert) -> None:
    env = gym.make_vec(REACH, num_envs=4, objects="test", terminate_on_success=True)
    result = evaluate_agent(expert, env, 4)
    again = evaluate_agent(expert, env, 4)
    env.close()
    assert result.success_rate == 1
    assert (result.lengths < 60).all()
    assert np.array_equal(result.lengths, again.lengths)


def test_a_course_begins_again_with_an_episode_and_is_replanned_for_new_factors(expert: ReachExpert) -> None:
    env: Any = gym.make(REACH, objects="test").unwrapped
    factors = env.reset(seed=1)[1]["factors"]
    other = env.reset(seed=2)[1]["factors"]
    env.close()
    both = {name: np.stack([factors[name], other[name]]) for name in factors}
    first, state = expert.predict({"factors": both})
    for _ in range(20):
        later, state = expert.predict({"factors": both}, state)
    restarted, _ = expert.predict({"factors": both}, state, np.array([True, False]))
    replaced, _ = expert.predict({"factors": {name: value[::-1] for name, value in both.items()}}, state)
    alone, _ = expert.predict({"factors": factors})
    assert first.dtype == np.float32
    np.testing.assert_array_equal(restarted[0], first[0])
    np.testing.assert_array_equal(replaced, first[::-1])
    np.testing.assert_array_equal(alone, first[0])
    assert (later != first).any(axis=1).all()


def test_a_course_leads_to_the_grasp_and_up() -> None:
    pose = np.array([0.05, -0.03, 0.1, *Rotation.from_euler("xz", [0.4, 3.0]).as_rotvec()])
    course = steer(pose)
    closed = course[:, 6] < 0
    going, rising = course[~closed], course[closed]
    np.testing.assert_allclose(HOME[:3] + going[:, :3].sum(0), pose[:3])
    turn = Rotation.identity()
    for action in going:
        turn = Rotation.from_rotvec(action[3:6]) * turn
    # The fingers may be exchanged, by a turn of pi about their direction.
    turned = Rotation.from_rotvec(pose[3:]).inv() * turn
    assert min(turned.magnitude(), (turned * Rotation.from_euler("z", np.pi)).magnitude()) < 1e-9
    assert turn.magnitude() < 1
    assert (np.abs(course) <= np.array([0.02, 0.02, 0.02, 0.2, 0.2, 0.2, 1]) + 1e-12).all()
    assert rising[CLOSING:, 2].sum() == pytest.approx(2 * LIFT)
    assert rising[CLOSING, 2] == RISING
    assert not rising[:CLOSING, :6].any()
