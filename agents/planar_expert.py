"""The planar world's expert: iLQR on the true system."""

from collections.abc import Mapping
from typing import Any

import numpy as np
import torch
from numpy.typing import ArrayLike, NDArray
from torch import Tensor
from torch.nn import functional

from unknot.envs import PlanarWorld
from unknot.envs.planar import MAX_ACTION
from unknot.planners import ILQR, Memory, QuadraticCost, RecedingHorizon, Roadmap
from unknot.planners.base import without_gradients

from .evaluation import beginnings
from .experts import true_pair
from .true_map import ACTION_COST, ROUNDING

Array = NDArray[Any]

HORIZON = 25
"""Number of actions in a plan."""
LAST_STATE_WEIGHT = 100.0
"""Extra weight of the distance to the goal at the end of a plan: otherwise a plan would avoid a detour."""
REPLAN_EVERY = 5
"""Number of actions taken from a plan before the next."""
REPLAN_DISTANCE = 0.1
"""Distance in pixels from the position that a plan expects at which the expert replans early."""
SPACING = 1.0
"""Distance in pixels between the roadmap's nodes."""
CAUTION, MARGIN, SOFTNESS = 100.0, 0.1, 0.05
"""A position costs CAUTION softplus((MARGIN - clearance) / SOFTNESS): with a clearance of less than MARGIN
pixels, it costs more than a detour."""


class TrueMoves:
    """The planar world's moves, without their noise, as dynamics with derivatives."""

    def __init__(self, world: PlanarWorld) -> None:
        self._world = world

    def step(self, z: Tensor, u: Tensor) -> Tensor:
        """Return where actions (n, 2) lead from positions (n, 2)."""
        return torch.from_numpy(self._world.move(z.numpy(), u.numpy())).to(z)

    def linearize(self, z: Tensor, u: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        """Return A, B (n, 2, 2), c (n, 2): B is 0 for a refused move, A and B on an axis at the edge."""
        end = self.step(z, u)
        refused = ((end == z).all(1) & u.any(1))[:, None]
        free = ((end - z - u).abs() < ROUNDING) & ~refused
        A, B = torch.diag_embed((free | refused).to(z)), torch.diag_embed(free.to(z))
        return A, B, end - (A @ z[..., None] + B @ u[..., None])[..., 0]


class ArrivalCost(QuadraticCost):
    """The planning loss with a higher weight at the end of the plan, since the episode doesn't end there."""

    def __call__(self, states: Tensor, actions: Tensor) -> Tensor:
        """Return the cost (batch,) of states (batch, T + 1, 2) and actions (batch, T, 2)."""
        distance = (states[:, -1] - self.goal).square().sum(1)
        return super().__call__(states, actions) + LAST_STATE_WEIGHT * distance

    def select(self, rows: Tensor) -> QuadraticCost:
        """Return the cost of the problems `rows`, which may repeat."""
        return ArrivalCost(self.Q, self.R, self.goal[rows], self.penalty, self.sweep)

    def quadratize(self, states: Tensor, actions: Tensor) -> tuple[Tensor, Tensor]:
        """Return gradient and Hessian as `RowCost.quadratize` has them."""
        gradient, hessian = super().quadratize(states, actions)
        gradient[:, -1, :2] += 2 * LAST_STATE_WEIGHT * (states[:, -1] - self.goal)
        hessian[:, -1, :2, :2] += 2 * LAST_STATE_WEIGHT * torch.eye(2).to(states)
        return gradient, hessian


class ILQRExpert:
    """Plans by iLQR with the true moves and the true map, from true positions.

    It is `PlanningAgent` with a perfect model: the same planner, cost (the planning loss, equation 7 of
    Banijamali et al. 2018, Q = I, R = 0.1 I) and first guess, the shortest path on a roadmap, here over a
    grid. `GridExpert` bounds that loss; this expert shows how near planning comes with a perfect model. Its
    detour may not be the best one: the roadmap's has the fewest moves, and iLQR passes obstacles on its side.

    Args:
        world: the true world (`env.unwrapped.world`). Plans ignore its noise, but every step sees the result.
    """

    privileged = True

    def __init__(self, world: PlanarWorld) -> None:
        if not isinstance(world, PlanarWorld):
            raise ValueError(f"world must be a PlanarWorld, not {world!r}")
        self._moves, self._clearance = TrueMoves(world), Clearance(world)
        self._sweep = torch.eye(2, dtype=torch.float64) if world.collision == "solid" else None
        limits = (torch.full((2,), -MAX_ACTION), torch.full((2,), MAX_ACTION))
        self._planner = RecedingHorizon(
            ILQR(HORIZON, limits=limits, iterations=10, tolerance=1e-3), REPLAN_EVERY, REPLAN_DISTANCE
        )
        axis = np.arange(world.low, world.high + 1e-9, SPACING)
        nodes = np.stack(np.meshgrid(axis, axis, indexing="ij"), -1).reshape(-1, 2)
        nodes = nodes[world.in_region(nodes)]

        def move_cost(z: Tensor, following: Tensor) -> Tensor:
            within = ((following - z).abs() <= MAX_ACTION).all(1)
            barred = torch.from_numpy(world.blocked(z.numpy(), following.numpy()))
            return torch.where(within & ~barred, self._danger(following).clamp(max=1.0), torch.inf)

        self._roadmap = Roadmap(torch.from_numpy(nodes), move_cost, reach=MAX_ACTION * 2**0.5)

    @without_gradients
    def predict(
        self,
        observation: Mapping[str, Mapping[str, Array]],
        state: Memory | None = None,
        episode_start: ArrayLike | None = None,
        deterministic: bool = True,
    ) -> tuple[Array, Memory]:
        """Return actions (n, 2), or (2,) for a single observation; float32, pixels."""
        position, target = (value.astype(np.float64) for value in true_pair(observation, "position"))
        z, goal = torch.from_numpy(np.atleast_2d(position)), torch.from_numpy(np.atleast_2d(target))
        memory = state if isinstance(state, Memory) and len(state.used) == len(z) else None
        begins = torch.from_numpy(beginnings(episode_start, len(z)))
        eye = torch.eye(2).to(z)
        actions, memory = self._planner.act(
            self._moves,
            ArrivalCost(eye, ACTION_COST * eye, goal, self._danger, self._sweep),
            z,
            memory,
            None if memory is None else begins,
            lambda rows: self._roadmap.paths(z[rows], goal[rows], HORIZON).states.diff(dim=1)[:, None],
        )
        return actions.numpy().reshape(position.shape).astype(np.float32), memory

    def _danger(self, positions: Tensor) -> Tensor:
        return CAUTION * functional.softplus((MARGIN - self._clearance(positions)) / SOFTNESS)


class Clearance:
    """The distance in pixels to the nearest position where the agent touches something; differentiable.

    Args:
        world: its collision rule determines the shapes: boxes around obstacles' centres ("published"), or
            boxes rounded by their radii ("solid"), and boxes around walls.
    """

    def __init__(self, world: PlanarWorld) -> None:
        discs = np.array(world.map.obstacles, np.float64).reshape(-1, 3)
        walls = np.array(world.map.walls, np.float64).reshape(-1, 4)
        radii = discs[:, 2] if world.collision == "solid" else np.zeros(len(discs))
        centres = np.concatenate([discs[:, :2], (walls[:, :2] + walls[:, 2:]) / 2])
        halves = np.concatenate([np.zeros((len(discs), 2)), (walls[:, 2:] - walls[:, :2]) / 2])
        self._centres, self._halves = torch.from_numpy(centres), torch.from_numpy(halves + world.half_agent)
        self._radii = torch.from_numpy(np.concatenate([radii, np.zeros(len(walls))]))

    def __call__(self, positions: Tensor) -> Tensor:
        """Return the signed distance (...) of positions (..., 2), negative inside an obstacle."""
        if not len(self._radii):
            return torch.full_like(positions[..., 0], torch.inf) + 0 * positions.sum(-1)
        beyond = (positions[..., None, :] - self._centres).abs() - self._halves
        outside = (beyond.relu().square().sum(-1) + 1e-12).sqrt()
        distance: Tensor = (outside + beyond.amax(-1).clamp(max=0) - self._radii).amin(-1)
        return distance
