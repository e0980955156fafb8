"""Count how often an agent succeeds: the same problems for every agent, at every batch size."""

import math
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple, Protocol, TypeAlias, cast

import gymnasium as gym
import numpy as np
from gymnasium import spaces
from gymnasium.vector import AutoresetMode, SyncVectorEnv, VectorEnv
from numpy.typing import NDArray

from unknot.checks import count
from unknot.envs.simulation import FloorPlan, Simulation

from .intervals import wilson_interval
from .outcomes import Evaluation
from .own_problems import check_problems, reset_options

__all__ = [
    "LARGEST_BATCH",
    "Agent",
    "Evaluation",
    "Step",
    "batch_size",
    "beginnings",
    "evaluate_agent",
    "play",
]

LARGEST_BATCH = 512
"""The most sub-environments that evaluation opens for an id; more episodes run in several batches."""


Array: TypeAlias = NDArray[Any]
Infos: TypeAlias = dict[str, Any]
OnStep: TypeAlias = Callable[[Array, Array, Infos], None]


class Agent(Protocol):
    """Whatever acts as Stable-Baselines3's models do.

    An agent whose class has `privileged = True` is an expert: instead of images it sees the true state in
    the environment's `info`, `{"factors": {name: (n, ...)}, "goal": {name: (n, ...)}}`.
    """

    def predict(
        self,
        observation: Any,
        state: Any = None,
        episode_start: Any = None,
        deterministic: bool = False,
    ) -> tuple[Array, Any]:
        """Return the actions for a batch of observations, and the state for the next call."""
        ...


def batch_size(observation: Any, space: spaces.Space[Any]) -> int | None:
    """Return the number of rows of a batch of observations; None for a single observation.

    Args:
        observation: of the space, or a batch of them: a number of axes more in all its arrays.
        space: of one observation.

    Raises:
        ValueError: neither the one nor the other.
    """
    if isinstance(space, spaces.Dict | spaces.Tuple):
        parts: dict[Any, Any] = dict(
            space.spaces.items() if isinstance(space, spaces.Dict) else enumerate(space.spaces)
        )
        kind = Mapping if isinstance(space, spaces.Dict) else tuple | list
        if not isinstance(observation, kind) or not all(_has(observation, name) for name in parts):
            raise ValueError(f"observation must have the entries {list(parts)}, not {_outline(observation)}")
        sizes = {batch_size(observation[name], part) for name, part in parts.items()}
        if len(sizes) > 1:
            raise ValueError(f"observation must have one number of rows in all entries, not {sizes}")
        return sizes.pop() if sizes else None
    if space.shape is None:  # such as text: a batch is a sequence of observations
        return None if space.contains(observation) else len(observation)
    try:
        shape = np.shape(observation)
    except ValueError:  # ragged lists
        shape = (-1,) * 9
    if len(shape) not in (len(space.shape), len(space.shape) + 1):
        raise ValueError(
            f"observation must have the shape {space.shape}, or (n, ...) for a batch, "
            f"not {_outline(observation)}"
        )
    return None if len(shape) == len(space.shape) else shape[0]


def _has(observation: Any, name: Any) -> bool:
    return name in observation if isinstance(observation, Mapping) else name < len(observation)


def _outline(observation: Any) -> str:
    """Return what an observation is, in a word or two."""
    if isinstance(observation, Mapping):
        return f"a mapping with {sorted(map(str, observation))}"
    shape = getattr(observation, "shape", None)
    return f"{type(observation).__name__}" + (f" of the shape {tuple(shape)}" if shape is not None else "")


def beginnings(episode_start: Any, n: int) -> NDArray[np.bool_]:
    """Return which of n episodes begin, bool (n,), from what `predict` is told; None means none.

    Raises:
        ValueError: not a boolean, nor n of them.
    """
    try:
        given = np.asarray(False if episode_start is None else episode_start)
        fits = given.dtype.kind in "biuf" and bool(np.isin(given, (0, 1)).all())
    except (TypeError, ValueError, RuntimeError):
        fits = False
    if not fits or given.shape not in ((), (1,), (n,)):
        raise ValueError(f"episode_start must be None or booleans of the shape ({n},), not {episode_start!r}")
    return np.broadcast_to(given.astype(bool), (n,)).copy()


def evaluate_agent(
    agent: Agent,
    env: str | gym.Env[Any, Any] | VectorEnv[Any, Any, Any],
    episodes: int | None = None,
    seed: int = 0,
    *,
    problems: Sequence[Mapping[str, Any]] | None = None,
    max_steps: int | None = None,
    env_kwargs: Mapping[str, Any] | None = None,
    on_step: OnStep | None = None,
) -> Evaluation:
    """Run an agent through the problems seed, seed + 1, ... and count its successes.

    Episode k is always the problem that the environment samples when reset with seed + k, whichever agent
    acts and however many episodes run at a time: agents are compared on the same problems. An episode
    succeeds if `info["is_success"]` holds at its last step. Policies act deterministically.

    Args:
        agent: anything with Stable-Baselines3's `predict`; it sees batches of observations. One with
            `privileged = True` sees the true factors instead (see `Agent`).
        env: the id of a registered environment; or an environment or a vector environment, which stays
            open afterwards.
        episodes: number of episodes, at least 1; default: 100, or as many as there are problems.
        seed: seed of the first episode.
        problems: your own starts and goals: for each episode what `reset` takes as options, such as
            `{"factors": {"position": [4, 4]}, "goal": {"position": [30, 30]}}`. All must name the same
            factors; what they don't name is sampled.
        max_steps: steps after which an episode is cut off, if the environment has not ended it; None for no
            limit.
        env_kwargs: the environment's keyword arguments, if `env` is an id.
        on_step: called after each step with the numbers of the running episodes (m,), their actions
            (m, ...), and their infos, each array's first axis m.

    Raises:
        ValueError: an argument out of range; an environment that does not exist; infos without `is_success`
            (or, for a privileged agent, without `factors` and `goal`); actions of a wrong shape or infinite.
    """
    if not callable(getattr(agent, "predict", None)):
        raise ValueError(f"agent must have a method predict, unlike {agent!r}")
    if problems is not None:
        check_problems(problems, episodes)
    episodes = len(problems) if problems is not None else 100 if episodes is None else episodes
    count(1, episodes=episodes)
    count(0, seed=seed)
    if max_steps is not None:
        count(1, max_steps=max_steps)
    if not (on_step is None or callable(on_step)):
        raise ValueError(f"on_step must be a function or None, not {on_step!r}")
    if env_kwargs is not None and not isinstance(env, str):
        raise ValueError("env_kwargs must be None for an environment that is already made")
    if not (env_kwargs is None or isinstance(env_kwargs, Mapping)):
        raise ValueError(f"env_kwargs must be a dict or None, not {env_kwargs!r}")
    vector = _as_vector(env, episodes, env_kwargs or {})
    tally = _Tally(seed, episodes)
    try:
        for first in range(0, episodes, vector.num_envs):
            numbers = first + np.arange(vector.num_envs)
            seeds = [seed + int(k) for k in numbers]  # episodes beyond the last are played, not counted
            chosen = numbers.clip(max=episodes - 1)
            options = None if problems is None else reset_options(problems, chosen, vector)
            counted = numbers < episodes
            steps = play(agent, vector, seeds, options=options, counted=counted, max_steps=max_steps)
            for step in steps:
                tally.add(numbers, step)
                if on_step is not None:
                    rows = step.running
                    on_step(numbers[rows], step.actions[rows], _rows(step.infos, rows))
    finally:
        if isinstance(env, str):
            vector.close()
    return tally.result(_floor_plan(vector))


def _floor_plan(vector: VectorEnv[Any, Any, Any]) -> FloorPlan | None:
    simulation = getattr(vector.unwrapped, "simulation", None)
    return simulation.floor_plan() if isinstance(simulation, Simulation) else None


@dataclass(frozen=True)
class Step:
    """One step of all sub-environments, as `play` makes it; every array's first axis is theirs."""

    running: Array
    """bool (n,): whose episode, counted, had not ended before."""
    actions: Array
    """(n, ...), as the agent returned them."""
    before: Infos
    """Before the step."""
    rewards: Array
    """float64 (n,)."""
    infos: Infos
    """After the step; where an episode ended, its last."""
    seconds: float
    """Time that `predict` took, for the share of the rows that are running."""


def play(
    agent: Agent,
    vector: VectorEnv[Any, Any, Any],
    seed: int | list[int],
    *,
    options: dict[str, Any] | None = None,
    counted: Array | None = None,
    max_steps: int | None = None,
) -> Iterator[Step]:
    """Let an agent act, deterministically, in all sub-environments at once: one episode in each.

    What a sub-environment does after its episode's end is not counted, whichever way it restarts.

    Args:
        agent: as in `evaluate_agent`.
        vector: the environment.
        seed: of the reset: a seed for each sub-environment, or the first of them.
        options: of the reset, such as the starts and goals of the episodes.
        counted: bool (n,), which episodes count; it stops when all of them have ended. None for all.
        max_steps: steps after which it ends at the latest.

    Yields:
        Each step.

    Raises:
        ValueError: as `evaluate_agent` does of the agent.
    """
    running = np.ones(vector.num_envs, bool) if counted is None else counted
    # Gymnasium's vector environments take a list of seeds, although the base class expects an int.
    observation, infos = vector.reset(seed=cast("int", seed), options=options)
    state, starts, step = None, np.ones(vector.num_envs, bool), 0
    mode = vector.metadata.get("autoreset_mode")
    while running.any() and step != max_steps:
        step += 1
        seen = _true_state(infos) if getattr(agent, "privileged", False) else observation
        began = time.perf_counter()
        before = infos
        actions, state = agent.predict(seen, state, starts, True)
        seconds = (time.perf_counter() - began) * running.mean()
        _check_actions(actions, vector, agent, step, running)
        observation, rewards, terminated, truncated, infos = vector.step(actions)
        ended = terminated | truncated
        yield Step(running, actions, before, rewards, _final_infos(infos, ended, mode), seconds)
        if mode == AutoresetMode.DISABLED and ended.any():
            observation, fresh = vector.reset(options={"reset_mask": ended})
            infos = _merge(infos, fresh, ended)
        running = running & ~ended
        starts = ended


def _as_vector(
    env: str | gym.Env[Any, Any] | VectorEnv[Any, Any, Any],
    episodes: int,
    env_kwargs: Mapping[str, Any],
) -> VectorEnv[Any, Any, Any]:
    if isinstance(env, VectorEnv):
        return env
    if isinstance(env, gym.Env):
        single = env  # bound by a name of its own: `env` may be any of three to the type checker
        return SyncVectorEnv([lambda: single])
    if not isinstance(env, str):
        raise ValueError(f"env must be an id, an environment or a vector environment, not {env!r}")
    batches = math.ceil(episodes / LARGEST_BATCH)
    try:
        return gym.make_vec(env, num_envs=math.ceil(episodes / batches), **env_kwargs)
    except gym.error.Error as error:
        raise ValueError(f"env must be the id of a registered environment, not {env!r}: {error}") from error


class _Tally:
    """What is counted while episodes run; each array has an entry per episode."""

    def __init__(self, seed: int, episodes: int) -> None:
        self.seed = seed
        self.successes = np.zeros(episodes, bool)
        self.returns = np.zeros(episodes)
        self.steps = np.full(episodes, -1)
        self.lengths = np.zeros(episodes, int)
        self.seconds = 0.0
        self.traces: list[_Trace] = []

    def add(self, numbers: Array, step: Step) -> None:
        """Count one step of the running episodes; `numbers` are those of all sub-environments."""
        running = numbers[step.running]
        success = _success(step.infos)[step.running]
        self.seconds += step.seconds
        self.returns[running] += step.rewards[step.running]
        self.lengths[running] += 1
        self.successes[running] = success
        first = running[success & (self.steps[running] < 0)]
        self.steps[first] = self.lengths[first]
        self._trace(numbers, step)

    def _trace(self, numbers: Array, step: Step) -> None:
        """Keep where everything is, if infos say it."""
        if "factors" not in step.infos:
            return
        if not self.traces or self.traces[-1].numbers[0] != numbers[0]:
            goal = _rows(step.before.get("goal", {}), slice(None))
            self.traces.append(_Trace(numbers, goal, [step.before["factors"]]))
        self.traces[-1].factors.append(step.infos["factors"])

    def result(self, floor_plan: FloorPlan | None) -> Evaluation:
        n = len(self.successes)
        return Evaluation(
            episodes=n,
            success_rate=float(self.successes.mean()),
            interval=wilson_interval(int(self.successes.sum()), n),
            mean_return=float(self.returns.mean()),
            decision_seconds=self.seconds / int(self.lengths.sum()),
            successes=self.successes,
            returns=self.returns,
            steps=self.steps,
            lengths=self.lengths,
            seeds=self.seed + np.arange(n),
            paths=tuple(path for trace in self.traces for path in trace.paths(self.lengths)),
            goals=tuple(goal for trace in self.traces for goal in trace.goals(n)),
            floor_plan=floor_plan,
        )


class _Trace(NamedTuple):
    """Goals and factors of the episodes that a batch plays."""

    numbers: Array
    """Of the episodes; those beyond the last are not counted."""
    goal: Infos
    factors: list[Infos]
    """Before the first step, and after each."""

    def paths(self, lengths: Array) -> Iterator[dict[str, Array]]:
        """Return the factors of each episode, given how long all lasted."""
        names = [name for name in self.factors[0] if not name.startswith("_")]
        whole = {name: np.stack([factors[name] for factors in self.factors]) for name in names}
        for row, k in enumerate(self.numbers[self.numbers < len(lengths)]):
            yield {name: values[: lengths[k] + 1, row] for name, values in whole.items()}

    def goals(self, episodes: int) -> Iterator[dict[str, Array]]:
        """Return the goal of each episode."""
        for row in range(int((self.numbers < episodes).sum())):
            yield {name: values[row] for name, values in self.goal.items()}


def _final_infos(infos: Infos, ended: Array, mode: Any) -> Infos:
    """Return the infos of the step just made, which an environment that restarts at once keeps separately."""
    if mode != AutoresetMode.SAME_STEP or not ended.any():
        return infos
    return _merge(infos, infos["final_info"], ended)


def _merge(infos: Infos, newer: Infos, mask: Array) -> Infos:
    """Return infos with the rows under `mask` replaced."""
    merged = dict(infos)
    for key, value in newer.items():
        if isinstance(value, dict):
            merged[key] = _merge(infos.get(key, {}), value, mask)
        elif key in infos:
            merged[key] = np.where(mask.reshape(-1, *[1] * (value.ndim - 1)), value, infos[key])
        else:
            merged[key] = value
    return merged


def _rows(infos: Infos, rows: Array | slice) -> Infos:
    return {
        key: _rows(value, rows) if isinstance(value, dict) else value[rows]
        for key, value in infos.items()
        if not key.startswith("_")
    }


def _success(infos: Infos) -> Array:
    if "is_success" not in infos:
        raise ValueError(
            'the environment does not report success: its info has no "is_success" (it has '
            f"{sorted(key for key in infos if not key.startswith('_'))})"
        )
    return np.asarray(infos["is_success"], bool)


def _true_state(infos: Infos) -> Infos:
    """Return what a privileged agent sees."""
    missing = {"factors", "goal"} - infos.keys()
    if missing:
        raise ValueError(f"a privileged agent needs the infos factors and goal; {missing} missing")
    return {key: _rows(infos[key], slice(None)) for key in ("factors", "goal")}


def _check_actions(
    actions: Array,
    vector: VectorEnv[Any, Any, Any],
    agent: Agent,
    step: int,
    running: Array,
) -> None:
    name, expected = type(agent).__name__, vector.action_space.shape
    if expected is not None and np.shape(actions) != expected:
        raise ValueError(
            f"{name} returned actions of shape {np.shape(actions)} at step {step}, not {expected}"
        )
    finite = np.isfinite(actions).reshape(len(running), -1).all(axis=1)
    if not finite[running].all():
        bad = int(np.flatnonzero(running & ~finite)[0])
        raise ValueError(
            f"{name} returned the action {actions[bad]} at step {step}; it must be finite numbers"
        )
