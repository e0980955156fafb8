"""Train Stable-Baselines3's algorithms: evaluations, checkpoints, resuming, the best policy kept."""

import contextlib
import time
from collections.abc import Mapping
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from gymnasium.vector import VectorEnv
from numpy.typing import NDArray
from stable_baselines3.common.base_class import BaseAlgorithm
from stable_baselines3.common.callbacks import BaseCallback
from stable_baselines3.common.logger import Logger, TensorBoardOutputFormat
from stable_baselines3.common.preprocessing import preprocess_obs

from unknot.files import AGENT, create_folder, write_json
from unknot.representation import Learner
from unknot.representation.training import deferred_interrupts, progress_bar

from .checkpoint import CHECKPOINT, restore, save_checkpoint
from .environments import copies_for
from .evaluation import evaluate_agent
from .extractors import standardize
from .saved import AgentSettings, SavedAgent, make_model, read_settings, save_settings
from .stable_baselines import GymVecEnv

__all__ = ["FIRST_EVALUATION", "METRICS", "Schedule", "best_episode", "train_agent"]

METRICS = "metrics.json"
FIRST_EVALUATION = 1_000_000
"""Seed of the first episode of the evaluations while training."""
FRAMES = 256
"""Copies at most whose first observations codes are scaled by."""


@dataclass(frozen=True)
class Schedule:
    """How long training lasts, and how often it is looked at.

    Raises:
        ValueError: a count below 1, or a rate outside [0, 1].
    """

    steps: int = 200_000
    """Environment steps, all copies counted."""
    evaluate_every: int = 10_000
    """Environment steps from one evaluation, and checkpoint, to the next."""
    episodes: int = 100
    """Episodes of an evaluation; they are the same in all."""
    until: float = 1.0
    """Success rate of an evaluation at which training ends."""

    def __post_init__(self) -> None:
        """Refuse what leaves nothing to train on or to measure."""
        for name in ("steps", "evaluate_every", "episodes"):
            if getattr(self, name) < 1:
                raise ValueError(f"{name} must be at least 1, not {getattr(self, name)}")
        if not 0 <= self.until <= 1:
            raise ValueError(f"until is a success rate, from 0 to 1, not {self.until}")


def train_agent(
    settings: AgentSettings,
    folder: Path,
    schedule: Schedule,
    encoder: Learner | None = None,
    *,
    resume: bool = False,
    keep_replay: bool = False,
    device: str = "cpu",
    progress: bool = True,
) -> dict[str, Any]:
    """Train an agent, and keep the policy that did best in an evaluation.

    All is checked before anything is written: that the algorithm fits the actions, the encoder the images,
    the options the environment. Ctrl-C lets the rollout in hand be learnt from, writes a checkpoint and
    raises KeyboardInterrupt. A resumed A2C or PPO reaches the numbers of an unbroken run (see
    `save_checkpoint`); what DQN, SAC and TD3 lose is their replay buffer, unless it is kept.

    Args:
        settings: what learns where.
        folder: of this seed; what is written there is said in docs/architecture.md.
        schedule: how long.
        encoder: where `settings` observes codes.
        resume: go on from the checkpoint in `folder`, if there is one.
        keep_replay: write the replay buffer with each checkpoint; it takes as much room as in memory.
        device: torch's name of it.
        progress: show a bar.

    Returns:
        What is in `metrics.json`: `curve`, an entry an evaluation (`steps`, `episodes`, `success_rate`,
        `mean_return`, `seconds` of training until then), and `best`, the entry of the policy that was kept.

    Raises:
        ValueError: settings that don't go together, or another setting than the run that is resumed has.
        FileExistsError: `folder` holds something, and `resume` is False.
        WeightsError: a checkpoint that can't be used.
    """
    if (encoder is None) != (settings.observe != "codes"):
        given = "none" if encoder is None else type(encoder).__name__
        raise ValueError(
            f"observe={settings.observe!r} got the encoder {given}; codes, and they alone, need one"
        )
    venv = GymVecEnv(settings.make_environment(settings.resolved()["num_envs"], encoder, learning=True))
    model = make_model(settings, venv, encoder, device=device)
    create_folder(folder, resume=resume)
    if (folder / AGENT).exists() and read_settings(folder) != settings:
        raise ValueError(f"{folder} is a run of {read_settings(folder)}, not of {settings}")
    agent = SavedAgent(settings, model, encoder)
    watch = _Watch(agent, venv, folder, schedule, keep_replay)
    if (folder / CHECKPOINT).exists():
        watch.recall(restore(model, venv, folder))
    else:
        _scale(model, settings, encoder)
        save_settings(settings, encoder, folder)
    model.set_logger(Logger(str(folder), [TensorBoardOutputFormat(str(folder))]))
    with ExitStack() as stack:
        watch.begin(stack, progress)
        if not watch.reached and model.num_timesteps < schedule.steps:
            with contextlib.suppress(_Reached):
                model.learn(schedule.steps - model.num_timesteps, watch, reset_num_timesteps=False)
    metrics = {"curve": watch.curve, "best": watch.best}
    write_json(folder / METRICS, metrics)
    return metrics


def best_episode(agent: SavedAgent, episodes: int) -> list[NDArray[np.uint8]]:
    """Play again the best of the first episodes of the evaluations, and return what people see of it.

    Args:
        agent: acts.
        episodes: among how many; the best is one that succeeds, and of those the one of highest return.

    Returns:
        Frames uint8 (h, w, 3), from the first observation on.
    """
    settings = agent.settings
    env = agent.make_environment(settings.environment, episodes, settings.options)
    result = evaluate_agent(agent, env, episodes, FIRST_EVALUATION)
    env.close()
    best = int(np.lexsort((result.returns, result.successes))[-1])
    shown = {**settings.options, "render_mode": "rgb_array"}
    env = agent.make_environment(settings.environment, 1, shown)
    filmed = _Filmed(agent, env)
    evaluate_agent(filmed, env, 1, FIRST_EVALUATION + best)
    filmed.shoot()
    env.close()
    return filmed.frames


class _Filmed:
    """An agent that keeps a frame of each scene it acts in."""

    def __init__(self, agent: SavedAgent, env: VectorEnv[Any, Any, Any]) -> None:
        self._agent, self._env = agent, env
        self.frames: list[NDArray[np.uint8]] = []

    def shoot(self) -> None:
        """Keep a frame."""
        frames: Any = self._env.render()
        self.frames.append(np.asarray(frames[0]))

    def predict(
        self, observation: Any, state: Any = None, episode_start: Any = None, deterministic: bool = False
    ) -> tuple[NDArray[Any], Any]:
        """Keep a frame, and act."""
        self.shoot()
        return self._agent.predict(observation, state, episode_start, deterministic)


def _scale(model: BaseAlgorithm, settings: AgentSettings, encoder: Learner | None) -> None:
    """Fit what scales codes to the first observations of some episodes."""
    env = settings.make_environment(copies_for(settings.environment, FRAMES), encoder)
    observations, _ = env.reset(seed=settings.seed)
    env.close()
    tensors, _ = model.policy.obs_to_tensor(observations)
    standardize(model.policy, preprocess_obs(tensors, model.observation_space, model.policy.normalize_images))


class _Reached(Exception):
    """Training has reached the success rate at which it ends."""


class _Watch(BaseCallback):
    """Evaluates between rollouts, keeps the best policy and checkpoints, and stops where it is asked to.

    Between rollouts nothing is under way, so that a checkpoint is exact.
    """

    def __init__(
        self, agent: SavedAgent, venv: GymVecEnv, folder: Path, schedule: Schedule, keep_replay: bool
    ) -> None:
        super().__init__()
        self.curve: list[dict[str, float]] = []
        self.best: dict[str, float] | None = None
        self._agent, self._venv, self._folder = agent, venv, folder
        self._schedule, self._keep_replay = schedule, keep_replay
        settings = agent.settings
        copies = copies_for(settings.environment, schedule.episodes)
        self._tests = agent.make_environment(settings.environment, copies, settings.options)
        self._seconds = 0.0

    @property
    def reached(self) -> bool:
        """Whether the last evaluation was as good as is asked for."""
        return bool(self.curve) and self.curve[-1]["success_rate"] >= self._schedule.until

    def begin(self, stack: ExitStack, shown: bool) -> None:
        """Show a bar, and collect interrupts, until the stack is left."""
        settings = self._agent.settings
        self._interrupted = stack.enter_context(deferred_interrupts(True))
        self._bar = stack.enter_context(progress_bar(shown))
        label = f"{settings.algorithm} in {settings.environment}, seed {settings.seed}"
        self._task = self._bar.add_task(label, total=self._schedule.steps)
        self._began = time.perf_counter()

    def recall(self, notes: dict[str, Any]) -> None:
        """Go on from the notes of a checkpoint."""
        self.curve, self.best, self._seconds = notes["curve"], notes["best"], notes["seconds"]

    def _on_step(self) -> bool:
        self._bar.update(self._task, completed=self.model.num_timesteps)
        return True

    def _on_rollout_start(self) -> None:
        due = len(self.curve) * self._schedule.evaluate_every
        if self._interrupted or self.num_timesteps >= due:
            self._look(evaluate=self.num_timesteps >= due)
        if self._interrupted:
            raise KeyboardInterrupt
        if self.reached:
            raise _Reached

    def _on_training_end(self) -> None:
        self._look(evaluate=True)

    def _look(self, *, evaluate: bool) -> None:
        """Evaluate, keep the policy if it is the best so far, and write a checkpoint."""
        self._seconds += time.perf_counter() - self._began
        if evaluate:
            self._evaluate()
        notes = {"curve": self.curve, "best": self.best, "seconds": self._seconds}
        save_checkpoint(self.model, self._venv, self._folder, notes, replay=self._keep_replay)
        self._began = time.perf_counter()

    def _evaluate(self) -> None:
        result = evaluate_agent(self._agent, self._tests, self._schedule.episodes, FIRST_EVALUATION)
        entry = {
            "steps": self.num_timesteps,
            "episodes": self._schedule.episodes,
            "success_rate": result.success_rate,
            "mean_return": result.mean_return,
            "seconds": self._seconds,
        }
        self.curve.append(entry)
        for name in ("success_rate", "mean_return"):
            self.logger.record(f"evaluation/{name}", entry[name])
        self.logger.dump(self.num_timesteps)
        if self.best is None or _score(entry) > _score(self.best):
            self.best = entry
            self._agent.save(self._folder)


def _score(entry: Mapping[str, Any]) -> tuple[float, float, bool]:
    """Return what the best policy is chosen by: of two alike one that was trained, and of those the first."""
    return entry["success_rate"], entry["mean_return"], entry["steps"] > 0
