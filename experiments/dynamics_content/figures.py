"""Pictures of a learner of the planar world: its map, its predictions, its runs."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
import torch
from matplotlib.figure import Figure
from numpy.typing import NDArray

from unknot.agents import PlanningAgent
from unknot.agents.planar_problems import Problems, make_planar, roll_out
from unknot.report import save_figure, save_gif
from unknot.representation import LocallyLinear


def save_pictures(learner: LocallyLinear, sets: Mapping[str, str], problems: Problems, folder: Path) -> None:
    """Save the latent maps, four predictions and planned runs of each set, as files and in TensorBoard.

    Args:
        learner: the learner.
        sets: the name and the appearance of each set.
        problems: of the runs; their environment is that of all pictures.
        folder: for the files.
    """
    from torch.utils.tensorboard import SummaryWriter

    env = problems.env
    farthest = int(np.linalg.norm(problems.goals - problems.starts, axis=1).argmax())
    with SummaryWriter(str(folder.parent)) as writer:
        save_figure(latent_maps(learner, sets, env), folder / "latent-maps.png", writer)
        save_figure(predictions(learner, sets, env), folder / "predictions.png", writer)
        agent = PlanningAgent(learner)
        runs = {name: roll_out(agent, problems, shown, 25).positions for name, shown in sets.items()}
        save_figure(planned_runs(runs, problems), folder / "planned-runs.png", writer)
        for name, appearance in sets.items():
            shown = make_planar(env, appearance)
            frames = _frames(runs[name][:, farthest], problems.goals[farthest], shown)
            save_gif(frames, folder / f"run-{name}.gif", writer, fps=5)


def latent_maps(
    learner: LocallyLinear, sets: Mapping[str, str], env: Mapping[str, Any], count: int = 2000
) -> Figure:
    """Plot where true positions lie in the latent space of each set (the paper's Fig. 3a).

    A point has the colour of its true position in all panels.
    """
    positions = make_planar(env).sample_free(count, np.random.default_rng(0))
    colours = np.c_[positions / 40, np.full(count, 0.5)]
    figure = Figure(figsize=(10, 3.9), layout="constrained")
    panels = figure.subplots(1, 3)
    panels[0].scatter(positions[:, 1], positions[:, 0], c=colours, s=3)
    panels[0].set(title="true positions", xlabel="column, pixels", ylabel="row, pixels")
    for panel, (name, appearance) in zip(panels[1:], sets.items(), strict=True):
        images = make_planar(env, appearance).render_factors({"position": positions})
        z = learner.encode_all(images).numpy(force=True)
        panel.scatter(z[:, 1], z[:, 0], c=colours, s=3)
        panel.set(title=f"latent map of {name} ({appearance})", xlabel="$z_1$", ylabel="$z_0$")
    for panel in panels:
        panel.set_aspect("equal")
        panel.invert_yaxis()
    figure.supxlabel("A point has the colour of its true position in all panels.", fontsize=9)
    return figure


@torch.no_grad()
def predictions(learner: LocallyLinear, sets: Mapping[str, str], env: Mapping[str, Any]) -> Figure:
    """Show the true and the predicted images after four actions, for each set (the paper's Fig. 3b and c)."""
    rng = np.random.default_rng(5)
    start = np.repeat(make_planar(env).sample_free(1, rng), 5, 0)
    actions = np.concatenate([np.zeros((1, 2)), rng.uniform(-3, 3, (4, 2))]).astype(np.float32)
    figure = Figure(figsize=(8, 6.6))
    panels = figure.subplots(4, 5)
    for row, (name, appearance) in zip((0, 2), sets.items(), strict=True):
        shown = make_planar(env, appearance)
        true = shown.render_factors({"position": shown.world.move(start, actions.astype(float))})
        before = shown.render_factors({"position": start})
        predicted = learner.predict(before, actions).numpy(force=True)
        for column in range(5):
            panels[row, column].imshow(true[column, ..., 0], cmap="gray", vmin=0, vmax=255)
            panels[row + 1, column].imshow(predicted[column, ..., 0], cmap="gray", vmin=0, vmax=1)
            title = "start" if column == 0 else f"u = ({actions[column, 0]:.1f}, {actions[column, 1]:.1f})"
            panels[row, column].set_title(title, fontsize=8)
        panels[row, 0].set_ylabel(f"{name}: true", fontsize=8)
        panels[row + 1, 0].set_ylabel(f"{name}: predicted", fontsize=8)
    for panel in panels.flat:
        panel.set(xticks=[], yticks=[])
    return figure


def planned_runs(runs: Mapping[str, NDArray[np.float64]], problems: Problems) -> Figure:
    """Plot planned runs over the map."""
    figure = Figure(figsize=(4 * len(runs), 4))
    world = make_planar(problems.env).world
    for panel, (name, positions) in zip(
        np.atleast_1d(figure.subplots(1, len(runs))), runs.items(), strict=True
    ):
        panel.imshow(world.background, cmap="gray", vmin=0, vmax=255, extent=(0, 40, 40, 0))
        for k in range(positions.shape[1]):
            panel.plot(positions[:, k, 1], positions[:, k, 0], ".-", markersize=4, linewidth=1)
        panel.plot(problems.goals[:, 1], problems.goals[:, 0], "w*", markersize=5)
        panel.set_title(f"planned from pixels, {name}")
        panel.set_axis_off()
    return figure


def _frames(positions: NDArray[np.float64], goal: NDArray[np.float64], env: Any) -> NDArray[np.uint8]:
    """Return images of a run (steps, 2) beside that of its goal (2,), four times enlarged."""
    images, wanted = (env.render_factors({"position": places})[..., 0] for places in (positions, goal[None]))
    gap = np.full((len(images), images.shape[1], 2), 255, np.uint8)
    frames = np.concatenate([images, gap, wanted.repeat(len(images), 0)], 2)
    frames = np.concatenate([frames, frames[-1:].repeat(5, 0)])
    enlarged: NDArray[np.uint8] = frames.repeat(4, 1).repeat(4, 2)
    return enlarged
