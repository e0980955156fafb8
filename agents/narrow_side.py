"""The trivial baseline of grasping: close from above on what is seen, across its narrow side."""

from typing import Any

import numpy as np
from numpy.typing import NDArray

from unknot.envs.grasp.gripper import OPENING
from unknot.representation.projection import look

from .grasping import Observation, batched

__all__ = ["NarrowSideAgent", "close_on"]

PIXELS = 64
"""Side of the crop whose points are looked at."""
WIDEST = OPENING - 0.01
"""Largest seen width, metres, to close on; anything wider is gripped by its rim."""
REACH = 0.035
"""Largest depth of the gripper's centre below the highest point, metres; deeper, the palm is in the way."""
RIM = 0.01
"""Depth of the gripper's centre below a rim, and of the points that belong to the rim, metres."""
ANGLES = np.pi * np.arange(36) / 36
"""Directions across which the width is measured, radians."""


class NarrowSideAgent:
    """Closes from above on the middle of the seen points, across their narrow side.

    It knows no net and has no state. It has the interface of Stable-Baselines3's models and takes the
    observations of `unknot/Grasp-v0`; `ReachAgent` steers to the grasps that it plans.
    """

    def predict(
        self,
        observation: Observation,
        state: Any = None,
        episode_start: Any = None,
        deterministic: bool = True,
    ) -> tuple[NDArray[np.float32], Any]:
        """Return poses, and no state, as Stable-Baselines3's models do.

        Args:
            observation: `image`, `depth`, `view` and `projection`, as `unknot/Grasp-v0` gives them, of n
                environments or of one.
            state: ignored; kept for the Stable-Baselines3 interface.
            episode_start: ignored; kept for the Stable-Baselines3 interface.
            deterministic: ignored; kept for the Stable-Baselines3 interface.

        Returns:
            float32 (n, 6), or (6,) for one: the gripper's centre in metres and a rotation vector; and None.

        Raises:
            ValueError: the observation doesn't fit.
        """
        batch, single = batched(observation)
        sight = look(batch, PIXELS)
        shown = sight.image[:, 3].flatten(1) > 0.5
        shown |= ~shown.any(1, keepdim=True)  # nothing is on the table: all that is seen
        seen = zip(sight.points, shown, strict=True)
        poses = np.stack([close_on(points[rows].double().numpy()) for points, rows in seen])
        return (poses[0] if single else poses).astype(np.float32), None


def close_on(points: NDArray[np.float64]) -> NDArray[np.float64]:
    """Return the pose (6,) that closes on points (n, 3): across their narrow side, on the rim if wide."""
    axes = np.stack([np.cos(ANGLES), np.sin(ANGLES)])
    across = points[:, :2] @ axes
    width = np.ptp(across, axis=0)
    narrow, top = int(width.argmin()), points[:, 2].max()
    if width[narrow] < WIDEST:
        turn = np.array([axes[:, narrow], [-axes[1, narrow], axes[0, narrow]]])
        place = _middle(points[:, :2] @ turn.T) @ turn
        return np.array([*place, max(np.median(points[:, 2]), top - REACH), 0, 0, ANGLES[narrow]])
    rim = points[points[:, 2] > top - RIM, :2]
    outward = rim - _middle(rim)
    farthest = np.linalg.norm(outward, axis=1).argmax()
    return np.array([*rim[farthest], top - RIM, 0, 0, np.arctan2(*outward[farthest][::-1])])


def _middle(points: NDArray[np.float64]) -> NDArray[np.float64]:
    """Return the middle (d,) of the smallest box around points (n, d)."""
    middle: NDArray[np.float64] = (points.min(axis=0) + points.max(axis=0)) / 2
    return middle
