"""Agents that grasp: the best pose by a known score, and what is refused."""

from pathlib import Path
from typing import Any

import gymnasium as gym
import numpy as np
import pytest
import torch
from scipy.spatial.transform import Rotation
from torch import Tensor

pytest.importorskip("pybullet", reason="PyBullet has no wheels for this Python")

import unknot  # noqa: F401  (registers the environments)
from unknot.agents import EncodedVectorObservation, evaluate_agent
from unknot.agents.grasping import GraspAgent, ReachAgent, propose, without_gripper
from unknot.agents.named import find_agent
from unknot.files import WeightsError, write_json
from unknot.representation import RCE, WEIGHTS, save_learner
from unknot.representation.grasp_net import Features, GraspNet
from unknot.representation.projection import look

Observation = dict[str, Any]


class Near(GraspNet):
    """Scores poses by their nearness to one that points down, 3 cm above the middle of what is visible."""

    def score(self, features: Features, poses: Tensor) -> Tensor:
        turn = Rotation.from_rotvec(poses[..., 3:].reshape(-1, 3).numpy())
        angle = torch.from_numpy(turn.magnitude()).float().view(poses.shape[:2])
        offset = poses[..., :3] - self.target(features)[:, None]
        score: Tensor = -torch.linalg.vector_norm(offset, dim=-1) / 0.02 - angle
        return score

    @staticmethod
    def target(features: Features) -> Tensor:
        return features.sight.middle + torch.tensor([0.0, 0.0, 0.03])


@pytest.fixture(scope="module")
def observations() -> Observation:
    env = gym.make_vec("unknot/Grasp-v0", num_envs=3)
    seen, _ = env.reset(seed=[1, 2, 3])  # type: ignore[arg-type]
    env.close()
    return dict(seen)


def small(kind: type[GraspNet] = GraspNet) -> GraspNet:
    torch.manual_seed(0)
    return kind(width=4, hidden=16)


def test_it_finds_the_pose_that_scores_best(observations: Observation) -> None:
    net = small(Near)
    poses, _ = GraspAgent(net, proposals=64, starts=4, iterations=12).predict(observations)
    target = Near.target(net.observe(observations)).numpy(force=True)
    assert poses.dtype == np.float32
    assert np.linalg.norm(poses[:, :3] - target, axis=1).max() < 0.01
    assert np.linalg.norm(poses[:, 3:], axis=1).max() < 0.3


def test_a_search_never_ends_worse_than_the_best_proposal(observations: Observation) -> None:
    net = small(Near)
    with torch.no_grad():
        features = net.observe(observations)
        scores = [
            net.score(features, torch.from_numpy(agent.predict(observations)[0])[:, None])
            for agent in (GraspAgent(net, iterations=1), GraspAgent(net, iterations=8))
        ]
    assert (scores[1] >= scores[0]).all()


def test_the_same_seed_and_state_give_the_same_poses(observations: Observation) -> None:
    agent = GraspAgent(small(), proposals=32, starts=2, iterations=2)
    first, state = agent.predict(observations)
    again, _ = agent.predict(observations)
    after, _ = agent.predict(observations, state)
    assert np.array_equal(first, again)
    assert not np.array_equal(first, after)
    assert not np.array_equal(
        first, GraspAgent(small(), proposals=32, starts=2, seed=1).predict(observations)[0]
    )


def test_one_observation_gives_one_pose(observations: Observation) -> None:
    agent = GraspAgent(small(), proposals=32, starts=2, iterations=2)
    one, _ = agent.predict({name: value[0] for name, value in observations.items()})
    batch, _ = agent.predict({name: value[:1] for name, value in observations.items()})
    assert one.shape == (6,)
    np.testing.assert_array_equal(one, batch[0])


def test_proposals_are_on_the_visible_surface_and_not_from_below(observations: Observation) -> None:
    sight = look(observations, 64)
    poses = propose(sight, 200, torch.Generator().manual_seed(0))
    shown = sight.image[:, 3].flatten(1) > 0.5
    for row in range(3):
        surface = sight.points[row][shown[row]]
        assert torch.cdist(poses[row, :, :3], surface).amin(1).max() < 0.0201
    up = Rotation.from_rotvec(poses[..., 3:].reshape(-1, 3).numpy()).as_matrix()[:, 2, 2]
    assert up.min() > -0.31
    assert up.std() > 0.3


def test_a_net_is_loaded_from_a_run_and_other_learners_are_refused(tmp_path: Path) -> None:
    save_learner(small(), tmp_path / "seed-0/geometry" / WEIGHTS)
    save_learner(RCE(content_dim=2, sets=2), tmp_path / "seed-0/other" / WEIGHTS)
    assert GraspAgent.load(tmp_path).net.settings() == small().settings()
    with pytest.raises(WeightsError, match="holds the weights of RCE, which is not a GraspNet"):
        GraspAgent.load(tmp_path, "other")


def test_more_starts_than_proposals_are_refused() -> None:
    with pytest.raises(ValueError, match="starts must be at most proposals = 4, not 5"):
        GraspAgent(small(), proposals=4, starts=5)
    with pytest.raises(ValueError, match="starts must be at least 1, not 0"):
        GraspAgent(small(), starts=0)


# Step by step


@pytest.fixture(scope="module")
def begun() -> Observation:
    env = gym.make_vec("unknot/GraspReach-v0", num_envs=2)
    seen, _ = env.reset(seed=[1, 2], options={"factors": {"elevation": [80.0, 60.0]}})  # type: ignore[arg-type]
    env.close()
    return dict(seen)


def test_only_the_gripper_is_removed_from_the_depth(begun: Observation) -> None:
    seen = without_gripper(begun)
    hidden = seen["depth"] != begun["depth"]
    assert hidden.sum() > 50
    assert "gripper" not in seen
    np.testing.assert_allclose(seen["depth"][hidden], 2.0, rtol=1e-4)
    # the rest stands on the table
    points = look(seen, 64).points
    assert points[..., 2].max() < 0.23
    low = {**begun, "gripper": begun["gripper"] + 1}
    np.testing.assert_array_equal(without_gripper(low)["depth"], begun["depth"])


def test_it_steers_to_what_it_lifts() -> None:
    env = gym.make_vec("unknot/GraspReach-v0", num_envs=1, objects="test", terminate_on_success=True)
    agent = ReachAgent(GraspAgent(small(Near), proposals=64, starts=4, iterations=12))
    result = evaluate_agent(agent, env, 3)
    env.close()
    assert result.success_rate > 0


def test_it_plans_where_episodes_begin_and_continues_elsewhere(begun: Observation) -> None:
    agent = ReachAgent(GraspAgent(small(), proposals=32, starts=2, iterations=1))
    first, state = agent.predict(begun)
    _, later = agent.predict(begun, state)
    _, again = agent.predict(begun, later, np.array([True, False]))
    one, _ = agent.predict({name: value[0] for name, value in begun.items()})
    assert first.shape == (2, 7)
    assert first.dtype == np.float32
    assert [course.taken for course in later] == [2, 2]
    assert [course.taken for course in again] == [1, 3]
    assert again[1].actions is later[1].actions
    assert one.shape == (7,)


def test_a_run_is_opened_by_the_agent_of_its_environment(tmp_path: Path) -> None:
    save_learner(small(), tmp_path / "seed-0/geometry" / WEIGHTS)
    write_json(tmp_path / "seed-0/config.json", {"experiment": "grasping"})
    for name, kind in {"Grasp": GraspAgent, "GraspReach": ReachAgent}.items():
        agent, env = find_agent(str(tmp_path), f"unknot/{name}-v0", {})(1)
        env.close()
        assert isinstance(agent, kind)
    with pytest.raises(ValueError, match="'grasping', with which no agent plans in unknot/Planar-v0"):
        find_agent(str(tmp_path), "unknot/Planar-v0", {})


@pytest.mark.parametrize("env", ["unknot/Grasp-v0", "unknot/GraspReach-v0"])
def test_the_nets_code_of_all_its_entries_can_be_observed(env: str) -> None:
    net = GraspNet(width=2, hidden=4).eval()
    options: dict[str, Any] = {"objects": "pybullet"}
    vector = EncodedVectorObservation(gym.make_vec(env, num_envs=2, **options), net.encode, net.entries)
    plain = gym.make_vec(env, num_envs=2, **options)
    codes, seen = vector.reset(seed=0)[0], plain.reset(seed=0)[0]
    np.testing.assert_allclose(codes["code"], net.encode(seen).numpy(), rtol=1e-4, atol=1e-5)
    assert codes.keys() - {"code"} == seen.keys() - set(net.entries)
    assert vector.observation_space.contains(codes)
