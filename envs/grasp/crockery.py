"""Seven kinds of crockery, sampled from parameters.

Sizes are realistic, and each kind has a part that fits a gripper that opens 8 cm: a body, a rim, a neck, a
knob, a handle whose hole lets a finger through. A vessel closed by a cap or a lid is solid, since its inside
can't be reached or seen; it weighs as much as a half-filled one.
"""

from collections.abc import Callable
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from unknot.envs.grasp.shapes import Part, radius_at, revolve, shell, solid, sweep

__all__ = ["CROCKERY", "Piece"]

CERAMIC = 2300.0
"""Density of stoneware, kg/m³."""

HALF_TURN = np.diag([-1.0, -1.0, 1.0, 1.0])
"""About the z axis; homogeneous."""

Points = NDArray[np.float64]


class Piece(NamedTuple):
    """A piece of crockery."""

    parts: tuple[Part, ...]
    """They overlap where a handle or spout enters a wall."""
    density: float
    """kg/m³, over the whole solid."""


def bottle(rng: np.random.Generator) -> Piece:
    """Sample a bottle: a body that fits the gripper, straight or with a waist, a neck and a cap."""
    height, radius = rng.uniform(0.15, 0.24), rng.uniform(0.026, 0.037)
    neck = rng.uniform(0.3, 0.45) * radius + 0.003
    shoulder, top = rng.uniform(0.5, 0.68) * height, rng.uniform(0.76, 0.84) * height
    waist = rng.choice([1.0, rng.uniform(0.75, 0.9)])
    outline = [
        (0.94 * radius, 0.0),
        (radius, 0.004),
        (waist * radius, 0.5 * shoulder),
        (radius, shoulder),
        (0.5 * (radius + neck), shoulder + 0.6 * (top - shoulder)),
        (neck, top),
        (neck, 0.97 * height),
    ]
    cap = [(neck + 0.002, 0.92 * height), (neck + 0.002, height)]
    return Piece((revolve(solid(outline)), revolve(solid(cap))), rng.uniform(350, 800))


def bowl(rng: np.random.Generator) -> Piece:
    """Sample a bowl, to be held by its rim."""
    radius, height = rng.uniform(0.055, 0.085), rng.uniform(0.042, 0.065)
    foot = rng.uniform(0.4, 0.55) * radius
    turn = np.linspace(0.15, rng.uniform(0.8, 1.0), 4) * np.pi / 2
    arc = np.stack([foot + (radius - foot) * np.sin(turn), height * (1 - np.cos(turn))], axis=1)
    outline = np.concatenate([[(0.0, 0.0), (foot, 0.0)], arc])
    return Piece((revolve(shell(outline, rng.uniform(0.004, 0.006))),), CERAMIC)


def cup(rng: np.random.Generator) -> Piece:
    """Sample a cup without a handle."""
    height, radius = rng.uniform(0.065, 0.11), rng.uniform(0.031, 0.044)
    foot, belly = rng.uniform(0.6, 0.9) * radius, rng.uniform(0.9, 1.05) * radius
    outline = [(0.0, 0.0), (foot, 0.0), (belly, rng.uniform(0.35, 0.55) * height), (radius, height)]
    return Piece((revolve(shell(outline, rng.uniform(0.003, 0.005))),), CERAMIC)


def plate(rng: np.random.Generator) -> Piece:
    """Sample a plate: a well on a foot, and a rim that stands away from the table."""
    radius, foot = rng.uniform(0.08, 0.115), rng.uniform(0.007, 0.011)
    ring, well = rng.uniform(0.45, 0.58) * radius, rng.uniform(0.64, 0.74) * radius
    rim, wall = rng.uniform(0.022, 0.034), rng.uniform(0.004, 0.0055)
    outline = np.array(
        [(0, foot), (ring - wall, foot), (ring, foot), (well, foot + 0.002), (radius, rim)], dtype=float
    )
    below = np.array([(ring - wall, 0), (ring, 0), outline[2], outline[1]])
    return Piece((revolve([*shell(outline, wall), below]),), CERAMIC)


def mug(rng: np.random.Generator) -> Piece:
    """Sample a mug: nearly straight, with one handle."""
    height, radius = rng.uniform(0.08, 0.11), rng.uniform(0.034, 0.043)
    foot, wall = rng.uniform(0.85, 1.0) * radius, rng.uniform(0.0035, 0.005)
    outline = np.array([(0, 0), (foot, 0), (radius, rng.uniform(0.2, 0.5) * height), (radius, height)])
    low, high = rng.uniform(0.14, 0.22) * height, rng.uniform(0.78, 0.88) * height
    loop = _handle(rng, outline, wall, low, high, reach=rng.uniform(0.032, 0.042))
    return Piece((revolve(shell(outline, wall)), loop), CERAMIC)


def sugarbowl(rng: np.random.Generator) -> Piece:
    """Sample a sugar bowl: a belly, most with a lid, most with two small handles."""
    outline, wall = _belly(rng, radius=(0.038, 0.052), height=(0.055, 0.08), neck=(0.7, 0.85))
    body, density = _vessel(rng, outline, wall, lid=rng.uniform() < 0.6)
    if rng.uniform() < 0.3:
        return Piece((body,), density)
    height = outline[-1, 1]
    loop = _handle(rng, outline, wall, 0.32 * height, 0.85 * height, reach=rng.uniform(0.022, 0.028))
    return Piece((body, loop, loop.moved(HALF_TURN)), density)


def teapot(rng: np.random.Generator) -> Piece:
    """Sample a teapot: a belly, a handle, a spout, most with a lid."""
    outline, wall = _belly(rng, radius=(0.048, 0.064), height=(0.085, 0.115), neck=(0.45, 0.65))
    body, density = _vessel(rng, outline, wall, lid=rng.uniform() < 0.8)
    height = outline[-1, 1]
    low, high = 0.22 * height, 0.86 * height
    loop = _handle(rng, outline, wall, low, high, reach=rng.uniform(0.036, 0.046)).moved(HALF_TURN)
    return Piece((body, loop, _spout(rng, outline, wall)), density)


def _belly(
    rng: np.random.Generator,
    radius: tuple[float, float],
    height: tuple[float, float],
    neck: tuple[float, float],
) -> tuple[Points, float]:
    """Return a bellied outline from the middle of the bottom to the rim, and its wall's thickness."""
    widest, top = rng.uniform(*radius), rng.uniform(*height)
    foot, opening, middle = rng.uniform(0.55, 0.75), rng.uniform(*neck), rng.uniform(0.4, 0.55)
    radii = widest * np.array([0, foot, 0.5 * foot + 0.48, 1, 0.5 * opening + 0.45, opening])
    heights = top * np.array([0, 0, 0.4 * middle, middle, 0.55 * middle + 0.45, 1])
    return np.stack([radii, heights], axis=1), rng.uniform(0.004, 0.005)


def _vessel(rng: np.random.Generator, outline: Points, wall: float, lid: bool) -> tuple[Part, float]:
    """Return a body, open or closed by a lid with a knob, and the density of the whole."""
    if not lid:
        return revolve(shell(outline, wall)), CERAMIC
    rim, top = outline[-1]
    knob, dome = rng.uniform(0.009, 0.013), rng.uniform(0.008, 0.014)
    stem = top + dome + 0.006
    cover = [
        (0.65 * rim, top + 0.7 * dome),
        (0.006, top + dome),
        (0.006, stem),
        (knob, stem + 0.006),
        (knob, stem + 0.012),
        (0.5 * knob, stem + 0.017),
    ]
    return revolve(solid(np.concatenate([outline[1:], cover]))), rng.uniform(450, 800)


def _handle(
    rng: np.random.Generator, outline: Points, wall: float, low: float, high: float, reach: float
) -> Part:
    """Return a handle on the +x side, half an ellipse whose ends are inside the wall at two heights."""
    turn = np.linspace(0, np.pi, 8)
    share = 0.5 * (1 + np.cos(turn))  # 1 at the upper end
    inside = radius_at(outline, low) * (1 - share) + radius_at(outline, high) * share - 0.5 * wall
    path = np.stack([inside + reach * np.sin(turn), 0 * turn, low + (high - low) * share], axis=1)
    thickness, width = rng.uniform(0.007, 0.009), rng.uniform(0.009, 0.014)
    return sweep(path, width, thickness, ends=[(1, 0, 0), (-1, 0, 0)])


def _spout(rng: np.random.Generator, outline: Points, wall: float) -> Part:
    """Return a spout on the +x side that gets narrower; it is solid, since no finger fits in."""
    height, belly = outline[-1, 1], outline[:, 0].max()
    low, end = 0.42 * height, rng.uniform(0.92, 1.02) * height
    start = radius_at(outline, low) - wall - 0.002
    out = belly + rng.uniform(0.038, 0.052)
    path = [
        (start, 0, low),
        (belly + 0.012, 0, low + 0.18 * (end - low)),
        (out - 0.014, 0, low + 0.6 * (end - low)),
        (out, 0, end),
    ]
    base, tip = rng.uniform(0.024, 0.030), rng.uniform(0.012, 0.016)
    return sweep(path, base, np.linspace(base, tip, 4), ends=[(1, 0, 0), (1, 0, 1)])


CROCKERY: dict[str, Callable[[np.random.Generator], Piece]] = {
    "bottle": bottle,
    "bowl": bowl,
    "cup": cup,
    "plate": plate,
    "mug": mug,
    "sugarbowl": sugarbowl,
    "teapot": teapot,
}
"""By category, the function that samples one, in the paper's order."""
