"""How much processor time do the metrics take on 10,000 samples, beside the same by plain scikit-learn loops?

Five factors (a shape of three, a scale of six values, three real numbers), a code of ten dimensions. Ours
give an interval from 200 resamples, all of them; the plain loops, those of other libraries, give the value
alone: a call of `mutual_info_score` for each dimension and factor, a support vector machine for each
dimension and categorical factor, a batch of images for each vote, forests. The last row is what an interval
is made of: mutual information of one resample.

Drawing and encoding are almost free here, so that what is compared is the metrics. Another encoder is paid
for 10,000 images, those of `factor_vae` (38,400) and those of `higgins` (76,800).

    python benchmarks/disentanglement_metrics.py
"""

import argparse
import time
from collections.abc import Callable, Mapping
from typing import Any

import numpy as np
from gymnasium import spaces
from numpy.typing import NDArray
from sklearn.ensemble import RandomForestClassifier, RandomForestRegressor
from sklearn.linear_model import LogisticRegression
from sklearn.metrics import mutual_info_score
from sklearn.svm import LinearSVC

from unknot.representation.metrics import METRICS, evaluate_codes
from unknot.representation.metrics.information import mutual_information
from unknot.representation.metrics.source import Components

Array = NDArray[Any]
SAMPLES = 10_000
SIX = ("higgins", "factor_vae", "dci", "mig", "sap", "modularity")


def main() -> None:
    """Measure, and print the ratios."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--rounds", type=int, default=1, help="turns; the best of each contender counts")
    options = parser.parse_args()
    source = Source()
    seconds = {name: [np.inf, np.inf] for name in METRICS}
    for _ in range(options.rounds):
        for name in METRICS:
            contenders = [ours(source, name), PLAIN[name](source) if name in PLAIN else None]
            for column, run in enumerate(contenders):
                if run:
                    seconds[name][column] = min(seconds[name][column], timed(run))
    print(f"{'CPU seconds':16}{'ours, interval':>16}{'plain, value':>16}{'plain / ours':>16}")
    for name, (our, plain) in seconds.items():
        beside = f"{plain:16.2f}{plain / our:16.2f}" if name in PLAIN else ""
        print(f"{name:16}{our:16.2f}{beside}")
    totals = [sum(seconds[name][column] for name in SIX) for column in range(2)]
    print(f"{'these six:':16}{totals[0]:16.2f}{totals[1]:16.2f}{totals[1] / totals[0]:16.2f}")
    z, v = bins(source)
    our, plain = timed(lambda: mutual_information(z, v)), timed(lambda: information(z, v))
    print(f"{'one resample':16}{our:16.3f}{plain:16.3f}{plain / our:16.2f}")
    print("The six: " + ", ".join(SIX))


def timed(run: Callable[[], object]) -> float:
    """Return the seconds of processor time that a call takes, whatever else the machine does."""
    start = time.process_time()
    run()
    return time.process_time() - start


class Source:
    """Factors whose image (components, 1, 8) holds them as float64, and an encoder that mixes them."""

    def __init__(self) -> None:
        real = spaces.Box(-1.0, 1.0, (), np.float64)
        self.factor_space = spaces.Dict(
            {"shape": spaces.Discrete(3), "scale": spaces.Discrete(6), "turn": real, "x": real, "y": real}
        )
        self.components = Components(self.factor_space)
        rng = np.random.default_rng(0)
        self.mixing = np.eye(5, 10) + 0.1 * rng.normal(size=(5, 10))

    def sample_factors(self, n: int, rng: np.random.Generator) -> dict[str, Array]:
        """Draw factors."""
        return {
            name: rng.integers(space.n, size=n)
            if isinstance(space, spaces.Discrete)
            else rng.uniform(-1, 1, n)
            for name, space in self.factor_space.spaces.items()
        }

    def render_factors(self, factors: Mapping[str, Any]) -> NDArray[np.uint8]:
        """Return the bytes of the factors."""
        table = np.stack([np.asarray(factors[name], np.float64) for name in self.factor_space], axis=1)
        return np.ascontiguousarray(table[..., None]).view(np.uint8)[:, :, None]

    def encode(self, images: NDArray[np.uint8]) -> Array:
        """Mix the factors."""
        codes: Array = np.tanh(np.ascontiguousarray(images[:, :, 0]).view(np.float64)[..., 0] @ self.mixing)
        return codes

    def sample(self, n: int) -> tuple[Array, Array]:
        """Draw codes and factors: (n, 10), (n, 5)."""
        factors = self.sample_factors(n, np.random.default_rng(0))
        return self.encode(self.render_factors(factors)), self.components.table(factors)


def ours(source: Source, name: str) -> Callable[[], object]:
    """Return a run of one metric."""
    return lambda: evaluate_codes(source.encode, source, [name], samples=SAMPLES)


# Plain loops


def bins(source: Source) -> tuple[Array, Array]:
    """Return codes and factors in bins."""
    z, v = (
        np.stack([np.digitize(column, np.histogram(column, 20)[1][:-1]) for column in table.T], axis=1)
        for table in source.sample(SAMPLES)
    )
    return z, v


def information(z: Array, v: Array) -> Array:
    """Return mutual information (dimensions, factors), a pair at a time."""
    return np.array([[mutual_info_score(b, a) for b in v.T] for a in z.T])


def plain_mig(source: Source) -> Callable[[], object]:
    """MIG."""

    def run() -> float:
        z, v = bins(source)
        ordered = np.sort(information(z, v), axis=0)
        entropies = [mutual_info_score(column, column) for column in v.T]
        return float(((ordered[-1] - ordered[-2]) / entropies).mean())

    return run


def plain_modularity(source: Source) -> Callable[[], object]:
    """Modularity."""

    def run() -> float:
        squares = information(*bins(source)) ** 2
        best = squares.max(axis=1)
        return float((1 - (squares.sum(axis=1) - best) / (4 * best)).mean())

    return run


def plain_dci(source: Source) -> Callable[[], object]:
    """DCI by random forests, of which validation chooses the depth."""

    def run() -> Array:
        codes, factors = source.sample(SAMPLES)
        columns = []
        for j, named in enumerate(source.components.categorical):
            kind = RandomForestClassifier if named else RandomForestRegressor
            forests = [kind(n_estimators=10, max_depth=depth, max_features=None) for depth in (4, 8, 16)]
            for forest in forests:
                forest.fit(codes[:8000], factors[:8000, j])
            best = max(forests, key=lambda forest: forest.score(codes[8000:9000], factors[8000:9000, j]))
            best.score(codes[9000:], factors[9000:, j])
            columns.append(best.feature_importances_)
        return np.stack(columns, axis=1)

    return run


def plain_sap(source: Source) -> Callable[[], object]:
    """SAP."""

    def run() -> Array:
        codes, factors = source.sample(SAMPLES)
        scores = np.zeros((10, 5))
        for i in range(10):
            for j, named in enumerate(source.components.categorical):
                if named:
                    machine = LinearSVC(C=0.01, class_weight="balanced")
                    machine.fit(codes[:5000, [i]], factors[:5000, j])
                    scores[i, j] = machine.score(codes[5000:, [i]], factors[5000:, j])
                else:
                    scores[i, j] = np.corrcoef(codes[:, i], factors[:, j])[0, 1] ** 2
        return scores

    return run


def plain_factor_vae(source: Source) -> Callable[[], object]:
    """FactorVAE's metric, 600 votes of 64 images."""

    def run() -> Array:
        rng = np.random.default_rng(0)
        names = list(source.factor_space)
        deviations = source.sample(SAMPLES)[0].std(axis=0)
        votes = np.zeros((10, 5))
        for _ in range(600):
            k = int(rng.integers(5))
            factors = source.sample_factors(64, rng)
            factors[names[k]][:] = factors[names[k]][0]
            codes = source.encode(source.render_factors(factors))
            votes[np.argmin((codes / deviations).var(axis=0, ddof=1)), k] += 1
        return votes

    return run


def plain_higgins(source: Source) -> Callable[[], object]:
    """Higgins's metric, 600 examples of 64 pairs."""

    def run() -> float:
        rng = np.random.default_rng(0)
        names = list(source.factor_space)
        inputs, targets = [], []
        for _ in range(600):
            k = int(rng.integers(5))
            first, second = source.sample_factors(64, rng), source.sample_factors(64, rng)
            second[names[k]] = first[names[k]]
            codes = [source.encode(source.render_factors(factors)) for factors in (first, second)]
            inputs.append(np.abs(codes[0] - codes[1]).mean(axis=0))
            targets.append(k)
        classifier = LogisticRegression(max_iter=1000).fit(inputs[:300], targets[:300])
        return float(classifier.score(inputs[300:], targets[300:]))

    return run


PLAIN = {
    "mig": plain_mig,
    "modularity": plain_modularity,
    "dci": plain_dci,
    "sap": plain_sap,
    "factor_vae": plain_factor_vae,
    "higgins": plain_higgins,
}


if __name__ == "__main__":
    main()
