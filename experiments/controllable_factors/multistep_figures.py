"""The picture of policies of three steps and of where they lead."""

import math
from typing import Any

import numpy as np
import torch
from matplotlib.figure import Figure
from matplotlib.offsetbox import AnnotationBbox, OffsetImage
from numpy.typing import NDArray

from unknot.envs.maze_world import STEPS
from unknot.experiments.controllable_factors.mazes import make_maze
from unknot.experiments.controllable_factors.multistep_measures import FIRST_TRIAL, HORIZON, follow
from unknot.representation.selectivity import Selectivity


@torch.no_grad()
def plot_factors(learner: Selectivity, seed: int, shown: int = 12) -> Figure:
    """Show three steps by a factor, and other factors with decoded predictions (the paper's Fig. 3)."""
    torch.manual_seed(seed)
    env = make_maze(1, "open", STEPS)
    observation, info = env.reset(seed=FIRST_TRIAL, options={"factors": {"agent": np.array([[2, 3]])}})
    start = learner.encode(observation)
    phi = learner.generate(start, 300)[0]
    frames = [observation[0]]
    frames += [seen[0] for seen, _ in follow(learner, phi[:1], env, observation, info)]
    env.close()

    figure = Figure(figsize=(10, 6))
    grid = figure.add_gridspec(HORIZON + 1, 2, width_ratios=(1, 4.5))
    for step, frame in enumerate(frames):
        panel = figure.add_subplot(grid[step, 0])
        panel.imshow(frame)
        panel.set(xticks=[], yticks=[])
        panel.set_ylabel(f"t + {step}" if step else "t", fontsize=8)
    plane = figure.add_subplot(grid[:, 1])
    axes = torch.linalg.svd(phi - phi.mean(0), full_matrices=False)[2][:2].T
    points = ((phi - phi.mean(0)) @ axes).numpy(force=True)
    plane.scatter(points[:, 0], points[:, 1], s=12, color="grey")
    reach = np.abs(points).max() + 1e-6
    picked = sorted(spread_out(points, shown), key=lambda row: math.atan2(points[row, 1], points[row, 0]))
    pictures = learner.decode(learner.step(start, phi[picked])).numpy(force=True)
    for row, picture, angle in zip(
        picked, pictures, np.linspace(-math.pi, math.pi, len(picked), endpoint=False), strict=True
    ):
        acted = row == 0
        box = AnnotationBbox(
            OffsetImage(picture, zoom=0.6),
            (points[row, 0], points[row, 1]),
            xybox=(2.3 * reach * math.cos(angle), 2.1 * reach * math.sin(angle)),
            boxcoords="data",
            bboxprops={"edgecolor": "green" if acted else "black", "linewidth": 3 if acted else 0.5},
            arrowprops={"arrowstyle": "<-", "color": "green" if acted else "grey"},
            pad=0.1,
        )
        plane.add_artist(box)
    plane.set(xlim=(-2.7 * reach, 2.7 * reach), ylim=(-2.5 * reach, 2.5 * reach), xticks=[], yticks=[])
    plane.set_title("φ(h, z), principal components, and T(h, φ), decoded; green: acted", fontsize=10)
    return figure


def spread_out(points: NDArray[np.floating[Any]], count: int) -> list[int]:
    """Choose rows of points (n, d) far apart: the first, then always the farthest from those chosen."""
    chosen = [0]
    for _ in range(min(count, len(points)) - 1):
        gaps = np.linalg.norm(points[:, None] - points[chosen], axis=-1).min(1)
        chosen.append(int(gaps.argmax()))
    return chosen
