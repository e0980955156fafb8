"""Reinforcement learning on learnt codes: PPO on the maze's goal task, from pixels and from codes.

The task: in an open maze, go from any cell to any other, which an image with the agent there shows. In every
row of the table the same algorithm with the same hyperparameters meets the same episodes and sees the same
two images, as they are or encoded: by the selectivity learner, by an autoencoder of the same network, by that
network untrained, or as the true cells, the oracle. The learners are those of the part `maze`, trained in the
open maze: one from the paper's layout never saw the cell under its block, and without the block in sight its
codes of all other cells are off as well. Codes are centred and scaled over the cells.

What is measured: environment steps until 90% of a fixed set of episodes succeed, where a row ends; its
success in other episodes then; and the environment steps that the representation was learnt from.
"""

from collections.abc import Mapping
from dataclasses import dataclass, fields
from pathlib import Path
from typing import Any

import gymnasium as gym
import numpy as np
from gymnasium.vector import VectorEnv
from matplotlib.figure import Figure
from stable_baselines3 import PPO

import unknot  # noqa: F401  (registers the environments)
from unknot.agents import EncodedVectorObservation, GymVecEnv, RandomAgent, evaluate_agent
from unknot.agents.encoding import Encode, KnownImages, average_pixels, scaled
from unknot.agents.evaluation import Agent
from unknot.agents.intervals import as_digits
from unknot.agents.maze_experts import MazeExpert
from unknot.checks import settings_at_least
from unknot.envs.maze_world import STEPS
from unknot.experiments.common.runs import run_models
from unknot.experiments.common.tables import INTERVALS, how_many, outcomes_of, over_seeds, success_cell
from unknot.experiments.controllable_factors import maze
from unknot.experiments.controllable_factors.mazes import COPIES, MAZE, SIZE
from unknot.files import METRICS, load_weights, read_json, save_weights
from unknot.report import Headline, Table, mean_std, save_figure
from unknot.representation import WEIGHTS, load_learner
from unknot.representation.learner import arrays, load_state
from unknot.representation.selectivity import Selectivity

BOARD: dict[str, Any] = {"size": SIZE, "layout": "open", "actions": STEPS}
ROWS = {
    "pixels": "pixels",
    "averaged": "pixels, averaged to 16 × 16",
    "selectivity": "h of the selectivity learner",
    "autoencoder": "h of an autoencoder",
    "random": "h of the untrained network",
    "factors": "true cells (ceiling)",
}
"""What PPO sees, by name, and its name in the table."""
ENCODERS = ("selectivity", "autoencoder", "random")
"""The rows whose encoders are models of the part `maze`."""
POLICY = "policy.safetensors"
"""PPO's weights."""
BAR = 0.9
"""Success at which a row ends."""
FIRST_EVALUATION, FIRST_TEST = 1_000_000, 2_000_000
"""Seeds of the first episode of evaluations during training, and of the test after it."""
HYPERPARAMETERS: dict[str, Any] = {
    "n_steps": 32,
    "batch_size": 256,
    "n_epochs": 4,
    "learning_rate": 1e-3,
    "gamma": 0.95,
    "ent_coef": 0.01,
}
"""PPO's, in every row; the others are Stable-Baselines3's defaults: two layers of 64 units see the codes or
averaged pixels; its convolutions see pixels."""


@dataclass(frozen=True)
class Settings:
    """Settings of the part."""

    seeds: int = 3
    """Seeds that run this part; later ones leave it out."""
    encoder_steps: int = 1200
    """Updates of an encoder, from each of its starts."""
    max_steps: int = 30
    """The most steps of an episode."""
    num_envs: int = 32
    """Copies of the environment that PPO acts in."""
    limit: int = 60_000
    """Environment steps at which a row ends, whatever its success."""
    evaluate_every: int = 2048
    """Environment steps from one evaluation to the next."""
    episodes: int = 200
    """Episodes of an evaluation, and of the test."""

    def __post_init__(self) -> None:
        """Refuse counts that leave nothing to train on or to measure."""
        settings_at_least(self, **dict.fromkeys((setting.name for setting in fields(self)), 1))


PRESETS = {
    "default": Settings(),
    "smoke": Settings(seeds=1, encoder_steps=4, num_envs=8, limit=512, evaluate_every=256, episodes=8),
    "paper": Settings(seeds=10, encoder_steps=5000, limit=1_000_000, episodes=1000),
}


def run(settings: Settings, folder: Path, seed: int, resume: bool) -> dict[str, Any]:
    """Train and test PPO on each kind of observation, each in a folder of its name."""
    if seed >= settings.seeds:
        return {}

    def make(name: str, path: Path) -> dict[str, Any]:
        if name in ENCODERS:
            training = maze.Settings(steps=settings.encoder_steps)
            maze.train_model(training, name, path / "encoder", seed, resume, layout="open")
        metrics = _train(settings, name, folder, seed)
        return metrics | {"test": _test(settings, name, folder, settings.episodes)}

    rows = run_models(ROWS, folder, make)
    save_figure(learning_curves(rows), folder / "figures" / "learning-curves.png")
    return {"rows": rows, "bounds": _bounds(settings, settings.episodes)}


def evaluate(settings: Settings, folder: Path, seed: int, full: bool) -> dict[str, Any]:
    """Test the policies, in 40 episodes at most unless `full`; curves are as they were logged."""
    if seed >= settings.seeds:
        return {}
    episodes = settings.episodes if full else min(settings.episodes, 40)
    rows = {}
    for name in ROWS:
        test = _test(settings, name, folder, episodes)
        rows[name] = {**read_json(folder / name / METRICS), "test": test}
    return {"rows": rows, "bounds": _bounds(settings, episodes)}


# What is observed


def make_environment(
    settings: Settings, num_envs: int, encode: Encode | None, **options: Any
) -> VectorEnv[Any, Any, Any]:
    """Make copies of the maze with the goal task, observed as pixels or through an encoder."""
    options = {**BOARD, "goal": "image", "terminate_on_success": True, **options}
    env = gym.make_vec(MAZE, num_envs=num_envs, max_steps=settings.max_steps, **options)
    return env if encode is None else EncodedVectorObservation(env, encode)


def _encoder(name: str, folder: Path) -> tuple[Encode | None, int]:
    """Return a row's encoder, None for pixels, and the environment steps that it was trained on."""
    if name == "pixels":
        return None, 0
    if name == "averaged":
        return average_pixels, 0
    env: Any = gym.make(MAZE, **BOARD).unwrapped
    env.reset(seed=0)
    cells = np.indices((SIZE, SIZE)).reshape(2, -1).T
    images = env.render_factors({"agent": cells})
    if name == "factors":
        return scaled(KnownImages(images, cells), images), 0
    source = folder / name / "encoder"
    learner = load_learner(source / WEIGHTS, kind=Selectivity)
    starts = 0 if name == "random" else max(1, len(list(source.glob("start-*"))))
    return scaled(learner.encode, images), starts * COPIES * learner.steps


# Training and testing


def _ppo(settings: Settings, encode: Encode | None, seed: int) -> PPO:
    env = make_environment(settings, settings.num_envs, encode, autoreset_mode="SameStep")
    return PPO("MultiInputPolicy", GymVecEnv(env), seed=seed, device="cpu", **HYPERPARAMETERS)


def _train(settings: Settings, name: str, folder: Path, seed: int) -> dict[str, Any]:
    """Train PPO until enough episodes of an evaluation succeed, write its weights, and return its curve."""
    encode, before = _encoder(name, folder)
    model = _ppo(settings, encode, seed)
    tests = make_environment(settings, settings.episodes, encode)
    curve: list[tuple[int, float]] = []
    success = 0.0
    while success < BAR and model.num_timesteps < settings.limit:
        model.learn(settings.evaluate_every, reset_num_timesteps=False)
        success = evaluate_agent(model, tests, settings.episodes, FIRST_EVALUATION).success_rate
        curve.append((model.num_timesteps, success))
    save_weights(folder / name / POLICY, arrays(model.policy.state_dict()), "PPO", HYPERPARAMETERS)
    return {"curve": curve, "reached": success >= BAR, "before": before}


def _test(settings: Settings, name: str, folder: Path, episodes: int) -> dict[str, Any]:
    """Test a row's policy, from its weights, in other episodes than those that ended its training."""
    encode, _ = _encoder(name, folder)
    model = _ppo(settings, encode, 0)
    tensors, _ = load_weights(folder / name / POLICY, "PPO")
    load_state(model.policy, tensors, folder / name / POLICY)
    return _success(model, make_environment(settings, episodes, encode), episodes)


def _bounds(settings: Settings, episodes: int) -> dict[str, Any]:
    """Return what random actions and the shortest path achieve in the test's episodes."""
    env: Any = make_environment(settings, episodes, None)
    agents: dict[str, Agent] = {
        "random": RandomAgent(env.single_action_space),
        "shortest": MazeExpert(env.simulation),
    }
    return {name: _success(agent, env, episodes) for name, agent in agents.items()}


def _success(agent: Agent, env: VectorEnv[Any, Any, Any], episodes: int) -> dict[str, Any]:
    result = evaluate_agent(agent, env, episodes, FIRST_TEST)
    steps = result.steps[result.successes]
    return {
        "success": result.success_rate,
        "count": episodes,
        "outcomes": as_digits(result.successes),
        "steps": float(steps.mean()) if len(steps) else None,
    }


# What is shown


def learning_curves(rows: Mapping[str, Any]) -> Figure:
    """Plot success in evaluations over environment steps, a curve for each row of a seed."""
    figure = Figure(figsize=(6, 3.6))
    panel = figure.subplots()
    for name, label in ROWS.items():
        steps, success = zip(*rows[name]["curve"], strict=True)
        panel.plot(steps, [100 * share for share in success], ".-", label=label)
    panel.axhline(100 * BAR, color="grey", linewidth=0.8)
    panel.set_xlabel("environment steps")
    panel.set_ylabel("episodes that succeed, %")
    panel.legend(fontsize=8)
    return figure


def tabulate(seeds: list[dict[str, Any]]) -> list[Table]:
    """Make the table of environment steps, one row for each kind of observation."""
    if not (seeds := [seed for seed in seeds if seed]):
        return []
    rows = [_row(label, over_seeds(seeds, "rows", name)) for name, label in ROWS.items()]
    for name, label in {"random": "random actions (floor)", "shortest": "shortest path (ceiling)"}.items():
        rows.append((label, "", "", "", *_tested(over_seeds(seeds, "bounds", name))))
    table = Table(
        f"PPO on the maze's goal task: environment steps to {BAR:.0%} success",
        ("PPO sees", "steps before", "environment steps", "seeds there", "success %", "steps to the goal"),
        tuple(rows),
        (
            "Mean ± standard deviation over seeds. Steps before: environment steps without reward that the "
            "encoder was trained on, in all its starts. Environment steps: PPO's, without evaluations, until "
            f"the first evaluation of at least {BAR:.0%} or the limit.",
            "Success in other episodes than those that ended training; steps to the goal where it was "
            "reached.",
            INTERVALS,
        ),
    )
    return [table]


def headlines(seeds: list[dict[str, Any]]) -> tuple[Headline, ...]:
    """Return the environment steps that PPO needs from the selectivity learner's codes."""
    seeds = [seed for seed in seeds if seed]
    steps, mean = {}, {}
    for name in ROWS:
        rows = over_seeds(seeds, "rows", name)
        steps[name] = _steps(rows) if rows else "not run"
        mean[name] = np.mean([row["curve"][-1][0] for row in rows]) if rows else np.inf
    return (
        Headline(
            measure=f"environment steps of PPO to {BAR:.0%} success, from h",
            paper="none",
            ours=steps["selectivity"],
            floor=f"{steps['pixels']}, from pixels",
            ceiling=f"{steps['factors']}, from the true cells",
            target="fewer than from pixels",
            met=bool(mean["selectivity"] < mean["pixels"]),
        ),
    )


def _steps(rows: list[dict[str, Any]]) -> str:
    """Return the environment steps at which rows ended, ">" where one did not get there."""
    mark = "" if all(row["reached"] for row in rows) else "> "
    return mark + mean_std([row["curve"][-1][0] for row in rows], 0)


def _row(label: str, seeds: list[dict[str, Any]]) -> tuple[str, ...]:
    reached = how_many(over_seeds(seeds, "reached"))
    return (label, f"{seeds[0]['before']:,}", _steps(seeds), reached, *_tested(over_seeds(seeds, "test")))


def _tested(tests: list[dict[str, Any]]) -> tuple[str, str]:
    success, counts = (over_seeds(tests, key) for key in ("success", "count"))
    steps = [test["steps"] for test in tests if test["steps"] is not None]
    return success_cell(success, counts, outcomes_of(tests)), mean_std(steps, 1) if steps else ""
