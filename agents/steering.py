"""From a grasp to the actions that carry it out, in `unknot/GraspReach-v0`."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import TypeVar

import numpy as np
from numpy.typing import NDArray
from scipy.spatial.transform import Rotation

from unknot.envs.grasp.reach import HOME, LIFT, MOVE, TURN

__all__ = ["Course", "advance", "steer"]

ABOVE = 0.08
"""Metres that the gripper backs off from a grasp, along its fingers, before it goes there."""
CLOSING = 8
"""Steps in which the fingers close."""
RISING = 0.01
"""Metres that it rises in a step once they have."""
OPEN, CLOSE = 1.0, -1.0

Floats = NDArray[np.float64]


@dataclass(frozen=True)
class Course:
    """What is to be done in one environment, and how much of it has been."""

    actions: Floats
    """(steps, 7)"""
    taken: int = 0


AnyCourse = TypeVar("AnyCourse", bound=Course)


def advance(courses: Sequence[AnyCourse]) -> tuple[NDArray[np.float32], list[AnyCourse]]:
    """Return the next actions (n, 7) of n courses, the last one once a course has ended, and what follows."""
    actions = [course.actions[min(course.taken, len(course.actions) - 1)] for course in courses]
    return np.array(actions, np.float32), [replace(course, taken=course.taken + 1) for course in courses]


def steer(pose: Floats) -> Floats:
    """Return actions (steps, 7) from where episodes begin to a grasp, and up with what is held.

    The gripper turns, and moves over the place from where it goes along its own fingers.

    Args:
        pose: of the gripper (6,), metres and a rotation vector.
    """
    turn = Rotation.from_rotvec(pose[3:])
    turned = turn * Rotation.from_euler("z", np.pi)  # the same grasp, its fingers exchanged
    turn = min(turn, turned, key=lambda rotation: float(rotation.magnitude()))
    off = pose[:3] + turn.apply([0, 0, ABOVE])
    over = np.array([*off[:2], max(HOME[2], off[2])])
    places = [np.array(HOME[:3]), over, off, pose[:3]]
    turns = [turn.as_rotvec(), np.zeros(3), np.zeros(3)]
    parts = [
        _evenly(end - begin, rotation)
        for begin, end, rotation in zip(places[:-1], places[1:], turns, strict=True)
    ]
    rise = np.zeros((round(2 * LIFT / RISING), 7))
    rise[:, 2], rise[:, 6] = RISING, CLOSE
    close = np.zeros((CLOSING, 7))
    close[:, 6] = CLOSE
    stay = close[:1]  # goes on to the end of the episode
    return np.concatenate([*parts, close, rise, stay])


def _evenly(offset: Floats, turn: Floats) -> Floats:
    """Return as few open-handed actions (steps, 7) as an offset (3,) and a turn (3,) need."""
    whole = np.array([*offset, *turn, OPEN])
    steps = max(1, int(np.ceil(np.abs(whole[:6] / ([MOVE] * 3 + [TURN] * 3)).max() - 1e-9)))
    whole[:6] /= steps
    return np.tile(whole, (steps, 1))
