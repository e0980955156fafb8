"""Solids made together with their convex pieces: surfaces of revolution and tubes.

To simulate a concave solid one needs convex pieces that fill it. Decomposing a mesh takes minutes and fills
half of a handle's hole; here the same corners define the mesh and the pieces, exactly and instantly. A
profile of convex polygons, turned about the z axis in flat facets, is made of wedges; a tube along a bent
line is made of straight lengths.
"""

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
import trimesh
from numpy.typing import ArrayLike, NDArray
from scipy.spatial import ConvexHull

__all__ = ["SECTORS", "Part", "radius_at", "revolve", "shell", "solid", "sweep"]

SECTORS = 16
"""Facets around a surface of revolution; on the x axis lies the middle of one, not an edge."""

SIDES = 8
"""Facets around a tube."""

Points = NDArray[np.float64]


class Part(NamedTuple):
    """A solid, in metres."""

    mesh: trimesh.Trimesh
    """Watertight, normals outward."""
    pieces: tuple[Points, ...]
    """Vertices (n, 3) of each of the convex pieces that fill it, without overlap."""

    def moved(self, transform: ArrayLike) -> "Part":
        """Return the solid after a rigid motion.

        Args:
            transform: (4, 4), homogeneous.
        """
        matrix = np.asarray(transform, dtype=np.float64)
        return Part(
            self.mesh.copy().apply_transform(matrix),
            tuple(trimesh.transform_points(piece, matrix) for piece in self.pieces),
        )


def shell(outline: ArrayLike, wall: float) -> list[Points]:
    """Return the profile of an open vessel.

    Args:
        outline: (n, 2), radius and height (m) of corners of the outside, from the middle of the bottom, where
            the radius is 0, to the rim.
        wall: thickness (m), measured across the wall.

    Returns:
        n - 1 convex quadrilaterals (4, 2), for `revolve`.
    """
    outer = np.asarray(outline, dtype=np.float64)
    steps = np.diff(outer, axis=0)
    normals = np.stack([-steps[:, 1], steps[:, 0]], axis=1) / np.linalg.norm(steps, axis=1, keepdims=True)
    before = np.concatenate([normals[:1] * [-1, 1], normals])  # the bottom goes on beyond the axis
    after = np.concatenate([normals, normals[-1:]])
    # Offset lines meet where both offsets hold: a mitre.
    mitres = (before + after) / (1 + (before * after).sum(axis=1, keepdims=True))
    inner = outer + wall * mitres
    return [np.array([outer[k], outer[k + 1], inner[k + 1], inner[k]]) for k in range(len(steps))]


def solid(outline: ArrayLike) -> list[Points]:
    """Return the profile of a solid without hollows.

    Args:
        outline: (n, 2), radius and height (m) of corners of the outside, from the edge of the bottom up;
            heights increase, radii are positive.

    Returns:
        n - 1 convex quadrilaterals (4, 2), for `revolve`.
    """
    outer = np.asarray(outline, dtype=np.float64)
    axis = outer * [0, 1]
    return [np.array([axis[k], outer[k], outer[k + 1], axis[k + 1]]) for k in range(len(outer) - 1)]


def radius_at(outline: ArrayLike, height: float) -> float:
    """Return how far from the axis an outline's facets are at a height, along the x axis."""
    outer = np.asarray(outline, dtype=np.float64)
    return float(np.interp(height, outer[:, 1], outer[:, 0]) * np.cos(np.pi / SECTORS))


def revolve(profile: Sequence[Points]) -> Part:
    """Turn a profile about the z axis.

    Args:
        profile: convex polygons (n, 2) of radii ≥ 0 and heights (m), counterclockwise. Where two touch they
            share whole edges.

    Returns:
        The solid. Each polygon is one piece if its whole turn is convex, else a wedge per facet: at
        every angle within a facet a plane cuts it in the same polygon, scaled, so that a wedge is convex.
    """
    angles = (np.arange(SECTORS + 1) + 0.5) * (2 * np.pi / SECTORS)
    pieces: list[Points] = []
    for polygon in profile:
        rings = _turned(polygon, angles)
        if _bounds_a_convex_body(polygon):
            pieces.append(_distinct(rings[:-1].reshape(-1, 3)))
        else:
            pieces += [_distinct(rings[k : k + 2].reshape(-1, 3)) for k in range(SECTORS)]
    outside = _turned(_boundary(profile), angles)  # (sectors + 1, edges, 2 ends, 3)
    low, high = outside[:, :, 0], outside[:, :, 1]
    return Part(_mesh(_quads(low[:-1], low[1:], high[1:], high[:-1])), tuple(pieces))


def sweep(path: ArrayLike, width: float, thickness: ArrayLike, ends: ArrayLike) -> Part:
    """Make a tube of elliptical section along a bent line in the x-z plane.

    Args:
        path: (n, 3), the line's corners (m), y = 0.
        width: of the section along y (m) at the start.
        thickness: of the section across the line (m); one number, or one per corner: then the width changes
            in proportion.
        ends: (2, 3), normals of the planes that cut the tube at its start and end.

    Returns:
        The solid, one piece per straight length. With constant thickness the pieces fill the mesh exactly;
        with varying thickness the sides of a bent length are not quite flat, and its piece, a convex hull,
        bulges slightly.
    """
    corners = np.asarray(path, dtype=np.float64)
    sizes = np.broadcast_to(np.asarray(thickness, dtype=np.float64), len(corners))
    steps = np.diff(corners, axis=0)
    steps /= np.linalg.norm(steps, axis=1, keepdims=True)
    cuts = np.concatenate([np.asarray(ends, float)[:1], steps[:-1] + steps[1:], np.asarray(ends, float)[1:]])
    angles = np.arange(SIDES) * (2 * np.pi / SIDES)
    across = np.cross([0.0, 1.0, 0.0], steps[0])
    ring = corners[0] + np.outer(np.cos(angles), across) * sizes[0] / 2
    ring[:, 1] += np.sin(angles) * width / 2
    rings = [_along(ring, steps[0], corners[0], cuts[0])]
    for k, step in enumerate(steps):
        ring = _along(rings[-1], step, corners[k + 1], cuts[k + 1])
        rings.append(corners[k + 1] + (ring - corners[k + 1]) * (sizes[k + 1] / sizes[k]))
    tube = np.array(rings)  # (corners, sides, 3)
    around = np.roll(tube, -1, axis=1)
    sides = _quads(tube[:-1], around[:-1], around[1:], tube[1:])
    caps = [_fan(tube[0, ::-1]), _fan(tube[-1])]
    pieces = tuple(tube[k : k + 2].reshape(-1, 3) for k in range(len(steps)))
    return Part(_mesh(np.concatenate([sides, *caps])), pieces)


def _turned(points: Points, angles: Points) -> Points:
    """Place (..., 2) radii and heights in the half planes at some angles: (angles, ..., 3)."""
    radius, height = points[..., 0], points[..., 1]
    cos, sin = (f(angles).reshape(-1, *[1] * radius.ndim) for f in (np.cos, np.sin))
    return np.stack(np.broadcast_arrays(radius * cos, radius * sin, height), axis=-1)


def _boundary(profile: Sequence[Points]) -> Points:
    """Return the edges (m, 2, 2) that no two polygons share and that are not on the axis."""
    edges = {}
    for polygon in profile:
        for start, end in zip(polygon, np.roll(polygon, -1, axis=0), strict=True):
            if start[0] > 0 or end[0] > 0:
                edges[_key(start), _key(end)] = np.array([start, end])
    return np.array([edge for (start, end), edge in edges.items() if (end, start) not in edges])


def _key(point: Points) -> tuple[float, ...]:
    return tuple(np.round(point, 9) + 0.0)


def _bounds_a_convex_body(polygon: Points) -> bool:
    mirrored = np.concatenate([polygon, polygon * [-1, 1]])
    area = 0.5 * float(np.sum(polygon[:, 0] * (np.roll(polygon[:, 1], -1) - np.roll(polygon[:, 1], 1))))
    return bool(ConvexHull(mirrored).volume < 2 * area * (1 + 1e-9))  # of a plane hull it is the area


def _distinct(points: Points) -> Points:
    return np.unique(np.round(points, 12), axis=0)


def _along(points: Points, direction: Points, origin: Points, normal: Points) -> Points:
    """Move points along a direction onto a plane."""
    return points + np.outer((origin - points) @ normal / (direction @ normal), direction)


def _fan(polygon: Points) -> Points:
    """Return a convex polygon's triangles (n - 2, 3, 3)."""
    return np.array([[polygon[0], polygon[k], polygon[k + 1]] for k in range(1, len(polygon) - 1)])


def _quads(a: Points, b: Points, c: Points, d: Points) -> Points:
    """Return the triangles (n, 3, 3) of quadrilaterals whose corners are (..., 3) each."""
    return np.stack([np.stack([a, b, c], axis=-2), np.stack([a, c, d], axis=-2)]).reshape(-1, 3, 3)


def _mesh(triangles: Points) -> trimesh.Trimesh:
    """Return triangles (n, 3, 3) as a mesh whose corners are shared; those without area are left out."""
    corners, index = np.unique(np.round(triangles.reshape(-1, 3), 9) + 0.0, axis=0, return_inverse=True)
    faces = index.reshape(-1, 3)
    proper = (faces != np.roll(faces, 1, axis=1)).all(axis=1)
    return trimesh.Trimesh(corners, faces[proper], process=False)
