"""Sort damaged images by what happened to them, and repair them, without labels and without pairs.

What is needed: images that were damaged in a few unknown ways, and other images that were not. Here both are
letters in different fonts. For your own images, replace `damaged` and `intact` by your uint8 arrays
(n, height, width, channels).

    python examples/repair_images.py
"""

import numpy as np
import torch
from torch import Tensor

from unknot.models import CompetingExperts, Transformed, letters
from unknot.representation import train
from unknot.representation.metrics import assignment_matrix, hungarian_accuracy, psnr

WAYS = ("inversion", "left", "right")


def main(steps: int = 1000) -> dict[str, float]:
    """Train, print which expert took which images, and return how well they were sorted and repaired."""
    images, labels = letters()
    images = images.reshape(-1, 14, 2, 14, 2, 1).mean((2, 4)).astype(np.uint8)
    source = Transformed(images[::2], labels[::2], WAYS, shift=2)
    factors = source.combinations(np.arange(len(source)))
    damaged, intact = source.render_factors(factors), images[1::2]

    def batch_at(step: int) -> dict[str, Tensor]:
        rng = np.random.default_rng(step)
        return {
            "observation": torch.from_numpy(damaged[rng.integers(len(damaged), size=64)]),
            "canonical": torch.from_numpy(intact[rng.integers(len(intact), size=64)]),
        }

    torch.manual_seed(0)
    learner = CompetingExperts(
        shape=(14, 14, 1),
        experts=len(WAYS),  # some more do no harm: they stay idle
        width=8,
        layers=3,
        norm="none",
        discriminator="strided",
        steps=steps,
        learning_rate=4e-3,
        discriminator_rate=2e-3,
        momentum=0.0,
        r1=1.0,
    )
    train(learner, batch_at, learner.identity_steps + steps, progress=False)
    repaired = learner.repair(damaged)
    matrix = assignment_matrix(factors["mechanism"], repaired.experts, len(WAYS), len(WAYS))
    for way, shares in zip(WAYS, matrix, strict=True):
        print(f"{way}: " + ", ".join(f"expert {j} won {share:.0%}" for j, share in enumerate(shares)))
    originals = source.originals(factors)
    result = {
        "sorted": hungarian_accuracy(matrix),
        "before": psnr(damaged, originals),
        "after": psnr(repaired.images, originals),
    }
    print("sorted {sorted:.1%}; PSNR {before:.1f} dB before, {after:.1f} dB after".format(**result))
    return result


if __name__ == "__main__":
    main()
