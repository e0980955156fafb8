"""Render the contact sheet of the 101 grasp objects: docs/grasp-objects.png.

python docs/grasp_objects.py
"""

from pathlib import Path

import numpy as np
from matplotlib import pyplot
from matplotlib.patches import Rectangle
from numpy.typing import NDArray

from unknot.envs.grasp.objects import CATEGORIES, make_objects
from unknot.envs.grasp.world import GraspWorld
from unknot.report import save_figure

SHEET = Path(__file__).with_name("grasp-objects.png")
ELEVATION, AZIMUTH = 30.0, 60.0
PIXELS = 240
TILE = slice(14, 190), slice(34, 206)
"""The part of a picture that contains every object."""


def render() -> None:
    """Render a row for each category; blue frames mark the test split."""
    objects = make_objects()
    test = {thing.name for thing in make_objects("test")}
    world = GraspWorld(objects)
    rows = [[k for k, thing in enumerate(objects) if thing.category == name] for name in CATEGORIES]
    figure, axes = pyplot.subplots(len(rows), max(map(len, rows)), figsize=(15, 7.4))
    for row, category, numbers in zip(axes, CATEGORIES, rows, strict=True):
        for axis in row:
            axis.axis("off")
        row[0].set_title(category, loc="left", fontsize=9, pad=3)
        for axis, number in zip(row, numbers, strict=False):
            axis.imshow(tile(world, number))
            if objects[number].name in test:
                frame = Rectangle((0, 0), 171, 175, fill=False, edgecolor="tab:blue", linewidth=2)
                axis.add_patch(frame)
    figure.subplots_adjust(0, 0, 1, 0.97, wspace=0.03, hspace=0.16)
    save_figure(figure, SHEET)
    world.close()


def tile(world: GraspWorld, number: int) -> NDArray[np.uint8]:
    """Return a picture (176, 172, 3) of an object on the table."""
    world.place(number)
    return world.picture(ELEVATION, AZIMUTH, pixels=PIXELS).image[TILE]


if __name__ == "__main__":
    render()
