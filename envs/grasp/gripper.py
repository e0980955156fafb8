"""The parallel-jaw gripper: a palm and two fingers, three boxes that float.

Its pose is float (6,): the position of its centre in the world (metres) and a rotation vector (radians). The
centre lies between the fingertips. In its own frame the fingers point along -z and close along x, as a camera
looks along -z with x to its right; unrotated, it points straight down.
"""

from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy.spatial.transform import Rotation

from unknot.envs.grasp.bullet import pybullet

__all__ = ["OPENING", "Gripper", "corners"]

OPENING = 0.08
"""Metres between the open fingers."""

PALM = (0.055, 0.012, 0.015)
FINGER = (0.004, 0.009, 0.03)
"""Half the edge lengths of the boxes, metres."""

FINGERS = (0, 1)
"""The links that are fingers; the palm is the base."""

TIP = 0.012
"""How far (m) the fingers reach beyond the centre."""

FRICTION = 1.0
"""Of the fingers. PyBullet multiplies it by the object's."""

GRIP = 20.0
"""The force (N) of each finger."""

HOLD = 200.0
"""The force (N) that holds the palm at its target."""

CLOSING_SPEED = 0.2
"""Of each finger, m/s."""

COUPLING = 0.1
"""The share of an asymmetry between the fingers that a step of physics removes."""

COLOUR = (0.25, 0.27, 0.3, 1.0)

PALM_Z = 2 * FINGER[2] - TIP + PALM[2]
FINGER_Z = FINGER[2] - TIP
FINGER_X = OPENING / 2 + FINGER[0]

Floats = NDArray[np.float64]


def corners(pose: ArrayLike) -> Floats:
    """Return the corners (24, 3) of the open gripper's boxes, in the world."""
    unit = np.stack(np.meshgrid(*[[-1.0, 1.0]] * 3, indexing="ij"), axis=-1).reshape(-1, 3)
    centers = np.array([[0, 0, PALM_Z], [-FINGER_X, 0, FINGER_Z], [FINGER_X, 0, FINGER_Z]])
    boxes = centers[:, None] + unit * np.array([PALM, FINGER, FINGER])[:, None]
    position, rotation = _split(pose)
    return np.asarray(position + rotation.apply(boxes.reshape(-1, 3)))


class Gripper:
    """A gripper in a PyBullet client.

    Args:
        bullet: the client.
        shapes: of the palm and of a finger, made by `make_shapes`.
        pose: its first pose (6,).
        opening: metres between its fingers.
    """

    def __init__(
        self, bullet: Any, shapes: tuple[int, int], pose: ArrayLike, opening: float = OPENING
    ) -> None:
        self._bullet = bullet
        palm, finger = shapes
        position, orientation = _palm(pose)
        self.body = bullet.createMultiBody(
            0.5,
            palm,
            -1,
            position,
            orientation,
            linkMasses=[0.05, 0.05],
            linkCollisionShapeIndices=[finger, finger],
            linkVisualShapeIndices=[-1, -1],
            linkPositions=[[side * FINGER_X, 0, FINGER_Z - PALM_Z] for side in (-1, 1)],
            linkOrientations=[[0, 0, 0, 1]] * 2,
            linkInertialFramePositions=[[0, 0, 0]] * 2,
            linkInertialFrameOrientations=[[0, 0, 0, 1]] * 2,
            linkParentIndices=[0, 0],
            linkJointTypes=[pybullet.JOINT_PRISMATIC] * 2,
            linkJointAxis=[[1, 0, 0], [-1, 0, 0]],
        )
        for link in (-1, *FINGERS):
            bullet.changeDynamics(self.body, link, lateralFriction=FRICTION, linearDamping=0)
            bullet.changeVisualShape(self.body, link, rgbaColor=COLOUR)
        for finger in FINGERS:
            bullet.resetJointState(self.body, finger, (OPENING - opening) / 2)

    def hold(self) -> None:
        """Begin to hold the palm where it is, and the fingers equally far from the middle."""
        self._begin = position, orientation = self._bullet.getBasePositionAndOrientation(self.body)
        self._anchor = self._bullet.createConstraint(
            self.body,
            -1,
            -1,
            -1,
            pybullet.JOINT_FIXED,
            [0, 0, 0],
            [0, 0, 0],
            position,
            [0, 0, 0, 1],
            orientation,
        )
        self._bullet.changeConstraint(self._anchor, maxForce=HOLD)
        gear = self._bullet.createConstraint(
            self.body, 0, self.body, 1, pybullet.JOINT_GEAR, [1, 0, 0], [0, 0, 0], [0, 0, 0]
        )
        self._bullet.changeConstraint(gear, gearRatio=-1, maxForce=100, erp=COUPLING)

    def move(self, pose: ArrayLike) -> None:
        """Set the target pose of the palm, after `hold`."""
        position, orientation = _palm(pose)
        self._bullet.changeConstraint(self._anchor, position, orientation, maxForce=HOLD)

    def lift(self, height: float) -> None:
        """Set the target of the palm, after `hold`, to a height (m) above its pose at that time."""
        (x, y, z), orientation = self._begin
        self._bullet.changeConstraint(self._anchor, [x, y, z + height], orientation, maxForce=HOLD)

    def put(self, pose: ArrayLike) -> None:
        """Move it to a pose instantly."""
        self._bullet.resetBasePositionAndOrientation(self.body, *_palm(pose))

    def drive(self, opening: float) -> None:
        """Drive the fingers, until the next call, towards an opening in metres."""
        for finger in FINGERS:
            self._bullet.setJointMotorControl2(
                self.body,
                finger,
                pybullet.POSITION_CONTROL,
                targetPosition=(OPENING - opening) / 2,
                maxVelocity=CLOSING_SPEED,
                force=GRIP,
            )

    @property
    def pose(self) -> Floats:
        """Its pose (6,)."""
        position, orientation = self._bullet.getBasePositionAndOrientation(self.body)
        rotation = Rotation.from_quat(orientation)
        return np.concatenate([position - rotation.apply([0, 0, PALM_Z]), rotation.as_rotvec()])

    @property
    def opening(self) -> float:
        """Metres between its fingers."""
        states = self._bullet.getJointStates(self.body, FINGERS)
        return OPENING - sum(float(state[0]) for state in states)

    def touching(self, body: int) -> int:
        """Return how many of its fingers touched a body in the last step of physics."""
        return sum(bool(self._bullet.getContactPoints(self.body, body, finger)) for finger in FINGERS)


def make_shapes(bullet: Any) -> tuple[int, int]:
    """Make the collision shapes of the palm and of a finger in a client."""
    palm, finger = (bullet.createCollisionShape(pybullet.GEOM_BOX, halfExtents=box) for box in (PALM, FINGER))
    return palm, finger


def _split(pose: ArrayLike) -> tuple[Floats, Rotation]:
    pose = np.asarray(pose, dtype=np.float64)
    return pose[:3], Rotation.from_rotvec(pose[3:])


def _palm(pose: ArrayLike) -> tuple[list[float], list[float]]:
    """Return the position of the palm's middle, and its orientation, a quaternion (x, y, z, w)."""
    position, rotation = _split(pose)
    return (position + rotation.apply([0, 0, PALM_Z])).tolist(), rotation.as_quat().tolist()
