"""A table, an object and a gripper in a PyBullet client of their own."""

import functools
import tempfile
import weakref
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import ArrayLike, NDArray

from unknot.envs.grasp.bullet import pybullet
from unknot.envs.grasp.gripper import OPENING, Gripper, make_shapes
from unknot.envs.grasp.objects import GraspObject

__all__ = ["TICK", "Physics", "Placement"]

TICK = 1 / 240
"""Seconds of a step of physics."""

MARGIN = 0.001
"""Metres by which PyBullet thickens convex hulls; an object is placed that far above its support."""

TABLE = 0.5
"""Half the table's edge, metres."""

STAND = 0.03
"""Half the edge of a plate's stand, metres."""

RENEWAL = 100
"""Builds after which the simulation is reset, which frees the shapes of removed bodies."""

TABLE_COLOUR = (0.93, 0.92, 0.9, 1.0)
OBJECT_COLOUR = (0.78, 0.36, 0.22, 1.0)


class Placement(NamedTuple):
    """An object upright on the table."""

    object_index: int
    position: tuple[float, float]
    """x and y of its middle, metres."""
    yaw: float
    """Its turn about z, radians."""


class Shape(NamedTuple):
    """The shapes of an object in a client."""

    thing: GraspObject
    collision: int
    visual: int
    stand: int | None


class Client:
    """PyBullet's functions bound to a separate simulation, which ends with the object.

    pybullet_utils has such a class, too, but it prints a line for each client.
    """

    def __init__(self) -> None:
        self._client = pybullet.connect(pybullet.DIRECT)
        self.close = weakref.finalize(self, pybullet.disconnect, self._client)

    def __getattr__(self, name: str) -> Any:
        return functools.partial(getattr(pybullet, name), physicsClientId=self._client)


class Physics:
    """A client with a table, an object, and perhaps a gripper.

    `build` removes all bodies and makes new ones from cached shapes. The simulation then doesn't depend on
    its past: 210 attempts on 21 objects, in order, reversed and shuffled, ended in the same bits as after
    `resetSimulation`, in 15 instead of 20 ms each. Moving bodies back instead is not exact, and no faster:
    188 of the 210 ended in other bits, 3 with another outcome.
    """

    object_body: int
    table_bodies: list[int]
    gripper: Gripper

    def __init__(self) -> None:
        self.bullet = Client()
        self._renew()

    def build(
        self,
        thing: GraspObject,
        placement: Placement,
        gripper_pose: ArrayLike,
        opening: float = OPENING,
    ) -> None:
        """Put an object on the table and a gripper at a pose; nothing moves yet."""
        self._clear()
        if self._builds == RENEWAL:
            self._renew()
        self._builds += 1
        shape = self._shape(thing)
        self.table_bodies = [self._static(self._table_shape, -0.05)]
        if shape.stand is not None:
            self.table_bodies.append(self._static(shape.stand, thing.stand / 2, placement.position))
        self.object_body = self.bullet.createMultiBody(
            thing.mass,
            shape.collision,
            shape.visual,
            [*placement.position, thing.stand + MARGIN],
            pybullet.getQuaternionFromEuler([0, 0, placement.yaw]),
            thing.center_of_mass.tolist(),
        )
        self.bullet.changeDynamics(self.object_body, -1, lateralFriction=thing.friction)
        self.gripper = Gripper(self.bullet, self._gripper_shapes, gripper_pose, opening)

    def step(self) -> None:
        """Simulate one tick."""
        self.bullet.stepSimulation()

    def collides(self) -> bool:
        """Return whether the gripper is in the object."""
        return self._hits(self.object_body)

    def blocked(self) -> bool:
        """Return whether the gripper is in the stand, where there is one."""
        return any(self._hits(body) for body in self.table_bodies[1:])

    def object_position(self) -> NDArray[np.float64]:
        """Return the position of the object's centre of mass (3,)."""
        return np.array(self.bullet.getBasePositionAndOrientation(self.object_body)[0])

    def close(self) -> None:
        """Disconnect from the client; a second time does nothing."""
        self.bullet.close()

    def _hits(self, body: int) -> bool:
        return bool(self.bullet.getClosestPoints(self.gripper.body, body, 0.0))

    def _renew(self) -> None:
        self.bullet.resetSimulation()
        # Files are temporary: a later file of the same name must be read again.
        self.bullet.setPhysicsEngineParameter(enableFileCaching=0, fixedTimeStep=TICK)
        self.bullet.setGravity(0, 0, -9.81)
        self._gripper_shapes = make_shapes(self.bullet)
        self._table_shape = self._box([TABLE, TABLE, 0.05])
        self._shapes: dict[int, Shape] = {}
        self._builds = 0

    def _clear(self) -> None:
        for constraint in range(self.bullet.getNumConstraints())[::-1]:
            self.bullet.removeConstraint(self.bullet.getConstraintUniqueId(constraint))
        for body in range(self.bullet.getNumBodies())[::-1]:
            self.bullet.removeBody(self.bullet.getBodyUniqueId(body))

    def _box(self, half_edges: list[float]) -> int:
        return int(self.bullet.createCollisionShape(pybullet.GEOM_BOX, halfExtents=half_edges))

    def _static(self, shape: int, z: float, position: tuple[float, float] = (0.0, 0.0)) -> int:
        body: int = self.bullet.createMultiBody(0, shape, -1, [*position, z])
        self.bullet.changeVisualShape(body, -1, rgbaColor=TABLE_COLOUR)
        return body

    def _shape(self, thing: GraspObject) -> Shape:
        key = id(thing)  # arrays have no hash; the object is kept, so that its id stays unique
        if key not in self._shapes:
            stand = self._box([STAND, STAND, thing.stand / 2]) if thing.stand else None
            self._shapes[key] = Shape(thing, self._collision(thing), self._visual(thing), stand)
        return self._shapes[key]

    def _collision(self, thing: GraspObject) -> int:
        """Make one shape of an object's convex pieces; PyBullet reads several hulls only from a file."""
        lines, offset = [], 1
        for number, piece in enumerate(thing.pieces):
            lines.append(f"o {number}")
            lines += ["v {} {} {}".format(*vertex) for vertex in piece.tolist()]
            # PyBullet uses the hull of all vertices that a face names, so any faces do.
            lines += [f"f {k} {k + 1} {k + 2}" for k in range(offset, offset + len(piece) - 2)]
            offset += len(piece)
        with tempfile.TemporaryDirectory() as folder:
            path = Path(folder) / "pieces.obj"
            path.write_text("\n".join(lines) + "\n")
            return int(self.bullet.createCollisionShape(pybullet.GEOM_MESH, fileName=str(path)))

    def _visual(self, thing: GraspObject) -> int:
        return int(
            self.bullet.createVisualShape(pybullet.GEOM_MESH, **thing.flat_shaded, rgbaColor=OBJECT_COLOUR)
        )
