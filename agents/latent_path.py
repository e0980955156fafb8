"""An agent that searches a path through a learnt latent space, from an image to an image."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Self

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from unknot.checks import flag
from unknot.planners import Arrival, BreadthFirst, Greedy, Plan, Status
from unknot.planners.base import without_gradients
from unknot.representation import WEIGHTS, Learner, load_learner
from unknot.representation.latent_moves import LatentMoves
from unknot.run_folders import find_model

from .evaluation import beginnings
from .planning import goal_images

THRESHOLDS = (2.0, 0.0, -4.0)
"""Log odds above which a move is expected to happen; the next one is used where the last leaves no path."""
LIMIT = 400
"""States at which a search stops."""


@dataclass(frozen=True)
class _State:
    """What the agent remembers of n episodes."""

    h: Tensor
    """(n, dim), the codes at the last call."""
    move: Tensor
    """(n,), the move tried then; -1 for none."""
    refused: Tensor
    """(n, any, dim), where moves changed nothing; NaN where there is no entry."""
    refused_moves: Tensor
    """(n, any), which moves those were."""
    plan: Plan | None = None
    """The last plan of each."""
    used: Tensor | None = None
    """(n,), how many of its moves were made."""


@dataclass(frozen=True)
class _Scenes:
    """Learnt moves in some scenes, as dynamics: a state is h followed by the index of its scene."""

    moves: LatentMoves
    maps: Tensor
    """(scenes, any), the features that `LatentMoves` reads off the scenes' images."""
    memory: _State
    threshold: float
    """Log odds above which a move is expected to happen."""

    def step(self, z: Tensor, u: Tensor) -> Tensor:
        h, scene = z[:, :-1], z[:, -1].long()
        rows, move = torch.arange(len(z)), self.moves.nearest(u)
        happens = self.moves.chance(self.maps, h, scene)[rows, move] > self.threshold
        here = (self.memory.refused[scene] - h[:, None]).norm(dim=2) <= self.moves.reach / 2
        barred = (here & (self.memory.refused_moves[scene] == move[:, None])).any(1)
        moved = happens & ~barred & (move >= 0)
        return torch.cat([torch.where(moved[:, None], self.moves.end(h)[rows, move], h), z[:, -1:]], 1)


class _Sums:
    """Moves that add up, independent of scene and position: Thomas et al. (2018), appendix B.2."""

    def step(self, z: Tensor, u: Tensor) -> Tensor:
        return torch.cat([z[:, :-1] + u, z[:, -1:]], 1)


class LatentPathAgent:
    """Finds a path from an image of the scene to an image of the goal by search over learnt moves.

    Both images are encoded. A breadth-first search leads from one code to the other, by the moves that
    `LatentMoves` expects to happen in this scene. The agent searches again when it is not where it planned to
    be. A move that changed nothing is barred there for the rest of the episode. If no path is found, less
    likely moves are tried, too.

    It has the interface of Stable-Baselines3's models: all memory is in the state that `predict` returns.

    Args:
        learner: turns images into codes h.
        moves: the moves of those codes.
        greedy: plan as in appendix B.2 of Thomas et al. (2018) instead: decompose the difference of the two
            codes into moves, as if there were no obstacles.
        horizon: maximum number of moves in a plan.

    Raises:
        ValueError: an argument is of another kind or out of its range.
    """

    def __init__(
        self, learner: Learner, moves: LatentMoves, *, greedy: bool = False, horizon: int = 64
    ) -> None:
        for name, model, kind in (("learner", learner, Learner), ("moves", moves, LatentMoves)):
            if not isinstance(model, kind):
                raise ValueError(f"{name} must be a {kind.__name__}, not a {type(model).__name__}")
        flag(greedy=greedy)
        self.learner, self.moves, self.greedy = learner.eval(), moves.eval(), greedy
        self._greedy = Greedy(moves.moves, horizon)
        self._search = BreadthFirst(moves.moves, horizon, merge=moves.reach / 2, limit=LIMIT)

    @classmethod
    @without_gradients
    def load(
        cls, run: str | Path, name: str = "planning/reach", seed: int | None = None, **settings: Any
    ) -> Self:
        """Load the learner and the moves of a run.

        Args:
            run: a run folder, its name, or weights that ship ("pretrained/controllable-factors"); or
                RUN/MODEL.
            name: the folder of the pair below the seed's, if `run` does not name it.
            seed: which of the run's seeds; the lowest by default.
            settings: keyword arguments of the constructor; by default `greedy` is whether the moves are
                untrained, so that they can only be added.

        Raises:
            FileNotFoundError: no such run, seed or learner.
            WeightsError: a file can't be used, or its learner is of another kind.
        """
        home, model = find_model(run, seed)
        folder = home / (model or name)
        learner = load_learner(folder / "learner" / WEIGHTS)
        moves = load_learner(folder / "moves" / WEIGHTS, kind=LatentMoves)
        return cls(learner, moves, **{"greedy": not int(moves.done), **settings})

    @without_gradients
    def predict(
        self,
        observation: Mapping[str, NDArray[np.uint8]],
        state: Any = None,
        episode_start: Any = None,
        deterministic: bool = True,
    ) -> tuple[NDArray[np.int64], Any]:
        """Return actions and the state for the next call, as Stable-Baselines3's models do.

        Args:
            observation: `observation` and `desired_goal`, uint8 images (n, h, w, c), or (h, w, c) for one.
            state: the state that the last call returned; None at first.
            episode_start: (n,), bool, which rows begin an episode: their memory is dropped.
            deterministic: ignored; kept for the Stable-Baselines3 interface.

        Returns:
            int64 (n,), or () for one, and the state.

        Raises:
            ValueError: an image is missing.
        """
        images = goal_images(observation)
        single = images[0].ndim == 3
        scene, goal = (image[None] if single else image for image in images)
        h, target = self._codes(scene, goal)
        maps = self.moves.maps_of(scene)
        memory = self._remember(h, state, episode_start)
        plan, used = self._current_plan(h, target, maps, memory, episode_start)
        move = self.moves.nearest(plan.actions[torch.arange(len(h)), used])
        actions = self.moves.actions[torch.where(move >= 0, move, self._still(h, maps))]
        result = actions.numpy(force=True)
        used = (used + 1).clamp(max=plan.actions.shape[1] - 1)  # at the goal it may stay for longer
        memory = _State(h, move, memory.refused, memory.refused_moves, plan, used)
        return (result[0] if single else result), memory

    def _current_plan(
        self, h: Tensor, goal: Tensor, maps: Tensor, memory: _State, episode_start: Any
    ) -> tuple[Plan, Tensor]:
        """Return plans and (n,) the moves made of them; new plans where h isn't as planned, or one failed."""
        plan, used = memory.plan, memory.used
        if plan is None or used is None:
            return self._plan(h, goal, maps, memory), torch.zeros(len(h), dtype=torch.long)
        began = torch.from_numpy(beginnings(episode_start, len(h)))
        expected = plan.states[torch.arange(len(h)), used][:, :-1]
        off_plan = ~((h - expected).norm(dim=1) <= self.moves.reach / 2)
        moves = (plan.actions != 0).any(2).sum(1)  # replanning a plan without moves would change nothing
        failed = (plan.status != Status.CONVERGED) & (used == moves) & (moves > 0)
        rows = torch.nonzero(began | off_plan | failed)[:, 0]
        if not len(rows):
            return plan, used
        selected = _State(h[rows], memory.move[rows], memory.refused[rows], memory.refused_moves[rows])
        again = self._plan(h[rows], goal[rows], maps[rows], selected)
        return _replaced(plan, rows, again), used.index_fill(0, rows, 0)

    @without_gradients
    def plan(self, observation: Mapping[str, NDArray[np.uint8]]) -> Plan:
        """Return the whole plan for one observation; the last number of its states has no meaning."""
        scene, goal = (image[None] for image in goal_images(observation))
        if scene.ndim != 4:
            raise ValueError(f"observation must be a single image (h, w, c), not {scene.shape[1:]}")
        h, target = self._codes(scene, goal)
        return self._plan(h, target, self.moves.maps_of(scene), self._remember(h, None, None))

    def _codes(self, scene: NDArray[np.uint8], goal: NDArray[np.uint8]) -> tuple[Tensor, Tensor]:
        h, target = (self.moves.in_scene(scene, self.learner.encode(images)) for images in (scene, goal))
        return h, target

    def _remember(self, h: Tensor, state: Any, episode_start: Any) -> _State:
        """Add moves that changed nothing to the memory, and drop the memory of new episodes."""
        n, dim = h.shape
        if not isinstance(state, _State) or state.h.shape != h.shape:
            none = torch.full((n,), -1)
            return _State(h, none, h.new_full((n, 0, dim), torch.nan), none[:, None][:, :0])
        began = torch.from_numpy(beginnings(episode_start, n))
        still = (self.moves.nearest(h - state.h) < 0) & (state.move >= 0)
        places = torch.cat([state.refused, torch.where(still[:, None], h, torch.nan)[:, None]], 1)
        places = torch.where(began[:, None, None], torch.nan, places)
        refused_moves = torch.cat([state.refused_moves, state.move[:, None]], 1)
        return _State(h, state.move, places, refused_moves, state.plan, state.used)

    def _plan(self, h: Tensor, goal: Tensor, maps: Tensor, memory: _State) -> Plan:
        scene = torch.arange(len(h))[:, None].to(h)
        start = torch.cat([h, scene], 1)
        cost = Arrival(torch.cat([goal, scene], 1), self.moves.reach / 2)
        if self.greedy:
            return self._greedy.plan(_Sums(), cost, start)
        plan = self._search.plan(_Scenes(self.moves, maps, memory, THRESHOLDS[0]), cost, start)
        for threshold in THRESHOLDS[1:]:
            rows = torch.nonzero(plan.status != Status.CONVERGED)[:, 0]
            if len(rows):
                again = self._search.plan(
                    _Scenes(self.moves, maps, memory, threshold),
                    Arrival(cost.goal[rows], cost.tolerance),
                    start[rows],
                )
                plan = _replaced(plan, rows, again)
        return plan

    def _still(self, h: Tensor, maps: Tensor) -> Tensor:
        """Return the move (n,) that is least likely to change anything, as a way to stay."""
        return self.moves.chance(maps, h, torch.arange(len(h))).argmin(1)


def _replaced(plan: Plan, rows: Tensor, by: Plan) -> Plan:
    """Return the plans with those of `rows` replaced."""
    fields = ("actions", "states", "costs", "status")
    return Plan(*(getattr(plan, name).index_copy(0, rows, getattr(by, name)) for name in fields))
