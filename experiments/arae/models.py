"""The rows of the tables that are trained."""

from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from unknot.experiments.arae.data import PRODUCTS, TOPICS
from unknot.experiments.common.rewriting import SENTIMENT, YELP, Task
from unknot.experiments.common.rewriting_runs import fooling_batches, training_batches
from unknot.models.text.arae import ARAE
from unknot.models.text.cross_aligned import CrossAlignedAutoencoder
from unknot.models.text.denoising import DenoisingAdversarialAutoencoder
from unknot.models.text.transfer import Rewriter

if TYPE_CHECKING:
    from unknot.experiments.arae import Settings

MAIN, PLAIN, CROSS, TODAY = "arae", "autoencoder", "cross-aligned", "daae"
STRONGER, CLIPPED = "arae-stronger", "arae-clipping"
ROWS = {
    SENTIMENT: (MAIN, PLAIN, CROSS, STRONGER, CLIPPED, TODAY),
    TOPICS: (MAIN, PLAIN),
    YELP: (MAIN, PLAIN, CROSS, STRONGER, CLIPPED, TODAY),
    PRODUCTS: (MAIN, PLAIN),
}
"""The models of each task."""
KINDS: dict[str, type[Rewriter]] = {
    CROSS: CrossAlignedAutoencoder,
    TODAY: DenoisingAdversarialAutoencoder,
}
"""Of what class a row is; all others are `ARAE`."""
PRODUCT_STEPS = 1500
"""Updates of a model of products, at most: there are about a thousand sentences."""
CHANGED: dict[str, dict[str, Any]] = {
    PLAIN: {"critic_weight": 0.0, "adversary_weight": 0.0},
    STRONGER: {"critic_weight": 0.1},
    CLIPPED: {"lipschitz": "clipping", "critic_weight": 1.0},
}
"""What rows have other than `ARAE`'s settings; the last has the paper's bound of the critic, and λ1 = 1."""
FOOLING = (MAIN, STRONGER, CLIPPED)
"""Rows whose encoder fools a classifier."""


def make(row: str, task: Task, settings: "Settings") -> Rewriter:
    """Make the model of a row for a task."""
    chosen: dict[str, Any] = {
        name: getattr(settings, name) for name in ("embedding", "hidden", "learning_rate")
    }
    chosen |= {"vocabulary": task.vocabulary, "attributes": task.values, "longest": task.longest}
    chosen["steps"] = updates(task.name, settings)
    if row not in KINDS:
        chosen["noise"] = settings.noise
    if row == TODAY:
        chosen["code_dim"] = settings.hidden
    return KINDS.get(row, ARAE)(**chosen | CHANGED.get(row, {}))


def batches(row: str, task: Task, settings: "Settings", seed: int) -> Callable[[int], dict[str, Any]]:
    """Return the training batches of a row."""
    return (fooling_batches if row in FOOLING else training_batches)(task, settings.batch, seed)


def updates(task: str, settings: "Settings") -> int:
    """Return the updates of the models of a task."""
    few = {YELP: settings.yelp_steps, PRODUCTS: min(settings.steps, PRODUCT_STEPS)}
    return few.get(task, settings.steps)


def tasks(settings: "Settings") -> list[str]:
    """Return the names of the tasks that are run."""
    own = {YELP: settings.yelp, PRODUCTS: settings.products}
    return [SENTIMENT, TOPICS, *(name for name, folder in own.items() if folder)]
