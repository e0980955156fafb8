"""Count how often an agent succeeds: the same problems for every agent, at every batch size."""

import math
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, Protocol, TypeAlias, cast

import gymnasium as gym
import numpy as np
from gymnasium.vector import AutoresetMode, SyncVectorEnv, VectorEnv
from numpy.typing import NDArray

LARGEST_BATCH = 512
"""Most sub-environments that evaluation opens for an id; more episodes run in several batches."""

Array: TypeAlias = NDArray[Any]
Infos: TypeAlias = dict[str, Any]
OnStep: TypeAlias = Callable[[Array, Array, Infos], None]


class Agent(Protocol):
    """Whatever acts as Stable-Baselines3's models do.

    An agent whose class says `privileged = True` is an expert: instead of images it is handed what
    the environment's `info` knows, `{"factors": {name: (n, ...)}, "goal": {name: (n, ...)}}`.
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


@dataclass(frozen=True)
class Evaluation:
    """What an agent did in a number of episodes; row k of each array is the problem of seed + k."""

    episodes: int
    """Number of episodes."""
    success_rate: float
    """Share of the episodes, in [0, 1], whose last step was a success."""
    interval: tuple[float, float]
    """Wilson's 95% interval of the success rate."""
    mean_return: float
    """Mean of `returns`."""
    decision_seconds: float
    """Seconds `predict` took for one decision of one episode, mean over all of them."""
    successes: Array
    """bool (episodes,): `is_success` at the episode's last step."""
    returns: Array
    """float64 (episodes,): sum of the episode's rewards, undiscounted."""
    steps: Array
    """int64 (episodes,): the step, counted from 1, at which `is_success` first held; -1: never."""
    lengths: Array
    """int64 (episodes,): steps the episode lasted."""


def wilson_interval(successes: int, n: int, z: float = 1.96) -> tuple[float, float]:
    """Confidence interval of a success rate, sound near 0 and 1 too (Wilson 1927).

    Args:
        successes: number of successes, 0 to n.
        n: number of trials, at least 1.
        z: width in standard deviations of a normal; 1.96 covers 95%.

    Returns:
        Lower and upper end, within [0, 1].

    Raises:
        ValueError: if n < 1 or successes is not in 0..n.
    """
    if n < 1:
        raise ValueError(f"n is {n}; a rate needs at least one trial")
    if not 0 <= successes <= n:
        raise ValueError(f"successes is {successes}; expected 0 to n = {n}")
    rate = successes / n
    shrink = 1 + z * z / n
    centre = (rate + z * z / (2 * n)) / shrink
    half = z * math.sqrt(rate * (1 - rate) / n + z * z / (4 * n * n)) / shrink
    return max(0.0, centre - half), min(1.0, centre + half)


def evaluate_agent(
    agent: Agent,
    env: str | gym.Env[Any, Any] | VectorEnv[Any, Any, Any],
    episodes: int = 100,
    seed: int = 0,
    *,
    max_steps: int | None = None,
    env_kwargs: Mapping[str, Any] | None = None,
    on_step: OnStep | None = None,
) -> Evaluation:
    """Run an agent through the problems seed, seed + 1, ... and count its successes.

    Episode k is always the problem that the environment draws when reset with seed + k, whoever
    acts and however many episodes run at a time, so that agents are compared on the same problems.
    An episode succeeds if `info["is_success"]` holds at its last step. Policies act
    deterministically.

    Args:
        agent: anything with Stable-Baselines3's `predict`; handed batches of observations. One
            that declares `privileged = True` is handed the true factors instead (see `Agent`).
        env: the id of a registered environment; or an environment or a vector environment, which
            stays open afterwards.
        episodes: number of episodes, at least 1.
        seed: seed of the first episode.
        max_steps: cuts an episode off after so many steps, if the environment hasn't ended it.
        env_kwargs: the environment's keyword arguments, if `env` is an id.
        on_step: called after each step with the numbers of the running episodes (m,), their
            actions (m, ...), and their infos, each array's first axis m.

    Raises:
        ValueError: if an argument is out of range, the environment tells no `is_success` (or, for
            a privileged agent, no `factors` and `goal`), or the agent returns actions of a wrong
            shape or not finite.
    """
    if episodes < 1:
        raise ValueError(f"episodes is {episodes}; expected at least 1")
    if max_steps is not None and max_steps < 1:
        raise ValueError(f"max_steps is {max_steps}; expected at least 1, or None")
    if env_kwargs is not None and not isinstance(env, str):
        raise ValueError("env_kwargs goes with an environment's id, but env is one already made")
    vector = _as_vector(env, episodes, env_kwargs or {})
    tally = _Tally(episodes)
    try:
        for first in range(0, episodes, vector.num_envs):
            _run_batch(agent, vector, first, seed, max_steps, tally, on_step)
    finally:
        if isinstance(env, str):
            vector.close()
    return tally.result()


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
    batches = math.ceil(episodes / LARGEST_BATCH)
    return gym.make_vec(env, num_envs=math.ceil(episodes / batches), **env_kwargs)


class _Tally:
    """What is counted while episodes run, an array entry an episode."""

    def __init__(self, episodes: int) -> None:
        self.successes = np.zeros(episodes, bool)
        self.returns = np.zeros(episodes)
        self.steps = np.full(episodes, -1)
        self.lengths = np.zeros(episodes, int)
        self.seconds = 0.0

    def add(self, running: Array, rewards: Array, success: Array) -> None:
        """Count one step of the episodes numbered `running`."""
        self.returns[running] += rewards
        self.lengths[running] += 1
        self.successes[running] = success
        first = running[success & (self.steps[running] < 0)]
        self.steps[first] = self.lengths[first]

    def result(self) -> Evaluation:
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
        )


def _run_batch(
    agent: Agent,
    vector: VectorEnv[Any, Any, Any],
    first: int,
    seed: int,
    max_steps: int | None,
    tally: _Tally,
    on_step: OnStep | None,
) -> None:
    """Run the episodes first, first + 1, ... at once, one in each sub-environment.

    Episodes beyond the last one are played but not counted. What a sub-environment does after its
    episode's end is not counted either, whichever way it starts again.
    """
    numbers = first + np.arange(vector.num_envs)
    running = numbers < len(tally.lengths)
    # Gymnasium's vector environments take a list of seeds, though the base class says an int.
    observation, infos = vector.reset(seed=cast("int", [seed + int(k) for k in numbers]))
    state, starts, step = None, np.ones(vector.num_envs, bool), 0
    while running.any() and step != max_steps:
        step += 1
        seen = _true_state(infos) if getattr(agent, "privileged", False) else observation
        began = time.perf_counter()
        actions, state = agent.predict(seen, state, starts, True)
        # The time of the whole batch is shared out among its rows, uncounted ones included.
        tally.seconds += (time.perf_counter() - began) * running.mean()
        _check_actions(actions, vector, agent, step, running)
        observation, rewards, terminated, truncated, infos = vector.step(actions)
        ended = terminated | truncated
        final = _final_infos(infos, ended, vector.metadata.get("autoreset_mode"))
        tally.add(numbers[running], rewards[running], _success(final)[running])
        if on_step is not None:
            on_step(numbers[running], actions[running], _rows(final, running))
        if vector.metadata.get("autoreset_mode") == AutoresetMode.DISABLED and ended.any():
            observation, fresh = vector.reset(options={"reset_mask": ended})
            infos = _merge(infos, fresh, ended)
        running = running & ~ended
        starts = ended


def _final_infos(infos: Infos, ended: Array, mode: Any) -> Infos:
    """Infos of the step just made; an environment that restarts at once keeps them as final ones."""
    if mode != AutoresetMode.SAME_STEP or not ended.any():
        return infos
    return _merge(infos, infos["final_info"], ended)


def _merge(infos: Infos, newer: Infos, mask: Array) -> Infos:
    """Infos with the rows under `mask` replaced."""
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
            'the environment does not tell success: its info has no "is_success" (it has '
            f"{sorted(key for key in infos if not key.startswith('_'))})"
        )
    return np.asarray(infos["is_success"], bool)


def _true_state(infos: Infos) -> Infos:
    """What a privileged agent sees."""
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
        raise ValueError(f"{name} returned the action {actions[bad]} at step {step}; expected finite numbers")
