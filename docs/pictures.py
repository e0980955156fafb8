"""Draw the pictures of environments, and of papers without results.

    python docs/pictures.py

draws a problem of each environment and its expert's way, into docs/environments/. The site's build calls
`draw`, which draws what each paper without results is about, where that is older than the code.
"""

from collections.abc import Callable, Mapping
from functools import partial
from pathlib import Path
from typing import Any

import gymnasium as gym
import numpy as np
from matplotlib.figure import Figure
from numpy.typing import NDArray
from PIL import Image

from unknot.agents.named import EXPERTS
from unknot.envs import ENVIRONMENTS
from unknot.experiments.multitask.prototypes import fill
from unknot.films import film
from unknot.models import Characters, Reviews, ShapeMotion
from unknot.models.traversals import image_rows
from unknot.report import save_figure, save_gif
from unknot.style import COLOURS

Images = NDArray[np.uint8]
ROOT = Path(__file__).resolve().parent.parent
EPISODES = {"unknot/Grasp-v0": 8, "unknot/GraspReach-v0": 2}
"""How many an animation shows, where not four."""
OPTIONS: dict[str, dict[str, Any]] = {
    "unknot/GraspReach-v0": {"terminate_on_success": True},
    "unknot/Maze-v0": {"terminate_on_success": True},
    "unknot/MnistGrid-v0": {"terminate_on_success": True},
    "unknot/Planar-v0": {"collision": "solid", "task": "anywhere", "terminate_on_success": True},
}
"""Of the environments that are shown."""


def draw(folder: Path) -> None:
    """Draw the pictures that a folder lacks, and those older than the code."""
    newest = max(path.stat().st_mtime for path in [*(ROOT / "models").rglob("*.py"), Path(__file__)])
    drawings: dict[str, Callable[[Path], None]] = {
        f"{name}.png": partial(draw_rows, rows) for name, rows in SAMPLES.items()
    }
    drawings |= {f"{name}.png": draw_sentences for name in REWRITING}
    drawings["multitask.png"] = draw_prototypes
    folder.mkdir(exist_ok=True)
    for name, drawing in drawings.items():
        path = folder / name
        if not path.exists() or path.stat().st_mtime < newest:
            drawing(path)


def draw_environment(name: str, path: Path) -> None:
    """Draw an environment's expert as an animation, and its first frame as a PNG beside that."""
    vector: Any = gym.make_vec(name, num_envs=1, render_mode="rgb_array", **OPTIONS.get(name, {}))
    expert = EXPERTS[name](vector.unwrapped)
    episodes = [film(expert, vector, seed) for seed in range(EPISODES.get(name, 4))]
    vector.close()
    shown = np.concatenate([episode.frames for episode in episodes])
    Image.fromarray(shown[0]).save(path.with_suffix(".png"))
    save_gif(shown, path, fps=episodes[0].frames_per_second)


def draw_rows(rows: Callable[[], Mapping[str, Images]], path: Path) -> None:
    """Draw labelled rows of images."""
    save_figure(image_rows(rows()), path)


def draw_sentences(path: Path) -> None:
    """Draw sentences of the grammar, and the same with the other sentiment."""
    source = Reviews()
    factors = source.sample_factors(5, np.random.default_rng(0))
    pairs = [
        source.render_factors(each) for each in (factors, factors | {"sentiment": 1 - factors["sentiment"]})
    ]
    figure = Figure(figsize=(7, 3))
    for line, (one, other) in enumerate(zip(*pairs, strict=True)):
        figure.text(0.01, 0.92 - 0.2 * line, str(one), fontsize=9)
        figure.text(0.01, 0.84 - 0.2 * line, str(other), fontsize=9, color=COLOURS[0])
    save_figure(figure, path)


def draw_prototypes(path: Path) -> None:
    """Draw sentences that differ in their syntax alone, two of each prototype in one colour."""
    filled = fill("alike", 2)
    figure = Figure(figsize=(7, 3))
    for line, (sentence, kind) in enumerate(zip(filled.sentences, filled.labels, strict=True)):
        column, row = line % 2, line // 2
        place = (0.01 + 0.5 * column, 0.9 - 0.14 * row)
        figure.text(*place, sentence, fontsize=9, color=[*COLOURS[:6], "black"][kind])
    save_figure(figure, path)


def _motions() -> dict[str, Images]:
    return {f"{k + 1}": _sampled(ShapeMotion(frames=8), 1, k)[0] for k in range(4)}


def _identities() -> dict[str, Images]:
    source = Characters(pixels=64)
    factors = source.sample_factors(32, np.random.default_rng(0))
    factors["identity"] = np.repeat(factors["identity"][:4], 8)
    return {f"{k + 1}": row for k, row in enumerate(np.split(source.render_factors(factors), 4))}


def _sampled(source: Any, n: int, seed: int) -> Images:
    images: Images = source.render_factors(source.sample_factors(n, np.random.default_rng(seed)))
    return images


SAMPLES = {
    "mocogan": _motions,
    "sd-gan": _identities,
}
"""Rows of images that a paper is about, for those without results."""
REWRITING = ("arae", "attribute-transfer")
"""Papers without results that rewrite sentences."""

if __name__ == "__main__":
    for name in ENVIRONMENTS:
        draw_environment(name, ROOT / "docs/environments" / f"{name.rpartition('/')[2]}.gif")
