"""Training of Stable-Baselines3's algorithms, with evaluations, checkpoints, resuming and the best policy."""

import contextlib
import time
from collections.abc import Mapping
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from stable_baselines3.common.base_class import BaseAlgorithm
from stable_baselines3.common.callbacks import BaseCallback
from stable_baselines3.common.logger import Logger, TensorBoardOutputFormat
from stable_baselines3.common.preprocessing import preprocess_obs

from unknot.checks import count, within
from unknot.files import AGENT, METRICS, create_folder, write_json
from unknot.progress import progress_bar
from unknot.representation import Learner
from unknot.representation.training import deferred_interrupts

from .checkpoint import CHECKPOINT, restore, save_checkpoint
from .environments import copies_for
from .evaluation import evaluate_agent
from .extractors import standardize
from .saved import AgentSettings, SavedAgent, make_model, read_settings, save_settings
from .stable_baselines import GymVecEnv

__all__ = ["FIRST_EVALUATION", "Schedule", "train_agent"]

FIRST_EVALUATION = 1_000_000
"""Seed of the first episode of the evaluations during training."""
SCALING_OBSERVATIONS = 256
"""Number of initial observations from which the standardisation of codes is computed, at most."""


@dataclass(frozen=True)
class Schedule:
    """How long training lasts, and how often it is evaluated.

    Raises:
        ValueError: a count below 1, or a rate outside [0, 1].
    """

    steps: int = 200_000
    """Number of environment steps, summed over copies."""
    evaluate_every: int = 10_000
    """Number of environment steps between two evaluations and checkpoints."""
    episodes: int = 100
    """Number of episodes of an evaluation, always the same ones."""
    until: float = 1.0
    """Success rate of an evaluation at which training ends, in [0, 1]."""

    def __post_init__(self) -> None:
        """Check the arguments."""
        count(1, steps=self.steps, evaluate_every=self.evaluate_every, episodes=self.episodes)
        within(0, 1, until=self.until)


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
    """Train an agent, and keep the policy with the best evaluation.

    Before anything is written, the function checks that the algorithm fits the actions, the encoder the
    images and the options the environment. Ctrl-C finishes the current rollout and its updates, writes a
    checkpoint and raises KeyboardInterrupt. A resumed run gives the numbers of an uninterrupted one (see
    `save_checkpoint`), except that DQN, SAC and TD3 lose their replay buffer, unless it is kept.

    Args:
        settings: the agent's algorithm and environment.
        folder: the folder of this seed; docs/architecture.md lists its files.
        schedule: how long to train.
        encoder: the agent's encoder, if `settings` observes codes.
        resume: continue from the checkpoint in `folder`, if there is one.
        keep_replay: keep the replay buffer in each checkpoint; it takes as much space as in memory.
        device: a name of torch's.
        progress: show a progress bar.

    Returns:
        The content of `metrics.json`: `curve`, an entry for each evaluation (`steps`, `episodes`,
        `success_rate`, `mean_return`, `seconds` of training so far), and `best`, that of the policy kept.

    Raises:
        ValueError: settings contradict each other, or differ from those of the run to resume.
        FileExistsError: `folder` is not empty, and `resume` is False.
        WeightsError: the checkpoint can't be used.
    """
    if (encoder is None) != (settings.observe != "codes"):
        given = "none" if encoder is None else type(encoder).__name__
        raise ValueError(
            f"encoder must be given if and only if observe is 'codes', not {given} with {settings.observe!r}"
        )
    venv = GymVecEnv(settings.make_environment(settings.resolved()["num_envs"], encoder, learning=True))
    model = make_model(settings, venv, encoder, device=device)
    create_folder(folder, resume=resume)
    if (folder / AGENT).exists() and read_settings(folder) != settings:
        raise ValueError(f"{folder} is a run of {read_settings(folder)}, not of {settings}")
    agent = SavedAgent(settings, model, encoder)
    watch = _Watch(agent, venv, folder, schedule, keep_replay)
    if (folder / CHECKPOINT).exists():
        watch.resume(restore(model, venv, folder))
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


def _scale(model: BaseAlgorithm, settings: AgentSettings, encoder: Learner | None) -> None:
    """Fit the standardisation of arrays to the first observations of some episodes."""
    env = settings.make_environment(copies_for(settings.environment, SCALING_OBSERVATIONS), encoder)
    observations, _ = env.reset(seed=settings.seed)
    env.close()
    tensors, _ = model.policy.obs_to_tensor(observations)
    standardize(model.policy, preprocess_obs(tensors, model.observation_space, model.policy.normalize_images))


class _Reached(Exception):
    """Training has reached the success rate at which it ends."""


class _Watch(BaseCallback):
    """Evaluates between rollouts, saves the best policy and checkpoints, and ends training.

    Between rollouts the algorithm holds no temporary data, so a checkpoint is exact.
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
        """Whether the last evaluation reached the success rate at which training ends."""
        return bool(self.curve) and self.curve[-1]["success_rate"] >= self._schedule.until

    def begin(self, stack: ExitStack, shown: bool) -> None:
        """Show a progress bar and defer interrupts until the stack is closed."""
        settings = self._agent.settings
        self._interrupted = stack.enter_context(deferred_interrupts(True))
        self._bar = stack.enter_context(progress_bar(shown))
        label = f"{settings.algorithm} in {settings.environment}, seed {settings.seed}"
        self._task = self._bar.add_task(label, total=self._schedule.steps)
        self._began = time.perf_counter()

    def resume(self, notes: dict[str, Any]) -> None:
        """Continue from the notes of a checkpoint."""
        self.curve, self.best, self._seconds = notes["curve"], notes["best"], notes["seconds"]
        self._save_best()

    def _on_step(self) -> bool:
        self._bar.update(self._task, completed=self.model.num_timesteps)
        return True

    def _on_rollout_start(self) -> None:
        due = len(self.curve) * self._schedule.evaluate_every
        if self._interrupted or self.num_timesteps >= due:
            self._check(evaluate=self.num_timesteps >= due)
        if self._interrupted:
            raise KeyboardInterrupt
        if self.reached:
            raise _Reached

    def _on_training_end(self) -> None:
        self._check(evaluate=True)

    def _check(self, *, evaluate: bool) -> None:
        """Evaluate if asked to, save the policy if it is the best so far, and write a checkpoint."""
        self._seconds += time.perf_counter() - self._began
        if evaluate:
            self._evaluate()
        notes = {"curve": self.curve, "best": self.best, "seconds": self._seconds}
        save_checkpoint(self.model, self._venv, self._folder, notes, replay=self._keep_replay)
        self._save_best()
        self._began = time.perf_counter()

    def _save_best(self) -> None:
        """Write the policy if it is the best so far.

        That is after the checkpoint, and again when training resumes from it, so that a kill between the two
        leaves no policy that no checkpoint knows, and none is lost.
        """
        model = self._agent.model
        if self.best and self.best["steps"] == model.num_timesteps:
            self._agent.save(self._folder)

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


def _score(entry: Mapping[str, Any]) -> tuple[float, float, bool]:
    """Return the key by which policies are compared; on a tie, a trained policy beats an untrained one."""
    return entry["success_rate"], entry["mean_return"], entry["steps"] > 0
