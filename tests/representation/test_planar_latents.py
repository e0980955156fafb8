"""RCE on the planar world after a short training."""

from typing import Any

import gymnasium as gym
import numpy as np
import pytest
import torch
from numpy.typing import NDArray
from torch import Tensor

import unknot  # noqa: F401  # registers the environments
from unknot.envs.planar import PlanarEnv
from unknot.representation import RCE, LocallyLinear, minibatches, train

pytestmark = pytest.mark.xdist_group("planar-latents")  # one process, which builds the fixtures once

Images = NDArray[np.uint8]


class Plane:
    """The planar world, a learner trained on a little of it, one that was not, and what they see."""

    def __init__(self) -> None:
        self.env, other = (_planar(appearance) for appearance in ("square", "cross"))
        rng = np.random.default_rng(0)
        triples = self.env.sample_transitions(2000, rng)
        passive = other.sample_transitions(1000, rng)["observation"]
        self.test = self.env.sample_transitions(500, rng)
        self.seen_by_y = other.world.render(self.test["position"])
        torch.manual_seed(0)
        self.untrained, self.learner = (
            RCE(content_dim=2, sets=2, landmarks=200, steps=300) for _ in range(2)
        )
        for learner in (self.untrained, self.learner):
            learner.calibrate(np.concatenate([triples["observation"], passive]))
        active = minibatches(
            {key: triples[key] for key in ("observation", "action", "next_observation")}, 32, 0
        )
        others = minibatches({"passive": passive[:, None]}, 32, 0)
        train(self.learner, lambda step: active(step) | others(step), 300, progress=False)
        self.learner.survey(triples, steps=500)
        self.position, self.z = triples["position"], self.learner.encode_all(triples["observation"])

    def latent(self, position: NDArray[np.float64]) -> Tensor:
        """Latents (n, 2) of positions (n, 2), those impossible too: by a linear map from those seen."""
        weights = np.linalg.lstsq(_affine(self.position), self.z.numpy(), rcond=None)[0]
        return torch.from_numpy(_affine(position) @ weights).float()


def _planar(appearance: str) -> PlanarEnv:
    env = gym.make("unknot/Planar-v0", appearance=appearance).unwrapped
    assert isinstance(env, PlanarEnv)
    return env


def _affine(values: NDArray[Any]) -> NDArray[Any]:
    return np.column_stack([values, np.ones(len(values))])


def r_squared(learner: LocallyLinear, images: Images, fitted: Images, position: NDArray[np.float64]) -> float:
    """Share of the variance of positions (n, 2) read from images by the linear map that fits others best."""
    z, known = (_affine(learner.encode_all(seen).numpy()) for seen in (images, fitted))
    residual = position - z @ np.linalg.lstsq(known, position, rcond=None)[0]
    return float(1 - np.square(residual).mean(0).sum() / position.var(0).sum())


@pytest.fixture(scope="module")
def plane() -> Plane:
    return Plane()


def test_positions_are_linear_in_the_latents_of_both_sets(plane: Plane) -> None:
    for images in (plane.test["observation"], plane.seen_by_y):
        assert r_squared(plane.learner, images, images, plane.test["position"]) > 0.98
        assert r_squared(plane.untrained, images, images, plane.test["position"]) < 0.5


def test_both_sets_share_one_map_without_pairs(plane: Plane) -> None:
    x, y = plane.test["observation"], plane.seen_by_y
    assert r_squared(plane.learner, y, x, plane.test["position"]) > 0.8
    assert r_squared(plane.untrained, y, x, plane.test["position"]) < 0.5


def test_a_step_predicts_the_motion_of_the_world(plane: Plane) -> None:
    learner, test = plane.learner, plane.test
    z, after = (learner.encode_all(test[name]) for name in ("observation", "next_observation"))
    u = torch.from_numpy(test["action"])
    moved = np.abs(test["position"] + test["action"] - test["next_position"]).max(1) < 1e-3
    with torch.no_grad():
        error = (learner.step(z, u) - after)[moved].norm(dim=1).median()
    assert error < 0.3 * (after - z)[moved].norm(dim=1).median()


def test_obstacles_are_where_moves_were_blocked(plane: Plane) -> None:
    centres = np.array([obstacle[:2] for obstacle in plane.env.world.map.obstacles])
    free = plane.env.world.sample_free(300, np.random.default_rng(1))
    with torch.no_grad():
        at_centres = plane.learner.obstruction(plane.latent(centres))
        elsewhere = plane.learner.obstruction(plane.latent(free))
        unsurveyed = plane.untrained.obstruction(plane.latent(centres))
    assert at_centres.min() > elsewhere.quantile(0.95)
    assert elsewhere.median() < -3
    assert at_centres.median() > unsurveyed.max()


def test_the_way_through_an_obstacle_is_obstructed_though_its_ends_are_free(plane: Plane) -> None:
    centre = np.array(plane.env.world.map.obstacles[4][:2])
    below, above = (plane.latent(centre[None] + [[offset, 0.0]]) for offset in (-5.0, 5.0))
    with torch.no_grad():
        assert plane.learner.obstruction(torch.cat([below, above])).max() < -1
        assert plane.learner.obstruction_between(below, above) > 0
        still = plane.learner.obstruction_between(below, below)
        torch.testing.assert_close(still, plane.learner.obstruction(below))


def test_predicted_images_follow_free_moves_but_not_blocked_ones(plane: Plane) -> None:
    learner, centre = plane.learner, np.array(plane.env.world.map.obstacles[4][:2])
    start, after = (plane.env.world.render(centre[None] + [[offset, 0.0]]) for offset in (-3.0, -6.0))
    away = np.array([[-3.0, 0.0]], np.float32)
    with torch.no_grad():
        still, moved, barred = (learner.predict(start, u) for u in (0 * away, away, -away))
        there = learner.decode(learner.encode(after), learner.content(start))
    assert (moved - there).abs().mean() < 0.5 * (moved - still).abs().mean()
    assert torch.equal(barred, learner.decode(learner.encode(start), learner.content(start)))
