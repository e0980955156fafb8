"""Judges of written sentences: attribute and content, exactly or by a classifier, and how likely they are.

Every judge takes sentences of any origin. For one table take one judge, which no system was trained with.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray

from unknot.checks import count, one_of, require
from unknot.models.data.sentences import Reviews
from unknot.models.text.batches import length_batches
from unknot.models.text.language_model import LanguageModel
from unknot.models.text.vocabulary import Sentences, Vocabulary, as_sentences
from unknot.representation.training import train

__all__ = [
    "ExactTransfer",
    "NgramJudge",
    "exact_transfer",
    "fit_language_model",
    "reverse_perplexity",
]

Flags = NDArray[np.bool_]


@dataclass(frozen=True)
class ExactTransfer:
    """What became of each of n sentences of the grammar: arrays of flags (n,)."""

    grammatical: Flags
    """The grammar can write the output."""
    transferred: Flags
    """Its factor is the wanted one."""
    kept: dict[str, Flags]
    """Another factor, by name, is the original's."""

    @property
    def all_kept(self) -> Flags:
        """All other factors are the originals'."""
        every: Flags = np.logical_and.reduce(list(self.kept.values()))
        return every

    @property
    def both(self) -> Flags:
        """The factor is the wanted one, and all others are the originals'."""
        return self.transferred & self.all_kept

    def shares(self) -> dict[str, float]:
        """Return the share of the sentences for each of these and for each kept factor, by name."""
        flags = {name: getattr(self, name) for name in ("grammatical", "transferred", "all_kept", "both")}
        return {name: float(each.mean()) for name, each in (flags | self.kept).items()}


def exact_transfer(
    originals: Sentences, outputs: Sentences, wanted: Any, factor: str = "sentiment"
) -> ExactTransfer:
    """Compare outputs with their originals by the grammar of reviews.

    An output that the grammar can't write is neither transferred, nor is anything kept.

    Args:
        originals: n sentences of `Reviews`.
        outputs: n sentences.
        wanted: the factor's value that each should have, (n,) or one for all.
        factor: the one to be transferred, a name in `Reviews().factor_space`.

    Raises:
        ValueError: other lengths, an original that the grammar can't write, or an unknown factor.
    """
    source = Reviews()
    one_of("factor", factor, source.factor_space)
    count(1, originals=len(originals))
    if len(outputs) != len(originals):
        raise ValueError(f"outputs must be as many as originals, {len(originals)}, not {len(outputs)}")
    before, after = source.read(originals), source.read(outputs)
    strange = np.flatnonzero(before[factor] < 0)
    if len(strange):
        raise ValueError(f"originals must be of the grammar, not {str(originals[strange[0]])!r}")
    kept = {name: after[name] == before[name] for name in before if name != factor}
    return ExactTransfer(after[factor] >= 0, after[factor] == np.asarray(wanted), kept)


class NgramJudge:
    """Logistic regression on the presence of words and of neighbours: a classifier without networks.

    Args:
        sentences: n, to learn from.
        labels: their classes, (n,).
        words: of the longest n-gram.

    Attributes:
        model: the pipeline of scikit-learn.
    """

    def __init__(self, sentences: Sentences, labels: Any, words: int = 3) -> None:
        count(1, words=words)
        require("learn", "sklearn")
        from sklearn.feature_extraction.text import CountVectorizer
        from sklearn.linear_model import LogisticRegression
        from sklearn.multiclass import OneVsRestClassifier
        from sklearn.pipeline import make_pipeline

        ngrams = CountVectorizer(
            ngram_range=(1, words), token_pattern=r"\S+", min_df=2, binary=True, lowercase=True
        )
        self.model = make_pipeline(ngrams, OneVsRestClassifier(LogisticRegression(solver="liblinear")))
        self.model.fit(as_sentences(sentences), np.asarray(labels))

    def classify(self, sentences: Sentences) -> NDArray[np.int64]:
        """Return the likeliest class of each of n sentences: (n,)."""
        classes: NDArray[np.int64] = self.model.predict(as_sentences(sentences))
        return classes


def fit_language_model(
    sentences: Sentences,
    vocabulary: Sequence[str],
    *,
    steps: int = 2000,
    batch_size: int = 64,
    seed: int = 0,
    **settings: Any,
) -> LanguageModel:
    """Train a language model on sentences; neither needs nor changes torch's random state.

    Args:
        sentences: to learn from.
        vocabulary: its symbols; perplexities compare only between models of one vocabulary.
        steps: of training.
        batch_size: sentences of a step, fewer where there are not as many.
        seed: of weights and batches.
        **settings: other arguments of `LanguageModel`.
    """
    count(1, sentences=len(sentences), batch_size=batch_size)
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        model = LanguageModel(vocabulary=tuple(vocabulary), **settings)
        tokens = model.vocabulary.encode(sentences, model.longest)
        batches = length_batches({"observation": tokens}, min(batch_size, len(tokens)), seed)
        train(model, batches, steps, progress=False)
    return model


def reverse_perplexity(
    written: Sentences, held_out: Sentences, vocabulary: Sequence[str] | None = None, **settings: Any
) -> float:
    """Return the perplexity of true sentences by a language model that learnt from written ones.

    It is high where what was written is not true to life, and where it lacks variety (Zhao et al., 2017).

    Args:
        written: sentences of a model, the more the better; compare equal numbers.
        held_out: true sentences.
        vocabulary: None for all words of both.
        **settings: of `fit_language_model`.
    """
    if vocabulary is None:
        vocabulary = Vocabulary.of([*as_sentences(written), *as_sentences(held_out)]).symbols
    return fit_language_model(written, vocabulary, **settings).perplexity(held_out)
