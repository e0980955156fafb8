"""How many environment steps do agents need: reinforcement learning beside planning with what was learnt.

Goals are images: a corner of the planar world from the one across, any cell of a maze from any other, places
for two digits; or an object is to be held. In each task the same problems are posed to random actions, to an
expert that knows the truth, to PPO, which sees pixels, true factors, or codes learnt without reward, to SAC
and to a straight line in the planar world, and to an agent that plans with what such a learner found.
Learners are those that ship, except those of the planners on grids, which are trained for each seed; the
steps that they learnt from are counted.

Agents are trained until an evaluation of 200 episodes succeeds as often as `until` says, or for `steps`. The
tables show how often the best policy succeeds in other episodes, and the steps and the time until the
evaluation that found it. Wall time depends on the machine, and on what else ran there.
"""

import time
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from unknot.agents.environments import copies_for, make_environment
from unknot.agents.evaluation import Agent, Evaluation, evaluate_agent
from unknot.agents.experts import ShakenLineExpert
from unknot.agents.few_walks import FewWalks, learn_to_plan
from unknot.agents.intervals import as_digits
from unknot.agents.latent_path import LatentPathAgent
from unknot.agents.named import compare_agents
from unknot.agents.saved import AgentSettings
from unknot.agents.training import Schedule, train_agent
from unknot.checks import one_of, settings_at_least, within
from unknot.experiments.agents.figures import learning_curves
from unknot.experiments.agents.tables import headlines, tabulate
from unknot.experiments.agents.tasks import LEARNERS, OTHERS, TASKS, Task, differs
from unknot.experiments.common.runs import run_models
from unknot.files import METRICS, read_json
from unknot.report import save_figure
from unknot.representation import load_learner

__all__ = ["PRESETS", "Settings", "evaluate", "headlines", "run", "tabulate"]

FIRST_TEST = 2_000_000
"""Seed of the first episode of the test, which decides nothing that is kept."""


@dataclass(frozen=True)
class Settings:
    """Settings of the experiment."""

    tasks: tuple[str, ...] = tuple(TASKS)
    """Which of planar, maze (open), mazes (a random layout each), digits, grasp, grasp-reach."""
    steps: int = 300_000
    """The most environment steps of an agent."""
    evaluate_every: int = 10_000
    """Environment steps from one evaluation to the next."""
    episodes: int = 200
    """Episodes of an evaluation, and of the test."""
    until: float = 0.95
    """Success rate of an evaluation at which training ends."""
    num_envs: int = 0
    """Copies that agents learn in; 0 for the number in their hyperparameters."""

    def __post_init__(self) -> None:
        """Refuse unknown tasks, a rate above 1, and counts that leave nothing to train on or to measure."""
        settings_at_least(self, steps=1, evaluate_every=1, episodes=1, num_envs=0)
        within(0, 1, until=self.until)
        for task in self.tasks:
            one_of("task", task, TASKS)


PRESETS = {
    "default": Settings(),
    "smoke": Settings(("planar",), steps=256, evaluate_every=256, episodes=4, num_envs=4),
    "paper": Settings(steps=2_000_000, episodes=1000),
}


def run(settings: Settings, folder: Path, seed: int, resume: bool) -> dict[str, Any]:
    """Train and test the agents of one seed, each in a folder of its own.

    Agents that don't depend on the seed are tested once for all seeds, in `references` beside their folders.
    """
    metrics = {}
    for name in settings.tasks:
        task = TASKS[name]

        def make(row: str, path: Path, task: Task = task) -> dict[str, Any]:
            trained = _train(settings, task, row, path, seed)
            return trained | _test(task, row, path, settings.episodes)

        metrics[name] = {
            row: run_models([row], _home(folder, task, row) / name, make)[row] for row in _rows(task)
        }
    save_figure(learning_curves([metrics]), folder / "figures" / "learning-curves.png")
    return metrics


def evaluate(settings: Settings, folder: Path, seed: int, full: bool) -> dict[str, Any]:
    """Test the agents of one seed, in 40 episodes at most unless `full`; curves are as they were logged."""
    episodes = settings.episodes if full else min(settings.episodes, 40)
    metrics: dict[str, Any] = {}
    for name in settings.tasks:
        task = TASKS[name]
        homes = {row: _home(folder, task, row) / name / row for row in _rows(task)}
        metrics[name] = {
            row: read_json(home / METRICS) | _test(task, row, home, episodes) for row, home in homes.items()
        }
    return metrics


def _rows(task: Task) -> list[str]:
    return [
        "random",
        *(["line"] if task.line else []),
        "expert",
        *(["planning"] if task.planner else []),
        *task.learners,
    ]


def _home(folder: Path, task: Task, row: str) -> Path:
    """Return the folder of a row: the seed's, if something is learnt for it."""
    return folder if differs(task, row) else folder.parent / "references"


def _train(settings: Settings, task: Task, row: str, path: Path, seed: int) -> dict[str, Any]:
    """Train what a row needs, and return its curve and its best evaluation, if it has any."""
    if row == "planning" and isinstance(task.planner, FewWalks):
        began = time.perf_counter()
        learn_to_plan(task.planner, path, seed, resume=True)
        steps = task.planner.environment_steps
        return {"curve": [], "best": {"steps": steps, "seconds": time.perf_counter() - began}}
    if row in OTHERS:
        return {"curve": []}
    algorithm, seen, _ = LEARNERS[row]
    tuned = seen == "tuned"
    encoder = load_learner(task.encoder) if seen in ("codes", "tuned") and task.encoder else None
    chosen = AgentSettings(
        algorithm,
        task.environment,
        task.options,
        "codes" if tuned else seen,
        finetune=tuned,
        hyperparameters={"num_envs": settings.num_envs} if settings.num_envs else {},
        seed=seed,
    )
    steps = min(settings.steps, task.most_steps or settings.steps)
    schedule = Schedule(steps, settings.evaluate_every, settings.episodes, settings.until)
    home = path / f"seed-{seed}"
    return train_agent(chosen, home, schedule, encoder, resume=True, keep_replay=True)


def _test(task: Task, row: str, path: Path, episodes: int) -> dict[str, Any]:
    result = _play(task, row, path, episodes)
    arrived = result.steps[result.steps > 0]
    return {
        "success": result.success_rate,
        "episodes": episodes,
        "outcomes": as_digits(result.successes),
        "steps": float(arrived.mean()) if len(arrived) else None,
    }


def _own_agent(task: Task, row: str, path: Path) -> Agent | None:
    """Return the agent of a row that no name of `compare_agents` stands for."""
    if row == "line":
        return ShakenLineExpert()
    if row == "planning" and isinstance(task.planner, FewWalks):
        return LatentPathAgent.load(path.parents[1], "/".join(path.parts[-2:]))
    return None


def _play(task: Task, row: str, path: Path, episodes: int) -> Evaluation:
    if agent := _own_agent(task, row, path):
        env = make_environment(task.environment, copies_for(task.environment, episodes), task.options)
        result = evaluate_agent(agent, env, episodes, FIRST_TEST)
        env.close()
        return result
    name = str(path) if row in LEARNERS else str(task.planner) if row == "planning" else row
    return compare_agents([name], task.environment, task.options, episodes=episodes, seed=FIRST_TEST)[name]
