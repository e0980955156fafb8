"""From a grasp to actions that carry it out, in `unknot/GraspReach-v0`."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import TypeVar

import numpy as np
from numpy.typing import NDArray
from scipy.spatial.transform import Rotation

from unknot.envs.grasp.reach import HOME, LIFT, MOVE, TURN

__all__ = ["Course", "advance", "steer"]

APPROACH = 0.08
"""Distance in metres from the grasp, along the fingers, from which the gripper approaches it."""
CLOSING = 8
"""Number of steps in which the fingers close."""
RISING = 0.01
"""Metres that the gripper rises in a step after that."""
OPEN, CLOSE = 1.0, -1.0

Floats = NDArray[np.float64]


@dataclass(frozen=True)
class Course:
    """The actions planned for one environment, and how many have been taken."""

    actions: Floats
    """(steps, 7)"""
    taken: int = 0


AnyCourse = TypeVar("AnyCourse", bound=Course)


def advance(courses: Sequence[AnyCourse]) -> tuple[NDArray[np.float32], list[AnyCourse]]:
    """Return the next actions (n, 7) of n courses, and the courses after them; the last action repeats."""
    actions = [course.actions[min(course.taken, len(course.actions) - 1)] for course in courses]
    return np.array(actions, np.float32), [replace(course, taken=course.taken + 1) for course in courses]


def steer(pose: Floats) -> Floats:
    """Return actions (steps, 7) from the start of an episode to a grasp, closing, and lifting.

    The gripper turns while it moves above the point of approach, then moves along its fingers to the grasp.

    Args:
        pose: the gripper's pose (6,), metres and a rotation vector.
    """
    turn = Rotation.from_rotvec(pose[3:])
    turned = turn * Rotation.from_euler("z", np.pi)  # the same grasp with exchanged fingers
    turn = min(turn, turned, key=lambda rotation: float(rotation.magnitude()))
    approach = pose[:3] + turn.apply([0, 0, APPROACH])
    above = np.array([*approach[:2], max(HOME[2], approach[2])])
    places = [np.array(HOME[:3]), above, approach, pose[:3]]
    turns = [turn.as_rotvec(), np.zeros(3), np.zeros(3)]
    parts = [
        _uniform_steps(end - begin, rotation)
        for begin, end, rotation in zip(places[:-1], places[1:], turns, strict=True)
    ]
    rise = np.zeros((round(2 * LIFT / RISING), 7))
    rise[:, 2], rise[:, 6] = RISING, CLOSE
    close = np.zeros((CLOSING, 7))
    close[:, 6] = CLOSE
    stay = close[:1]  # repeated until the episode ends
    return np.concatenate([*parts, close, rise, stay])


def _uniform_steps(offset: Floats, turn: Floats) -> Floats:
    """Split an offset (3,) and a turn (3,) into the fewest equal actions (steps, 7), the gripper open."""
    whole = np.array([*offset, *turn, OPEN])
    steps = max(1, int(np.ceil(np.abs(whole[:6] / ([MOVE] * 3 + [TURN] * 3)).max() - 1e-9)))
    whole[:6] /= steps
    return np.tile(whole, (steps, 1))
