"""Maps of the planar world, as data."""

from dataclasses import dataclass
from typing import Any

from unknot.checks import count, shown, within

Disc = tuple[float, float, float]
Wall = tuple[float, float, float, float]

MOST_PIXELS = 256
"""The largest height and width of a plane."""


@dataclass(frozen=True)
class PlanarMap:
    """What stands in the plane; pixel i spans [i, i + 1], so the plane is [0, size]².

    Attributes:
        obstacles: discs as (row, column, radius) in pixels; any n × 3 array is taken.
        walls: boxes as (top, left, bottom, right) in pixels; any m × 4 array is taken.
        size: height and width of the plane, and of its image, in pixels, 1 to 256.

    Raises:
        ValueError: an obstacle or a wall that is not finite, has no extent, or has not as many numbers; a
            size out of its range.
    """

    obstacles: tuple[Disc, ...] = ()
    walls: tuple[Wall, ...] = ()
    size: int = 40

    def __post_init__(self) -> None:
        """Turn any arrays into tuples, so that a map is a value: immutable, hashable, JSON."""
        count(1, size=self.size)
        within(1, MOST_PIXELS, size=self.size)
        object.__setattr__(self, "obstacles", _rows("obstacles", self.obstacles, 3))
        object.__setattr__(self, "walls", _rows("walls", self.walls, 4))
        for disc in self.obstacles:
            if disc[2] <= 0:
                raise ValueError(f"obstacles: {disc} must have a positive radius (row, column, radius)")
        for wall in self.walls:
            if wall[0] >= wall[2] or wall[1] >= wall[3]:
                raise ValueError(f"walls: {wall} must have extent (top, left, bottom, right)")


def _rows(name: str, rows: Any, width: int) -> tuple[tuple[float, ...], ...]:
    try:
        result = tuple(tuple(float(number) for number in row) for row in rows)
    except (TypeError, ValueError, OverflowError):
        raise ValueError(f"{name} must be rows of {width} numbers, not {shown(rows)}") from None
    for row in result:
        if len(row) != width or not all(abs(number) < float("inf") for number in row):
            raise ValueError(f"{name}: {shown(row)} must be {width} finite numbers")
    return result


MAPS = {
    # The published implementations' obstacles.
    "paper": PlanarMap(
        obstacles=(
            (20.5, 5.5, 2.5),
            (20.5, 13.5, 2.5),
            (20.5, 27.5, 2.5),
            (20.5, 35.5, 2.5),
            (10.5, 20.5, 2.5),
            (30.5, 20.5, 2.5),
        )
    ),
    # Two walls across the plane; the gates leave the body a pixel to each side.
    "gates": PlanarMap(
        walls=(
            (12.0, 0.0, 14.0, 8.0),
            (12.0, 13.0, 14.0, 40.0),
            (26.0, 0.0, 28.0, 27.0),
            (26.0, 32.0, 28.0, 40.0),
        )
    ),
    # A room in the lower right corner, with a door in its left wall.
    "door": PlanarMap(
        walls=(
            (18.0, 18.0, 20.0, 40.0),
            (20.0, 18.0, 28.0, 20.0),
            (33.0, 18.0, 40.0, 20.0),
        )
    ),
}
"""The fixed maps by name; `unknot.envs.planar_world.find_map` samples "random"."""
