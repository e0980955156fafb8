"""How many environment steps do agents need: reinforcement learning beside planning in what was learnt.

The tasks have goals that an image shows: a corner of the planar world from the one across, any cell of a maze
from any other, places for two digits; and an object that is to be held. In each, the same problems are met by
random actions, by the expert who knows the truth, by PPO, which sees pixels, true factors, or codes that a
learner found without any reward, by SAC in the planar world, and by an agent that plans in what such a
learner found. Learners are those that ship, but for those of the planners on grids, which learn anew for
each seed; the steps that they learnt from are counted.

Agents are trained until an evaluation of 200 episodes succeeds as often as `until` says, or for `steps`; what
is tabulated is how often the best policy succeeds in other episodes, and the steps and the time it took to
the evaluation that found it. Wall time is of the machine, and of what else ran there.
"""

import math
import time
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from matplotlib.figure import Figure
from matplotlib.ticker import NullFormatter

from unknot.agents.environments import copies_for, make_environment
from unknot.agents.evaluation import Evaluation, evaluate_agent, wilson_interval
from unknot.agents.latent_path import LatentPathAgent
from unknot.agents.named import compare_agents
from unknot.agents.saved import AgentSettings
from unknot.agents.training import Schedule, train_agent
from unknot.checks import settings_at_least, unknown
from unknot.experiments.common.runs import run_models
from unknot.experiments.controllable_factors.few_walks import FewWalks, learn_to_plan
from unknot.experiments.controllable_factors.planning import STEPS
from unknot.files import METRICS, read_json, write_json
from unknot.report import Table, mean_std, save_figure
from unknot.representation import load_learner

__all__ = ["PRESETS", "Settings", "evaluate", "learning_curves", "run", "tabulate"]


@dataclass(frozen=True)
class Task:
    """A task, what agents learn in it, and what was learnt about it without reward."""

    environment: str
    options: dict[str, Any] = field(default_factory=dict)
    learners: tuple[str, ...] = ()
    """Which of `LEARNERS` are trained."""
    encoder: str | None = None
    """Whose codes are observed."""
    encoder_steps: int = 0
    """Environment steps that the encoder was trained on."""
    planner: str | FewWalks | None = None
    """In what the planning agent plans: what ships, or what is learnt for each seed."""
    planner_steps: int = 0
    """Environment steps that what ships was trained on."""
    most_steps: int | None = None
    """Environment steps that each agent has at most, where physics takes its time; None for the settings'."""


MAZE = {
    "goal": "image",
    "actions": STEPS,
    "terminate_on_success": True,
    "max_steps": 30,
}
MAZE_CODES: dict[str, Any] = {
    "encoder": "pretrained/controllable-factors/planning/reach/learner",
    "encoder_steps": 16_384,  # 16 walks of 16 steps in each of 64 mazes
}
GRASPS: dict[str, Any] = {
    "encoder": "pretrained/grasping/geometry",
    "encoder_steps": 81_000,  # perturbed grasps simulated at the 640 placements that the net learnt from
    "planner": "pretrained/grasping",
    "planner_steps": 81_000,
}
TASKS = {
    "planar": Task(
        "unknot/Planar-v0",
        learners=("pixels", "factors", "codes", "tuned", "SAC", "SAC-pixels"),
        encoder="pretrained/dynamics-content/published",
        encoder_steps=10_000,  # 8,000 transitions, 2,000 images of the other set
        planner="pretrained/dynamics-content",
        planner_steps=10_000,
    ),
    "maze": Task(
        "unknot/Maze-v0",
        {"layout": "open", **MAZE},
        learners=("pixels", "factors", "codes", "tuned"),
        **MAZE_CODES,
        planner=FewWalks("unknot/Maze-v0", {"layout": "open", "actions": STEPS}, walks=1, moves=300),
    ),
    "mazes": Task(
        "unknot/Maze-v0",
        MAZE,
        learners=("pixels", "factors", "codes", "tuned"),
        **MAZE_CODES,
        planner=FewWalks("unknot/Maze-v0", {"actions": STEPS}, walks=8),
    ),
    "digits": Task(
        "unknot/MnistGrid-v0",
        {"pixels": 40, "terminate_on_success": True},
        learners=("pixels", "factors", "codes", "tuned"),
        encoder="pretrained/controllable-factors/digits/selectivity",
        encoder_steps=320_000,  # 2,500 batches of 128 transitions
        planner=FewWalks("unknot/MnistGrid-v0", {"pixels": 40}, walks=48, steps=4000, moves=0),
    ),
    "grasp": Task(
        "unknot/Grasp-v0",
        {"normalize_actions": True},
        learners=("pixels", "factors", "codes"),
        **GRASPS,
        most_steps=5_000,
    ),
    "grasp-reach": Task(
        "unknot/GraspReach-v0",
        {"normalize_actions": True, "terminate_on_success": True},
        learners=("pixels", "factors", "codes"),
        **GRASPS,
        most_steps=30_000,
    ),
}
LEARNERS = {
    "pixels": ("PPO", "pixels", "PPO, pixels"),
    "factors": ("PPO", "factors", "PPO, true factors"),
    "codes": ("PPO", "codes", "PPO, learnt codes"),
    "tuned": ("PPO", "tuned", "PPO, learnt codes, tuned"),
    "SAC": ("SAC", "factors", "SAC, true factors"),
    "SAC-pixels": ("SAC", "pixels", "SAC, pixels"),
}
"""Algorithm, what it sees, and what the table calls it. An encoder of tuned codes goes on learning."""
OTHERS = {"random": "random actions (floor)", "expert": "expert (ceiling)", "planning": "planning agent"}
LABELS = {**OTHERS, **{row: label for row, (_, _, label) in LEARNERS.items()}}
ACROSS = 3
"""Panels in a row of the learning curves."""
FIRST_TEST = 2_000_000
"""Seed of the first episode of the test, none of which decides what is kept."""


@dataclass(frozen=True)
class Settings:
    """Settings of the experiment."""

    tasks: tuple[str, ...] = tuple(TASKS)
    """Which of planar, maze (open), mazes (a random layout each), digits, grasp, grasp-reach."""
    steps: int = 300_000
    """Environment steps that each agent has at most."""
    evaluate_every: int = 10_000
    """Environment steps from one evaluation to the next."""
    episodes: int = 200
    """Episodes of an evaluation, and of the test."""
    until: float = 0.95
    """Success rate of an evaluation at which training ends."""
    num_envs: int = 0
    """Copies that agents learn in; 0 for as many as their hyperparameters say."""

    def __post_init__(self) -> None:
        """Refuse unknown tasks, and counts that leave nothing to train on or to measure."""
        settings_at_least(self, steps=1, evaluate_every=1, episodes=1, num_envs=0)
        for task in self.tasks:
            if task not in TASKS:
                raise ValueError(unknown("task", task, TASKS))


PRESETS = {
    "default": Settings(),
    "smoke": Settings(("planar",), steps=256, evaluate_every=256, episodes=4, num_envs=4),
    "paper": Settings(steps=2_000_000, episodes=1000),
}


def run(settings: Settings, folder: Path, seed: int, resume: bool) -> dict[str, Any]:
    """Train and test the agents of one seed, a folder each; one that has its `metrics.json` is complete.

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
    write_json(folder / METRICS, metrics)
    return metrics


def evaluate(folder: Path, full: bool) -> dict[str, Any]:
    """Test the agents of a seed again, from their weights; how they were learnt is as it was logged.

    Args:
        folder: the seed's.
        full: in all episodes, not in 40.

    Raises:
        FileNotFoundError: an agent that is not complete.
        WeightsError: weights that can't be used.
    """
    settings = Settings(**read_json(folder / "config.json")["settings"])
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
    return ["random", "expert", *(["planning"] if task.planner else []), *task.learners]


def _home(folder: Path, task: Task, row: str) -> Path:
    """Return where a row of a seed's folder lies: with the seed, if something is learnt for it."""
    return folder if _learns(task, row) else folder.parent / "references"


def _learns(task: Task, row: str) -> bool:
    """Return whether a row differs from seed to seed."""
    return row in LEARNERS or (row == "planning" and isinstance(task.planner, FewWalks))


def _train(settings: Settings, task: Task, row: str, path: Path, seed: int) -> dict[str, Any]:
    """Train what a row needs, and return its curve and its best evaluation, as far as there are any."""
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
    return train_agent(chosen, path / f"seed-{seed}", schedule, encoder, resume=True)


def _test(task: Task, row: str, path: Path, episodes: int) -> dict[str, Any]:
    result = _play(task, row, path, episodes)
    arrived = result.steps[result.steps > 0]
    return {
        "success": result.success_rate,
        "episodes": episodes,
        "steps": float(arrived.mean()) if len(arrived) else None,
    }


def _play(task: Task, row: str, path: Path, episodes: int) -> Evaluation:
    if row == "planning" and isinstance(task.planner, FewWalks):
        env = make_environment(task.environment, copies_for(task.environment, episodes), task.options)
        agent = LatentPathAgent.load(path.parents[1], "/".join(path.parts[-2:]))
        result = evaluate_agent(agent, env, episodes, FIRST_TEST)
        env.close()
        return result
    name = str(path) if row in LEARNERS else str(task.planner) if row == "planning" else row
    return compare_agents([name], task.environment, task.options, episodes=episodes, seed=FIRST_TEST)[name]


# What is shown


def learning_curves(seeds: list[dict[str, Any]]) -> Figure:
    """Draw success in the evaluations over environment steps: a panel a task in which agents learn."""
    names = [name for name in seeds[0] if TASKS[name].learners]
    columns = max(1, min(len(names), ACROSS))
    rows = max(1, math.ceil(len(names) / columns))
    figure = Figure(figsize=(4.5 * columns, 3.4 * rows), layout="constrained")
    panels = figure.subplots(rows, columns, squeeze=False, sharex=True, sharey=True)
    for panel in panels.flat[len(names) :]:
        panel.remove()
    for panel, name in zip(panels.flat, names, strict=False):
        _draw_curves(panel, TASKS[name], [metrics[name] for metrics in seeds])
        panel.set(title=name, xlabel="environment steps", xscale="log", ylim=(-3, 103))
        panel.xaxis.set_minor_formatter(NullFormatter())
        panel.legend(fontsize=7)
    for panel in panels[:, 0]:
        panel.set_ylabel("episodes that succeed, %")
    return figure


def _draw_curves(panel: Any, task: Task, seeds: list[dict[str, Any]]) -> None:
    """Draw a line for each agent and seed, and a star for plans."""
    for seed, rows in enumerate(seeds):
        for row in task.learners:
            colour = f"C{list(LEARNERS).index(row)}"
            curve = [entry for entry in rows[row]["curve"] if entry["steps"]]
            steps = [entry["steps"] for entry in curve]
            success = [100 * entry["success_rate"] for entry in curve]
            label = None if seed else LABELS[row]
            panel.plot(steps, success, ".-", color=colour, label=label, alpha=0.7, linewidth=1)
        if task.planner:
            steps = rows["planning"].get("best", {"steps": task.planner_steps})["steps"]
            success = 100 * rows["planning"]["success"]
            panel.plot(steps, success, "k*", label=None if seed else LABELS["planning"])


def tabulate(seeds: list[dict[str, Any]]) -> list[Table]:
    """Make a table for each task."""
    return [_table(name, [seed[name] for seed in seeds]) for name in seeds[0]]


def _table(name: str, seeds: list[dict[str, Any]]) -> Table:
    rows = tuple(
        _row(TASKS[name], row, label, [seed[row] for seed in seeds])
        for row, label in LABELS.items()
        if row in seeds[0]
    )
    return Table(
        f"{name}: success and what it took",
        ("agent", "success %", "steps to the goal", "steps before", "environment steps", "minutes"),
        rows,
        (
            "Mean ± deviation over seeds, of what learnt for each; success in episodes that decided nothing, "
            "with Wilson's 95% interval over all of them. Steps before: environment steps, without reward, "
            "that the encoder or the planner's model was trained on, by the settings it ships with. "
            "Environment steps and minutes: of what learnt for each seed, until the evaluation that found "
            "its best policy (of a planning agent that learnt for each: of its learner and its moves).",
        ),
    )


def _row(task: Task, row: str, label: str, seeds: list[dict[str, Any]]) -> tuple[str, ...]:
    if not _learns(task, row):
        seeds = seeds[:1]
    counts = [seed["episodes"] for seed in seeds]
    solved = sum(seed["success"] * count for seed, count in zip(seeds, counts, strict=True))
    low, high = wilson_interval(round(solved), sum(counts))
    steps = [seed["steps"] for seed in seeds if seed["steps"] is not None]
    encoder, planner = task.encoder_steps, task.planner_steps
    before = {"codes": encoder, "tuned": encoder, "planning": planner}.get(row)
    best = [seed["best"] for seed in seeds if "best" in seed]
    return (
        label,
        f"{mean_std([100 * seed['success'] for seed in seeds], 1)} [{100 * low:.1f}, {100 * high:.1f}]",
        mean_std(steps, 1) if steps else "",
        f"{before:,}" if before else "",
        mean_std([entry["steps"] for entry in best], 0) if best else "",
        mean_std([entry["seconds"] / 60 for entry in best]) if best else "",
    )
