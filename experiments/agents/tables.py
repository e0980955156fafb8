"""The tables of the agents, and the number that stands for all."""

import math
from typing import Any

import numpy as np

from unknot.experiments.agents.tasks import FLOORS, LABELS, OTHERS, TASKS, Task, differs
from unknot.experiments.common.tables import INTERVALS, outcomes_of, over_seeds, success_cell
from unknot.report import Headline, Table, mean_std

LARGEST_SHARE = 0.1
"""The share of PPO's environment steps that planning may need."""


def tabulate(seeds: list[dict[str, Any]]) -> list[Table]:
    """Make one table per task."""
    return [_table(name, [seed[name] for seed in seeds]) for name in seeds[0]]


def headlines(seeds: list[dict[str, Any]]) -> tuple[Headline, ...]:
    """Return planning's environment steps in the planar world as a share of PPO's from pixels."""
    rows = [seed["planar"] for seed in seeds if "planar" in seed]
    known = TASKS["planar"].planner_steps
    ppo = [row["pixels"]["best"]["steps"] for row in rows]
    share = known / np.mean(ppo) if any(ppo) else math.inf
    success = {row: _mean_success(rows, row) for row in OTHERS if rows and row in rows[0]}
    floor = max((row for row in FLOORS if row in success), key=success.__getitem__, default="random")

    def percent(row: str) -> str:
        return f"{success[row]:.1f}%" if row in success else "not run"

    return (
        Headline(
            measure="environment steps of planning as a share of PPO's from pixels, planar world",
            paper="none",
            ours=f"{share:.3f} ({known:,} of {np.mean(ppo):,.0f}; planning succeeds in {percent('planning')})"
            if any(ppo)
            else "not run",
            floor=f"{percent(floor)}, {FLOORS[floor].removesuffix(' (floor)')}",
            ceiling=f"{percent('expert')}, the expert",
            target=f"at most {LARGEST_SHARE}",
            met=bool(share <= LARGEST_SHARE),
        ),
    )


def _mean_success(seeds: list[dict[str, Any]], row: str) -> float:
    return 100 * float(np.mean(over_seeds(seeds, row, "success")))


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
            "Mean ± standard deviation over seeds, for agents that are trained for each. Success in episodes "
            "that decided nothing. Steps before: environment steps without reward that the encoder or the "
            "planner's model was trained on. Environment steps and minutes: until the evaluation that found "
            "the best policy; for a planning agent that learns for each seed, of its learner and its moves.",
            INTERVALS,
            *TASKS[name].notes,
        ),
    )


def _row(task: Task, row: str, label: str, seeds: list[dict[str, Any]]) -> tuple[str, ...]:
    if not differs(task, row):
        seeds = seeds[:1]
    steps = [seed["steps"] for seed in seeds if seed["steps"] is not None]
    encoder, planner = task.encoder_steps, task.planner_steps
    before = {"codes": encoder, "tuned": encoder, "planning": planner}.get(row)
    best = [seed["best"] for seed in seeds if "best" in seed]
    return (
        label,
        success_cell(over_seeds(seeds, "success"), over_seeds(seeds, "episodes"), outcomes_of(seeds)),
        mean_std(steps, 1) if steps else "",
        f"{before:,}" if before else "",
        mean_std([entry["steps"] for entry in best], 0) if best else "",
        mean_std([entry["seconds"] / 60 for entry in best]) if best else "",
    )
