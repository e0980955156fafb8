"""The models of the experiment, their environments, and the data that they are measured on."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from numpy.typing import NDArray

from unknot.agents.planar_problems import make_planar
from unknot.representation import E2C, RCE, LocallyLinear

SETS = {"X": "square", "Y": "cross"}
"""The paper's sets of images, and the agent's appearance in each."""
CAMERAS = {"X": "square", "Y": "oblique"}
"""The sets of its introduction: one system seen from different angles."""
HELD_OUT = 500
"""Triples on which reconstruction and prediction are measured."""


@dataclass(frozen=True)
class Model:
    """A learner and its data."""

    part: str
    """The field of `Settings` that counts its seeds."""
    learner: type[LocallyLinear] = RCE
    content_dim: int = 2
    passive: bool = True
    """Whether it also learns from the action-less images of Y."""
    sets: Mapping[str, str] = field(default_factory=lambda: SETS)
    """The appearances of X and Y."""
    env: Mapping[str, Any] = field(default_factory=dict)
    """Keyword arguments of the environment."""
    options: Mapping[str, Any] = field(default_factory=dict)
    """Keyword arguments of the learner."""
    effort: int = 1
    """Multiple of the settings' steps that it is trained for."""


MODELS: dict[str, Model] = {
    "published": Model("split"),
    "solid": Model("solid", env={"collision": "solid"}, effort=4),
    "rce-x": Model("baselines", content_dim=0, passive=False),
    "rce-xy": Model("baselines", content_dim=0),
    "e2c-x": Model("baselines", E2C, content_dim=0, passive=False),
    "e2c-xy": Model("baselines", E2C, content_dim=0),
    "camera": Model("camera", sets=CAMERAS, options={"views": True}),
    "camera-late": Model("camera", sets=CAMERAS),
    "camera-rce-xy": Model("camera", content_dim=0, sets=CAMERAS),
    "camera-e2c-xy": Model("camera", E2C, content_dim=0, sets=CAMERAS),
    "noise-1": Model("noise", env={"noise": 1.0}),
    "noise-2": Model("noise", env={"noise": 2.0}),
    "gates": Model("maps", env={"map": "gates"}),
    "door": Model("maps", env={"map": "door"}),
    "random": Model("maps", env={"map": "random"}),
    "no-gauge": Model("options", options={"gauge": 0.0}),
    "no-swap": Model("options", options={"swap": 0.0}),
    "no-pull": Model("options", options={"pull": 0.0}),
    "no-blocked": Model("options", options={"blocked": False}),
    "bare": Model("options", options={"gauge": 0.0, "swap": 0.0, "pull": 0.0, "blocked": False}),
}
"""Every model by name, the split under the published rule first."""


def held_out_data(model: Model, images: str, seed: int) -> dict[str, NDArray[Any]]:
    """Sample triples of a set that no training has seen, from a random stream of their own."""
    rng = np.random.default_rng([seed, 1])
    triples: dict[str, NDArray[Any]] = environment(model, images).sample_transitions(HELD_OUT, rng)
    return triples


def environment(model: Model, images: str) -> Any:
    """Make the environment that shows a set of images."""
    return make_planar(model.env, model.sets[images])
