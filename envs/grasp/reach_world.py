"""A table over time: a gripper that moves step by step."""

from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy.spatial.transform import Rotation

from unknot.envs.grasp.gripper import OPENING
from unknot.envs.grasp.objects import GraspObject
from unknot.envs.grasp.physics import Physics, Placement

__all__ = ["ReachWorld"]

TICKS = 12
"""Ticks of physics per step: 0.05 s."""

LOW, HIGH = np.array([-0.25, -0.25, 0.0]), np.array([0.25, 0.25, 0.35])
"""The range of the gripper's target position, metres."""

Floats = NDArray[np.float64]


class ReachWorld:
    """An object on a table, and a gripper that moves.

    PyBullet can't save contacts exactly, but equal beginnings and equal actions give equal bits. So a world
    keeps its beginning and its actions, and a copy repeats them.

    Args:
        thing: the object on the table.
        placement: its placement.
        pose: the gripper's (6,): its centre (m) and a rotation vector (rad).
        opening: metres between its fingers.
    """

    def __init__(
        self, thing: GraspObject, placement: Placement, pose: ArrayLike, opening: float = OPENING
    ) -> None:
        self.physics = Physics()
        self.begin(thing, placement, pose, opening)

    def begin(
        self, thing: GraspObject, placement: Placement, pose: ArrayLike, opening: float = OPENING
    ) -> None:
        """Begin again; the arguments are those of the class."""
        self.physics.build(thing, placement, pose, opening)
        self.physics.gripper.hold()
        self.start = (thing, placement, np.array(pose, dtype=np.float64), float(opening))
        self.actions: list[Floats] = []
        self._target = self.start[2]
        self._first_height = self.physics.object_position()[2]

    def act(self, action: Floats) -> None:
        """Move the gripper for one step.

        Args:
            action: (7,): the offset (m) and the turn (a rotation vector, rad) in the world; the fingers open
                if the last number is at least 0, and close otherwise.
        """
        physics, begin = self.physics, self._target
        turn, rotation = action[3:6], Rotation.from_rotvec(begin[3:])
        end = np.clip(begin[:3] + action[:3], LOW, HIGH)
        physics.gripper.drive(OPENING if action[6] >= 0 else 0.0)
        for share in np.arange(1, TICKS + 1) / TICKS:
            turned = (Rotation.from_rotvec(share * turn) * rotation).as_rotvec()
            self._target = np.concatenate([begin[:3] + share * (end - begin[:3]), turned])
            physics.gripper.move(self._target)
            physics.step()
        self.actions.append(action.copy())

    @property
    def lifted(self) -> float:
        """The object's height above its first position, metres."""
        return float(self.physics.object_position()[2] - self._first_height)

    @property
    def gripped(self) -> bool:
        """Whether both fingers touch the object."""
        return self.physics.gripper.touching(self.physics.object_body) == 2

    @property
    def distance(self) -> float:
        """From the gripper's centre to the object's centre of mass, metres."""
        return float(np.linalg.norm(self.physics.gripper.pose[:3] - self.physics.object_position()))

    def __getstate__(self) -> dict[str, Any]:
        """Return the beginning and the actions since."""
        return {"start": self.start, "actions": self.actions}

    def __setstate__(self, state: dict[str, Any]) -> None:
        """Repeat the actions from the beginning."""
        self.__init__(*state["start"])  # type: ignore[misc]
        for action in state["actions"]:
            self.act(action)
