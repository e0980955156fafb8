"""Plot README's picture, docs/planned-runs.png: runs planned from pixels around solid obstacles.

python docs/planned_runs.py

The weights are the shipped ones. The problems are the first eight random ones that a straight line does not
solve, although it shakes itself loose after a refused action, as the agent does.
"""

from pathlib import Path
from typing import Any

import numpy as np
from matplotlib.figure import Figure

from unknot.agents import PlanningAgent, ShakenLineExpert
from unknot.agents.planar_problems import Problems, make_planar, roll_out, sample_problems, successes
from unknot.experiments.dynamics_content.models import SETS
from unknot.report import save_figure

PICTURE = Path(__file__).with_name("planned-runs.png")
SOLID = {"collision": "solid"}
SHOWN, STEPS = 8, 40
COLOURS = ("#E69F00", "#56B4E9", "#009E73", "#F0E442", "#0072B2", "#D55E00", "#CC79A7", "#FFFFFF")
"""Okabe and Ito's, which colour-blind people can tell apart; white in place of black."""


def blocked_problems() -> Problems:
    """Sample problems that a straight line does not solve, shaken loose or not."""
    posed = sample_problems("anywhere", SOLID, 80, seed=20_000)
    line = roll_out(ShakenLineExpert(), posed, "square", STEPS)
    blocked = np.flatnonzero(~successes(line, posed.goals, STEPS))[:SHOWN]
    return Problems("blocked", SOLID, posed.starts[blocked], posed.goals[blocked])


def plot_runs(panel: Any, agent: PlanningAgent, posed: Problems, name: str) -> None:
    """Plot the runs in a set of images over the map: rings are starts, stars are goals."""
    rollout = roll_out(agent, posed, SETS[name], STEPS)
    solved = successes(rollout, posed.goals, STEPS).sum()
    shown = make_planar(SOLID, SETS[name])
    panel.imshow(shown.world.background, cmap="gray", vmin=0, vmax=255, extent=(0, 40, 40, 0))
    for k, colour in enumerate(COLOURS[: len(posed.starts)]):
        rows, columns = rollout.positions[:, k].T
        panel.plot(columns, rows, ".-", color=colour, markersize=3, linewidth=1.2)
        panel.plot(columns[0], rows[0], "o", color=colour, markersize=9, fillstyle="none")
        panel.plot(posed.goals[k, 1], posed.goals[k, 0], "*", color=colour, markersize=11)
    seen = "with actions" if name == "X" else "never seen with an action"
    panel.set_title(f"set {name} ({SETS[name]}, {seen}): {solved} of {len(posed.starts)} solved", fontsize=10)
    panel.set_axis_off()


def main() -> None:
    """Plan in both sets and write the picture."""
    agent = PlanningAgent.load("pretrained/dynamics-content", name="solid")
    posed = blocked_problems()
    figure = Figure(figsize=(9, 4.7), layout="constrained")
    for panel, name in zip(figure.subplots(1, 2), SETS, strict=True):
        plot_runs(panel, agent, posed, name)
    save_figure(figure, PICTURE)


if __name__ == "__main__":
    main()
