"""Grasps simulated: an object on a table, a gripper that closes and lifts, a camera."""

from collections.abc import Sequence
from enum import IntEnum
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy.spatial.transform import Rotation

from unknot.checks import shown
from unknot.envs.adapter import to_array
from unknot.envs.grasp.camera import PIXELS, View, look
from unknot.envs.grasp.gripper import OPENING, corners
from unknot.envs.grasp.objects import GraspObject
from unknot.envs.grasp.physics import MARGIN, Physics, Placement

__all__ = ["GraspWorld", "Outcome", "Placement", "Reason"]

CLOSING = 60
LIFTING = 120
"""Ticks of closing, and of lifting."""

LIFT = 0.1
"""Metres that the gripper lifts, in the first 4/5 of the lifting."""

CHECK = 15
"""Ticks of lifting between checks whether the object is lost."""

AWAY = (0.0, 0.0, -5.0, 0.0, 0.0, 0.0)
"""A gripper's pose below the table, out of sight."""


class Reason(IntEnum):
    """How an attempt ended; `sentence` gives it in words."""

    NONE = 0
    HELD = 1
    TABLE = 2
    OBJECT = 3
    MISSED = 4
    SLIPPED = 5

    @property
    def sentence(self) -> str:
        """The reason as a sentence."""
        return _SENTENCES[self]

    @property
    def collided(self) -> bool:
        """Whether the open gripper had no room, so that nothing was simulated."""
        return self in (Reason.TABLE, Reason.OBJECT)


_SENTENCES = {
    Reason.NONE: "Nothing was attempted.",
    Reason.HELD: "The object is between the fingers after lifting.",
    Reason.TABLE: "The open gripper would be in the table, or in what the object stands on.",
    Reason.OBJECT: "The open gripper would be in the object.",
    Reason.MISSED: "The fingers closed, and the object isn't between them.",
    Reason.SLIPPED: "The object was between the fingers, and was lost in lifting.",
}


class Outcome(NamedTuple):
    """The outcome of an attempt."""

    success: bool
    reason: Reason


def read_pose(pose: ArrayLike) -> NDArray[np.float64]:
    """Check a gripper's pose (6,), metres and radians.

    Raises:
        ValueError: it isn't six finite numbers.
    """
    array = to_array("pose", pose)
    if array.shape != (6,) or array.dtype.kind not in "fiu" or not np.isfinite(array).all():
        raise ValueError(f"pose must be six finite numbers, not {shown(pose)}")
    return array.astype(np.float64)


class GraspWorld:
    """A table with one of several objects at a time, for camera images and grasps.

    An attempt depends only on the placement and the pose, to the bit, not on earlier attempts. It runs in its
    own client with new bodies (see `Physics`), while the object before the camera stays as placed.

    Args:
        objects: the objects to choose from.
    """

    def __init__(self, objects: Sequence[GraspObject]) -> None:
        self.objects = tuple(objects)
        self.placement: Placement | None = None
        self._still, self._moving = Physics(), Physics()

    def place(self, object_index: int, position: ArrayLike = (0.0, 0.0), yaw: float = 0.0) -> None:
        """Put an object upright on the table, in place of the current one.

        Args:
            object_index: its index in `objects`.
            position: x and y of its middle, metres.
            yaw: its turn about z, radians.

        Raises:
            IndexError: no such object.
        """
        if object_index not in range(len(self.objects)):
            raise IndexError(f"object_index must be from 0 to {len(self.objects) - 1}, not {object_index}")
        x, y = np.asarray(position, dtype=np.float64).tolist()
        placement = Placement(int(object_index), (x, y), float(yaw))
        if placement != self.placement:
            self._still.build(self.objects[object_index], placement, AWAY)
            self.placement = placement

    def pose(self) -> tuple[GraspObject, Rotation, NDArray[np.float64]]:
        """Return the placed object, its rotation, and the origin (3,) of its own frame, metres."""
        placement = self._placed()
        thing = self.objects[placement.object_index]
        origin = np.array([*placement.position, thing.stand + MARGIN])
        return thing, Rotation.from_euler("z", placement.yaw), origin

    def collision(self, pose: ArrayLike) -> Reason:
        """Return what the open gripper would collide with: `Reason.TABLE`, `Reason.OBJECT`, or `Reason.NONE`.

        Args:
            pose: of the gripper (6,): its centre (m) and a rotation vector (rad).
        """
        self._placed()
        pose = read_pose(pose)
        if corners(pose)[:, 2].min() < 0:
            return Reason.TABLE
        physics = self._still
        physics.gripper.put(pose)
        hits_object, hits_stand = physics.collides(), physics.blocked()
        physics.gripper.put(AWAY)
        return Reason.OBJECT if hits_object else Reason.TABLE if hits_stand else Reason.NONE

    def attempt(self, pose: ArrayLike) -> Outcome:
        """Put the open gripper at a pose, close it, and lift it; the placed object stays as it is.

        Args:
            pose: of the gripper (6,): its centre (m) and a rotation vector (rad).

        Returns:
            Whether the object was between the fingers after lifting, and the reason. A pose in collision
            fails without being simulated.

        Raises:
            ValueError: the pose isn't six finite numbers.
        """
        reason = self.collision(pose)
        if reason is Reason.NONE:
            reason = self._simulate(pose)
        return Outcome(reason is Reason.HELD, reason)

    def camera(self, elevation: float, azimuth: float) -> View:
        """Return an image of the placed object without the gripper; angles in degrees (see `look`)."""
        self._placed()
        return look(self._still.bullet, self._still.object_body, elevation, azimuth)

    def picture(
        self, elevation: float, azimuth: float, pose: ArrayLike | None = None, pixels: int = 5 * PIXELS
    ) -> View:
        """Return a larger image of the placed object and, at a given pose, the open gripper."""
        self._placed()
        self._still.gripper.put(AWAY if pose is None else pose)
        picture = look(self._still.bullet, self._still.object_body, elevation, azimuth, pixels)
        self._still.gripper.put(AWAY)
        return picture

    def close(self) -> None:
        """Disconnect from the physics."""
        self._still.close()
        self._moving.close()

    def _simulate(self, pose: ArrayLike) -> Reason:
        thing, physics = self.objects[self._placed().object_index], self._moving
        physics.build(thing, self._placed(), pose, OPENING)
        gripper, start = physics.gripper, physics.object_position()[2]
        gripper.hold()
        gripper.drive(0.0)
        for _ in range(CLOSING):
            physics.step()
        if gripper.touching(physics.object_body) < 2:
            return Reason.MISSED
        for tick in range(1, LIFTING + 1):
            gripper.lift(LIFT * min(1.0, 1.25 * tick / LIFTING))
            physics.step()
            if tick % CHECK == 0 and not gripper.touching(physics.object_body):
                return Reason.SLIPPED
        lifted = physics.object_position()[2] - start > LIFT / 2
        held = lifted and gripper.touching(physics.object_body) == 2
        return Reason.HELD if held else Reason.SLIPPED

    def _placed(self) -> Placement:
        if self.placement is None:
            raise RuntimeError("no object is placed: call place() first")
        return self.placement

    def __getstate__(self) -> dict[str, Any]:
        """Return the state without the clients: a copy has its own."""
        return {"objects": self.objects, "placement": self.placement}

    def __setstate__(self, state: dict[str, Any]) -> None:
        """Connect to new clients, and place the object again."""
        self.__init__(state["objects"])  # type: ignore[misc]
        if state["placement"] is not None:
            self.place(*state["placement"])
