"""Pictures of planning in mazes: a prediction, the way that was found, and policies along a run."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import gymnasium as gym
import numpy as np
import torch
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.patches import Circle
from numpy.typing import NDArray
from torch import Tensor

from unknot.agents.latent_path import LatentPathAgent
from unknot.envs.maze_world import STEPS
from unknot.experiments.controllable_factors.mazes import MAZE
from unknot.report import save_figure
from unknot.representation.latent_moves import PATCH, LatentMoves
from unknot.representation.scene_selectivity import SceneSelectivity

Pair = tuple[SceneSelectivity, LatentMoves]
EXAMPLE = 1_000_003
"""Seed of the maze that is shown."""
SHOWN = 5
"""Steps of a run that are shown, and actions whose effect is predicted."""


def save_pictures(pairs: Mapping[str, Pair], folder: Path) -> None:
    """Save the paper's Figures 5 and 6, in mazes that no training has seen.

    Args:
        pairs: the learner and the moves of the tasks "reach" and "switch".
        folder: for the files.
    """
    save_figure(prediction_and_way(*pairs["reach"]), folder / "planning.png")
    save_figure(policies(*pairs["switch"]), folder / "planning-policies.png")


@torch.no_grad()
def prediction_and_way(learner: SceneSelectivity, moves: LatentMoves) -> Figure:
    """Show a predicted effect, and a way found (Fig. 5 a and b)."""
    env = _maze("reach", STEPS)
    seen, info = env.reset(seed=EXAMPLE)
    figure = Figure(figsize=(9, 6.2))
    rows = figure.subplots(2, 3)
    scene, goal = (torch.from_numpy(seen[name])[None] for name in ("observation", "desired_goal"))
    maps, h = moves.maps_of(scene), moves.in_scene(scene, learner.encode(scene))

    actions = _open_actions(env, info, np.random.default_rng(1))
    path = moves.place(moves.imagine(maps, h, torch.tensor([actions])))[0]
    names = [env.unwrapped.simulation.actions[action] for action in actions]
    _show(rows[0, 0], seen["observation"], "(a) an image, and the actions\n" + ", ".join(names))
    _show(rows[0, 1], seen["observation"], "where h is predicted to be in it,\nstep by step")
    _plot_path(rows[0, 1], path)
    for action in actions:
        after, *_ = env.step(action)
    _show(rows[0, 2], after["observation"], "where the agent is")

    seen, _ = env.reset(seed=EXAMPLE)
    agent = LatentPathAgent(learner, moves)
    plan = agent.plan(seen)
    _show(rows[1, 0], seen["observation"], "(b) the start")
    _show(rows[1, 1], goal[0].numpy(), "the goal")
    _show(rows[1, 2], seen["observation"], "the way found in h")
    _plot_path(rows[1, 2], moves.place(plan.states[:, :, :-1])[0])
    env.close()
    return figure


@torch.no_grad()
def policies(learner: SceneSelectivity, moves: LatentMoves) -> Figure:
    """Show a run that sets a switch, and at each step the policies of the learnt variations (Fig. 6)."""
    names = (*STEPS, "toggle")
    env, seen = _near_switch(names)
    agent, state = LatentPathAgent(learner, moves), None
    figure = Figure(figsize=(2.2 * SHOWN, 6.5))
    panels = figure.subplots(1 + len(moves.moves), SHOWN, height_ratios=[2.4] + [1] * len(moves.moves))
    everything = torch.ones(1, len(names), dtype=torch.bool)
    for step in range(SHOWN):
        h = learner.encode(seen["observation"][None])
        action, state = agent.predict(seen, state)
        followed = int(state.move[0])
        _show(panels[0, step], seen["observation"], f"step {step + 1}: {names[int(action)]}")
        chances = learner.log_policy(h, moves.moves[None], everything)[0].exp()
        for row, (panel, values) in enumerate(zip(panels[1:, step], chances.numpy(), strict=True)):
            panel.bar(range(len(names)), values, color="tab:red" if row == followed else "tab:gray")
            panel.set(ylim=(0, 1), yticks=[], xticks=range(len(names)), xticklabels=[])
        panels[-1, step].set_xticklabels(names, rotation=90)
        seen, *_ = env.step(action)
    for panel, move in zip(panels[1:, 0], moves.moves.tolist(), strict=True):
        panel.set_ylabel("(" + ", ".join(f"{x:.1f}" for x in move) + ")", rotation=0, ha="right", va="center")
    env.close()
    return figure


def _maze(task: str, actions: tuple[str, ...], **options: Any) -> Any:
    return gym.make(MAZE, task=task, goal="image", actions=actions, max_steps=1000, **options)


def _near_switch(actions: tuple[str, ...]) -> tuple[Any, Mapping[str, NDArray[np.uint8]]]:
    """Find a maze whose agent is two steps along a row and a column from the switch."""
    env = _maze("switch", actions, switches=1)
    for seed in range(EXAMPLE, EXAMPLE + 1000):
        seen, info = env.reset(seed=seed)
        cells = np.argwhere(np.array([list(row) for row in env.unwrapped.scene()["layout"]]) == "o")
        if np.abs(cells[0] - info["factors"]["agent"]).sum() == 2:
            break
    return env, seen


def _open_actions(env: Any, info: Mapping[str, Any], rng: np.random.Generator) -> list[int]:
    """Sample actions that change something, each where those before lead; and go back to the start."""
    actions = []
    scene = env.unwrapped.scene()
    for _ in range(SHOWN):
        actions.append(int(rng.choice(np.flatnonzero(info["action_mask"]))))
        _, _, _, _, info = env.step(actions[-1])
    env.reset(options={"scene": scene})
    return actions


def _show(panel: Axes, image: NDArray[np.uint8], title: str) -> None:
    panel.imshow(image)
    panel.set_title(title, fontsize=9)
    panel.set_axis_off()


def _plot_path(panel: Axes, places: Tensor) -> None:
    """Plot places (steps, 2), a row and a column of squares, as a line that ends in a ring."""
    centres = PATCH * places.numpy() + PATCH / 2 - 0.5
    panel.plot(centres[:, 1], centres[:, 0], color="white", linewidth=1.5)
    panel.add_patch(Circle((centres[-1, 1], centres[-1, 0]), PATCH / 3, fill=False, color="white"))
