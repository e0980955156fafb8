"""Antipodal grasps of a placed object, the best first, in place of the paper's human demonstrations.

Two points of the surface are antipodal if the line through both is in the friction cone of each (Nguyen,
Constructing force-closure grasps, 1988): fingers that close along it hold. The gripper's angle about that
line is free.
"""

import numpy as np
import trimesh
from numpy.typing import NDArray
from scipy.spatial.transform import Rotation

from unknot.envs.grasp.gripper import FRICTION, OPENING
from unknot.envs.grasp.objects import GraspObject
from unknot.envs.grasp.world import GraspWorld, Reason

__all__ = ["sample_grasps"]

LINES = 64
"""Lines through the surface that are sampled at a time."""

ROUNDS = 60
"""Largest number of such samples."""

SPREAD = 0.15
"""Standard deviation of a line's angle to the normal, about two axes, radians."""

LARGEST = OPENING - 0.006
"""Largest width to grip, metres."""

ARM = 0.1
"""Metres from the centre of mass at which a grasp's quality halves: the longer the arm, the more the object's
weight turns it between the fingers."""

EPSILON = 1e-4
"""Metres from the surface at which points are tested for being outside."""

Floats = NDArray[np.float64]


def sample_grasps(world: GraspWorld, n: int, rng: np.random.Generator) -> Floats:
    """Sample grasps of the placed object for which the open gripper has room.

    They are antipodal but not tried: `GraspWorld.attempt` finds out which succeed.

    Args:
        world: a world with a placed object.
        n: how many.
        rng: the only source of randomness.

    Returns:
        Poses (n, 6) of the gripper, the best first; fewer if not enough are found.

    Raises:
        RuntimeError: nothing is placed.
    """
    thing, turn, offset = world.pose()
    poses, qualities = np.empty((0, 6)), np.empty(0)
    for _ in range(ROUNDS):
        centers, axes, quality = _antipodal(thing, rng)
        rotations = turn * _rotations(axes, rng)
        sampled = np.concatenate([turn.apply(centers) + offset, rotations.as_rotvec()], axis=1)
        free = np.array([world.collision(pose) is Reason.NONE for pose in sampled], dtype=bool)
        poses, qualities = np.concatenate([poses, sampled[free]]), np.concatenate([qualities, quality[free]])
        if len(poses) >= n:
            break
    best: Floats = poses[np.argsort(-qualities, kind="stable")[:n]]
    return best


def _antipodal(thing: GraspObject, rng: np.random.Generator) -> tuple[Floats, Floats, Floats]:
    """Sample antipodal pairs of points in the object's own frame.

    Returns:
        Their middles (k, 3), the unit directions (k, 3) from one point to the other, and their qualities from
        0 to 1 (k,): the product of the cosines at both points, less for a long arm.
    """
    points, faces = trimesh.sample.sample_surface(thing.mesh, LINES, seed=int(rng.integers(2**31)))
    normals = thing.mesh.face_normals[faces]
    directions = -normals + np.tan(SPREAD) * rng.standard_normal((LINES, 3))
    directions /= np.linalg.norm(directions, axis=1, keepdims=True)
    distances = _crossings(points, directions, thing.mesh.triangles)
    line, face = np.nonzero((distances > EPSILON) & (distances < LARGEST))
    length, direction = distances[line, face][:, None], directions[line]
    begin, end = points[line], points[line] + length * direction
    cosines = np.stack(
        [
            -(direction * normals[line]).sum(axis=1),
            (direction * thing.mesh.face_normals[face]).sum(axis=1),
        ]
    )
    friction = thing.friction * FRICTION
    good = (cosines > 1 / np.hypot(1, friction)).all(axis=0)
    good[good] = ~thing.contains((begin - EPSILON * direction)[good])
    good[good] = ~thing.contains((end + EPSILON * direction)[good])
    middle = ((begin + end) / 2)[good]
    arm = np.linalg.norm(middle - thing.center_of_mass, axis=1)
    return middle, direction[good], cosines[:, good].prod(axis=0) / (1 + arm / ARM)


def _crossings(points: Floats, directions: Floats, triangles: Floats) -> Floats:
    """Return the distance along each line (n, 3) to each triangle (f, 3, 3): (n, f), NaN without a crossing.

    Möller and Trumbore (Fast, minimum storage ray/triangle intersection, 1997).
    """
    corner, edges = triangles[:, 0], (triangles[:, 1:] - triangles[:, :1]).transpose(1, 0, 2)
    across = np.cross(directions[:, None], edges[1])
    determinant = (across * edges[0]).sum(axis=2)
    offset = points[:, None] - corner
    along = np.cross(offset, edges[0])
    with np.errstate(divide="ignore", invalid="ignore"):
        u = (offset * across).sum(axis=2) / determinant
        v = (along @ directions[:, :, None])[:, :, 0] / determinant
        distance = (along * edges[1]).sum(axis=2) / determinant
        inside = (u >= 0) & (v >= 0) & (u + v <= 1)
    return np.where(inside, distance, np.nan)


def _rotations(axes: Floats, rng: np.random.Generator) -> Rotation:
    """Return gripper rotations that close along unit axes (k, 3), turned about them at random."""
    turned = rng.standard_normal(axes.shape)
    z = np.cross(axes, turned)
    z /= np.linalg.norm(z, axis=1, keepdims=True)
    return Rotation.from_matrix(np.stack([axes, np.cross(z, axes), z], axis=2))
