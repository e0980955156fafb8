"""Plot README's picture, docs/planned-runs.png, and planned-runs.gif: runs planned from pixels.

python docs/planned_runs.py

The weights are the shipped ones. The problems are the first eight random ones that a straight line does not
solve, although it shakes itself loose after a refused action, as the agent does.
"""

from collections.abc import Mapping
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure
from numpy.typing import NDArray

from unknot.agents import PlanningAgent, ShakenLineExpert
from unknot.agents.planar_problems import Problems, make_planar, roll_out, sample_problems, successes
from unknot.experiments.dynamics_content.models import SETS
from unknot.report import save_figure, save_gif

Array = NDArray[np.float64]

PICTURE = Path(__file__).with_name("planned-runs.png")
SOLID = {"collision": "solid"}
SHOWN, STEPS = 8, 40
STILL = 0.5
"""Pixels of a step within which an agent stays where it is."""
COLOURS = ("#E69F00", "#56B4E9", "#009E73", "#F0E442", "#0072B2", "#D55E00", "#CC79A7", "#FFFFFF")
"""Okabe and Ito's, which colour-blind people can tell apart; white in place of black."""


def blocked_problems() -> Problems:
    """Sample problems that a straight line does not solve, shaken loose or not."""
    posed = sample_problems("anywhere", SOLID, 80, seed=20_000)
    line = roll_out(ShakenLineExpert(), posed, "square", STEPS)
    blocked = np.flatnonzero(~successes(line, posed.goals, STEPS))[:SHOWN]
    return Problems("blocked", SOLID, posed.starts[blocked], posed.goals[blocked])


class Runs(NamedTuple):
    """What was planned at the start, and what happened, in a set of images."""

    planned: Array
    """Positions (horizon + 1, n, 2) if every planned move were made."""
    happened: Array
    """Positions (steps + 1, n, 2)."""
    solved: int


def run(agent: PlanningAgent, posed: Problems, name: str) -> Runs:
    """Let the agent act in a set of images; its first plan is read off its memory."""
    rollout = roll_out(agent, posed, SETS[name], STEPS)
    world = make_planar(SOLID, SETS[name])
    images = [world.render_factors({"position": places}) for places in (posed.starts, posed.goals)]
    _, state = agent.predict(dict(zip(("observation", "desired_goal"), images, strict=True)))
    moves = state.memory.actions.numpy(force=True).transpose(1, 0, 2)
    planned = posed.starts + np.concatenate([np.zeros((1, *posed.starts.shape)), moves.cumsum(0)])
    return Runs(planned, rollout.positions, int(successes(rollout, posed.goals, STEPS).sum()))


def plot_runs(panel: Any, posed: Problems, runs: Runs, name: str, steps: int) -> None:
    """Plot the first steps, and the agent as it looks after them: goals as stars, plans dotted."""
    world = make_planar(SOLID, SETS[name])
    agents = world.render_factors({"position": runs.happened[steps]}).max(0)
    panel.imshow(agents[..., 0], cmap="gray", vmin=0, vmax=255, extent=(0, 40, 40, 0))
    for k, colour in enumerate(COLOURS[: len(posed.starts)]):
        panel.plot(*runs.planned[:, k].T[::-1], ":", color=colour, linewidth=1)
        panel.plot(*runs.happened[: steps + 1, k].T[::-1], ".-", color=colour, markersize=3, linewidth=1.2)
        panel.plot(*posed.starts[k, ::-1], "o", color=colour, markersize=9, fillstyle="none")
        panel.plot(*posed.goals[k, ::-1], "*", color=colour, markersize=11)
    seen = "with actions" if name == "X" else "never seen with an action"
    title = f"set {name} ({SETS[name]}, {seen})"
    panel.set_title(f"{title}: {runs.solved} of {len(posed.starts)} solved", fontsize=10)
    panel.set(xlim=(0, 40), ylim=(40, 0))
    panel.set_axis_off()


def plot(posed: Problems, runs: Mapping[str, Runs], steps: int) -> Figure:
    """Plot both sets of images after some steps."""
    figure = Figure(figsize=(9, 4.7), layout="constrained")
    for panel, (name, each) in zip(figure.subplots(1, 2), runs.items(), strict=True):
        plot_runs(panel, posed, each, name, steps)
    return figure


def frame(figure: Figure) -> NDArray[np.uint8]:
    """Return a figure as an image."""
    canvas: Any = FigureCanvasAgg(figure)
    figure.set_dpi(70)
    canvas.draw()
    return np.asarray(canvas.buffer_rgba())[..., :3].copy()


def main() -> None:
    """Plan in both sets; write the picture and the animation."""
    agent = PlanningAgent.load("pretrained/dynamics-content/solid")
    posed = blocked_problems()
    runs = {name: run(agent, posed, name) for name in SETS}
    save_figure(plot(posed, runs, STEPS), PICTURE)
    moved = [np.abs(np.diff(each.happened, axis=0)).max((1, 2)) > STILL for each in runs.values()]
    last = int(np.flatnonzero(np.any(moved, axis=0)).max()) + 1
    steps = [*range(last + 1), *[last] * 5]
    save_gif([frame(plot(posed, runs, step)) for step in steps], PICTURE.with_suffix(".gif"), fps=4)


if __name__ == "__main__":
    main()
