"""Pictures of what the nets imagine and plan (the paper's Figs. 2 and 3)."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import torch
from matplotlib.figure import Figure
from numpy.typing import NDArray
from torch import Tensor

from unknot.agents.grasp_batches import Grasps, observe
from unknot.agents.grasp_problems import Problem, opened, place, sample_problems, stepwise
from unknot.envs.grasp.shards import GraspShard
from unknot.envs.grasp.world import GraspWorld
from unknot.report import save_figure, save_gif
from unknot.representation.grasp_net import CELLS, FAR, NEAR, GraspNet, local_hits
from unknot.representation.projection import Sight, cast, image_places, pixel_rays

SHOWN = 7
"""The most objects in a picture: one of each category."""
VIEWS = (1, 3)
"""The view that the net sees, and another that its grid is projected to."""
DEPTHS = (0.4, 0.85)
"""The range of depth that is shown, in metres."""
HELD, FAILED = (40, 160, 70), (200, 50, 40)
"""Colours of the frame around a grasp that holds, and one that fails."""


def save_pictures(nets: Mapping[str, GraspNet], data: Mapping[str, Grasps], folder: Path, seed: int) -> None:
    """Save geometry of trained and of novel objects, the steps of plans, and an animation of them."""
    for name in ("train", "test"):
        save_figure(plot_geometry(nets["geometry"], data[name].shards), folder / f"geometry-{name}.png")
    problems = sample_problems(_one_of_each(data["test"].shards), SHOWN, 1)
    with opened(data["test"].objects) as world:
        save_figure(plot_plans(nets, problems, world, seed), folder / "plans.png")
        paths = zip(problems, stepwise(nets["geometry"], problems, seed), strict=True)
        frames = [frame for problem, poses in paths for frame in _frames(world, problem, poses)]
        save_gif(frames, folder / "plan.gif", fps=2)


@torch.no_grad()
def plot_geometry(net: GraspNet, shards: Sequence[GraspShard]) -> Figure:
    """Show views, and what is imagined from there, from elsewhere and from a gripper (Fig. 2)."""
    chosen = _one_of_each(shards)
    figure = Figure(figsize=(10, 1.5 * len(chosen)))
    panels = figure.subplots(len(chosen), 6, squeeze=False)
    here, there = VIEWS
    for row, shard in zip(panels, chosen, strict=True):
        features = net.observe(observe([shard], [here]))
        grasp = torch.from_numpy(shard.pose[shard.success][:1])[None]
        _, hits = local_hits(features, grasp)
        assert features.occupancy is not None
        imagined = [
            project(features.occupancy, features.sight, torch.from_numpy(shard.view[v])) for v in VIEWS
        ]
        row[0].imshow(shard.image[here])
        for panel, depth in zip(
            row[1:5], (shard.depth[here], imagined[0], shard.depth[there], imagined[1]), strict=True
        ):
            panel.imshow(depth, vmin=DEPTHS[0], vmax=DEPTHS[1], cmap="viridis")
        row[5].imshow(hits.expected_depth(FAR).view(8, 16), vmin=NEAR, vmax=FAR, cmap="viridis")
        row[0].set_ylabel(shard.name, fontsize=7)
    titles = ("seen", "depth", "imagined", "depth elsewhere", "imagined there", "from a gripper")
    for panel, title in zip(panels[0], titles, strict=True):
        panel.set_title(title, fontsize=8)
    for panel in panels.flat:
        panel.set(xticks=[], yticks=[])
    return figure


def project(occupancy: Tensor, sight: Sight, view: Tensor) -> NDArray[np.float32]:
    """Return the depth (64, 64) that a camera of view (4, 4) sees of an imagined grid (1, 32, 32, 32)."""
    rays = pixel_rays(view[None], sight.projection, image_places(64, 64).view(1, -1, 2))
    depth = torch.linspace(*DEPTHS, 2 * CELLS).view(1, 1, -1)
    hits = cast(sight.frustum.sample(occupancy, rays.points(depth)), depth)
    seen: NDArray[np.float32] = hits.expected_depth(DEPTHS[1]).view(64, 64).numpy()
    return seen


def plot_plans(
    nets: Mapping[str, GraspNet], problems: Sequence[Problem], world: GraspWorld, seed: int
) -> Figure:
    """Show each net's search from failed grasps: its start, its middle and its end (Fig. 3)."""
    figure = Figure(figsize=(1.5 * 3 * len(nets), 1.5 * len(problems)))
    panels = figure.subplots(len(problems), 3 * len(nets), squeeze=False)
    for column, (name, net) in enumerate(nets.items()):
        for row, (problem, poses) in enumerate(zip(problems, stepwise(net, problems, seed), strict=True)):
            frames = _frames(world, problem, poses)
            for k, frame in enumerate((0, len(frames) // 2, -1)):
                panel = panels[row, 3 * column + k]
                panel.imshow(frames[frame])
                panel.axis("off")
        panels[0, 3 * column].set_title(name, fontsize=8, loc="left")
    return figure


def _frames(world: GraspWorld, problem: Problem, poses: NDArray[np.float32]) -> list[NDArray[np.uint8]]:
    """Return pictures of grasps in turn until one holds, framed by whether it does."""
    place(world, problem.shard)
    frames = []
    for pose in poses:
        held = world.attempt(pose).success
        picture = world.picture(35, 30, pose, 160).image
        framed = np.full_like(picture, HELD if held else FAILED)
        framed[4:-4, 4:-4] = picture[4:-4, 4:-4]
        frames.append(framed)
        if held:
            break
    return frames


def _one_of_each(shards: Sequence[GraspShard]) -> list[GraspShard]:
    """Return the first placement of each category."""
    first: dict[str, Any] = {}
    for shard in shards:
        first.setdefault(shard.category, shard)
    return list(first.values())[:SHOWN]
