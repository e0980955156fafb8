"""An agent that plans in a learner's latent space."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, Self

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor
from torch.nn import functional

from unknot.checks import at_least, count, finite
from unknot.envs.planar import MAX_ACTION
from unknot.planners import ILQR, Memory, QuadraticCost, RecedingHorizon, Roadmap
from unknot.planners.base import as_limits, without_gradients
from unknot.representation import WEIGHTS, LocallyLinear, load_learner
from unknot.run_folders import find_model

from .evaluation import beginnings
from .refusals import count_refused, shaking
from .true_map import ACTION_COST

LIMITS = (-MAX_ACTION, MAX_ACTION)
"""The lowest and highest component of an action in the planar world, in pixels."""


@dataclass(frozen=True)
class _State:
    """What the agent remembers of a batch of episodes."""

    memory: Memory
    latent: Tensor
    """(batch, dim), the latents at the last call."""
    taken: Tensor
    """(batch, action dim), the actions returned then."""
    refused: Tensor
    """(batch,), int64, how many actions in a row have not moved the latent."""
    calls: int


class PlanningAgent:
    """Plans with iLQR in a learner's latent space, from an image of the scene to an image of the goal.

    The cost is the planning loss (05, eq. 7) in units of actions, (z − g)' Q (z − g) / gain² + u' R u, and
    `caution` times softplus(log odds + `margin`) for moves through places that the learner expects to be
    obstructed. iLQR begins from the rest of the last plan and from the shortest path on a roadmap of encoded
    data. The agent replans early when it is not where its plan expects it. After an action that should have
    moved the latent and did not, it adds noise to the next one, more each time, until it moves.

    It has the interface of Stable-Baselines3's models: all memory is in the state that `predict` returns.

    Args:
        learner: trained and surveyed.
        horizon: number of actions in a plan.
        replan_every: number of actions taken from a plan before the next; with `horizon`, the agent takes a
            whole plan and never replans early.
        limits: lowest and highest component of an action.
        Q: weight of the distance to the goal, in units of action.
        R: weight of the actions.
        caution: weight of obstructions; 0 ignores obstacles.
        margin: log odds by which plans keep clear of obstructions.
        iterations: maximum number of iterations of iLQR for the first plan of an episode.
        replanning_iterations: the same for later plans, which begin from the last one. More of them find
            slightly cheaper paths, and no more goals.
        seed: seed of the noise after refused actions.

    Raises:
        ValueError: an argument is out of its range; or the learner was not surveyed, and obstacles are not
            ignored.
    """

    def __init__(
        self,
        learner: LocallyLinear,
        *,
        horizon: int = 25,
        replan_every: int = 5,
        limits: tuple[float, float] = LIMITS,
        Q: float = 1.0,
        R: float = ACTION_COST,
        caution: float = 100.0,
        margin: float = 3.0,
        iterations: int = 10,
        replanning_iterations: int = 2,
        seed: int = 0,
    ) -> None:
        if not isinstance(learner, LocallyLinear):
            raise ValueError(f"learner must be a LocallyLinear one, not a {type(learner).__name__}")
        count(1, horizon=horizon, replan_every=replan_every)
        count(0, seed=seed)
        at_least(0, Q=Q, R=R, caution=caution)
        finite(margin=margin)
        if as_limits(limits) is None:
            raise ValueError("limits must be the lowest and the highest action, not None")
        for limit in limits:
            finite(limits=limit)
        self.learner, self.limits, self.Q, self.R = learner.eval(), limits, Q, R
        self.caution = caution if learner.blocked else 0.0  # unknown obstacles can't be avoided
        if self.caution and not learner.surveyed:
            raise ValueError(
                f"learner must be surveyed, unlike this {type(learner).__name__}, whose training had not "
                "ended: call survey(), or set caution=0"
            )
        self.margin, self.seed = margin, seed
        self.horizon, self.one_shot = horizon, replan_every >= horizon
        low, high = (torch.full((learner.action_dim,), limit) for limit in limits)
        planner, replanner = (
            ILQR(horizon, limits=(low, high), iterations=most, tolerance=1e-3)
            for most in (iterations, replanning_iterations)
        )
        replan_distance = float("inf") if self.one_shot else 0.5 * learner.gain
        self.planner = RecedingHorizon(planner, replan_every, replan_distance, replanner)
        self._B: Tensor = learner.B.detach()
        self._inverse: Tensor = torch.linalg.pinv(self._B)
        reach = float((self._B.abs() * max(abs(limit) for limit in limits)).sum(1).norm())
        self.roadmap = Roadmap(learner.landmarks, self._move_cost, reach=reach) if self.caution else None

    @classmethod
    @without_gradients  # weights that were made in inference mode could never be differentiated
    def load(cls, run: str | Path, name: str = "published", seed: int | None = None, **settings: Any) -> Self:
        """Load the learner of a run and plan with it.

        Args:
            run: a run folder, its name, or weights that ship ("pretrained/dynamics-content"); or RUN/MODEL.
            name: which of the run's learners, if `run` does not name it.
            seed: which of the run's seeds; the lowest by default.
            settings: keyword arguments of the constructor.

        Raises:
            FileNotFoundError: no such run, seed or learner.
            WeightsError: a file can't be used, or its learner is not `LocallyLinear`.
            ValueError: the learner was not surveyed.
        """
        folder, model = find_model(run, seed)
        learner = load_learner(folder / (model or name) / WEIGHTS, kind=LocallyLinear)
        return cls(learner, **settings)

    @without_gradients
    def predict(
        self,
        observation: Mapping[str, NDArray[np.uint8]],
        state: Any = None,
        episode_start: Any = None,
        deterministic: bool = True,
    ) -> tuple[NDArray[np.float32], Any]:
        """Return actions and the state for the next call, as Stable-Baselines3's models do.

        Args:
            observation: `observation` and `desired_goal`, uint8 images (n, h, w, c), or (h, w, c) for one.
            state: the state that the last call returned; None at first.
            episode_start: (n,), bool, which rows begin an episode: their memory is dropped.
            deterministic: ignored; kept for the Stable-Baselines3 interface.

        Returns:
            float32 (n, action dim), or (action dim,) for one, and the state.

        Raises:
            ValueError: an image is missing or has a different shape from the learner's.
        """
        images = goal_images(observation)
        single = images[0].ndim == 3
        z, goal = (self._encode(image[None] if single else image) for image in images)
        restart = torch.from_numpy(beginnings(episode_start, len(z)))
        before = state if isinstance(state, _State) and len(state.latent) == len(z) else None
        refused = self._count_refused(z, before, restart)
        actions, memory = self.planner.act(
            self.learner,
            self._cost(goal),
            z,
            None if before is None else before.memory,
            None if before is None else restart,
            lambda rows: self._guesses(z[rows], goal[rows]),
        )
        calls = 0 if before is None else before.calls + 1
        actions = self._with_noise(actions.nan_to_num(0.0), refused, calls)  # without a plan it stays
        memory = replace(memory, used=torch.where(refused > 0, self.horizon, memory.used))
        result = actions.numpy(force=True).astype(np.float32)
        return (result[0] if single else result), _State(memory, z, actions, refused, calls)

    def _encode(self, images: NDArray[np.uint8]) -> Tensor:
        if images.shape[1:] != self.learner.shape:
            raise ValueError(
                f"images must have the shape {self.learner.shape}, as in training, not {images.shape[1:]}"
            )
        return self.learner.encode(images)

    def _cost(self, goal: Tensor) -> QuadraticCost:
        Q = self.Q * self._inverse.mT @ self._inverse
        R = self.R * torch.eye(self.learner.action_dim)
        if not self.caution:
            return QuadraticCost(Q, R, goal)
        return QuadraticCost(Q, R, goal, self._obstruction_cost, sweep=self._B)

    def _obstruction_cost(self, z: Tensor) -> Tensor:
        penalty: Tensor = functional.softplus(self.learner.obstruction(z) + self.margin)
        return self.caution * penalty

    def _move_cost(self, z: Tensor, following: Tensor) -> Tensor:
        """Bar moves that need too large an action or lead through obstacles; charge for moves near them."""
        actions = (following - z) @ self._inverse.mT
        within = ((actions >= self.limits[0]) & (actions <= self.limits[1])).all(-1)
        log_odds = self.learner.obstruction_between(z, following)  # of an obstruction on the way
        cost = functional.softplus(2 * (log_odds + self.margin))
        return torch.where(within & (log_odds < 0), cost, torch.inf)

    def _guesses(self, z: Tensor, goal: Tensor) -> Tensor:
        if self.roadmap is None:
            return z.new_zeros(len(z), 1, self.horizon, self.learner.action_dim)
        states = self.roadmap.paths(z, goal, self.horizon).states
        return (states.diff(dim=1) @ self._inverse.mT)[:, None]

    def _count_refused(self, z: Tensor, before: _State | None, restart: Tensor) -> Tensor:
        """Count the actions in a row that should have moved the latent and did not."""
        if before is None or self.one_shot:
            return torch.zeros(len(z), dtype=torch.long, device=z.device)
        intended = (before.taken @ self._B.mT).norm(dim=1)
        moved = (z - before.latent).norm(dim=1)
        refused = count_refused(moved, intended, self.learner.gain, before.refused)
        return refused * ~restart.to(z.device)

    def _with_noise(self, actions: Tensor, refused: Tensor, calls: int) -> Tensor:
        """Add noise to actions after refused ones, its standard deviation the number of refusals in a row."""
        if not bool((refused > 0).any()):
            return actions
        noise = shaking(refused.numpy(force=True), actions.shape[1], self.seed, calls)
        noisy = actions + torch.from_numpy(noise).to(actions)
        return torch.where(refused[:, None] > 0, noisy.clamp(*self.limits), actions)


def goal_images(observation: Mapping[str, NDArray[np.uint8]]) -> list[NDArray[np.uint8]]:
    """Return the scene and the goal of an observation: uint8 (h, w, c), or (n, h, w, c) for a batch.

    Raises:
        ValueError: an image is missing, or they are not uint8 images of one shape.
    """
    keys = ("observation", "desired_goal")
    if not isinstance(observation, Mapping) or not set(keys) <= observation.keys():
        given = sorted(observation) if isinstance(observation, Mapping) else type(observation).__name__
        raise ValueError(f"observation must be a mapping with the keys {', '.join(keys)}, not {given}")
    images = [_image(key, observation[key]) for key in keys]
    if images[0].shape != images[1].shape:
        shapes = " and ".join(str(image.shape) for image in images)
        raise ValueError(f"observation and desired_goal must have one shape, not {shapes}")
    return images


def _image(name: str, image: Any) -> NDArray[np.uint8]:
    try:
        array = np.asarray(image)
    except (TypeError, ValueError, RuntimeError) as error:
        raise ValueError(f"{name} must be uint8 images (h, w, c) or (n, h, w, c), not {image!r}") from error
    if array.dtype != np.uint8 or array.ndim not in (3, 4):
        given = f"{array.dtype} of the shape {array.shape}"
        raise ValueError(f"{name} must be uint8 images (h, w, c) or (n, h, w, c), not {given}")
    return array
