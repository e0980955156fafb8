"""A system without networks: the most similar training sentence with the wanted sentiment."""

import numpy as np
from sklearn.feature_extraction.text import TfidfVectorizer

from unknot.experiments.common.rewriting import Labels
from unknot.models.data.sentiment import LabelledSentences

RETRIEVE = "retrieve"
POOL = 20_000
"""Training sentences that are looked through, at most."""


class Retrieve:
    """Returns the most similar sentence with the wanted value, by the TF-IDF of its words.

    RetrieveOnly of Li, Jia, He and Liang, "Delete, retrieve, generate", 2018.

    Args:
        data: sentences and their values, 0 or 1; each value has some.
    """

    def __init__(self, data: LabelledSentences) -> None:
        self._similar = TfidfVectorizer(token_pattern=r"\S+", lowercase=False).fit(data.sentences[:POOL])
        rows = [np.flatnonzero(data.labels[:POOL] == value) for value in range(2)]
        self._pools = [[data.sentences[k] for k in each] for each in rows]
        self._vectors = [self._similar.transform(pool) for pool in self._pools]

    def __call__(self, sentences: list[str], wanted: Labels) -> list[str]:
        """Return a sentence of the pool for each of n sentences with wanted values (n,)."""
        found = list(sentences)
        for value, (pool, vectors) in enumerate(zip(self._pools, self._vectors, strict=True)):
            rows = np.flatnonzero(wanted == value)
            if len(rows):
                near = self._similar.transform([sentences[k] for k in rows]) @ vectors.T
                for row, best in zip(rows, np.asarray(near.argmax(1)).ravel(), strict=True):
                    found[row] = pool[best]
        return found
