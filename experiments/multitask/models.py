"""The models of the tables: which decoders, how large a representation, how many sentences."""

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from unknot.experiments.common.runs import UNTRAINED
from unknot.experiments.multitask.data import Arrays, Corpus
from unknot.models.text.multitask import TAG, MultitaskAutoencoder

if TYPE_CHECKING:
    from unknot.experiments.multitask import Settings


@dataclass(frozen=True)
class Row:
    """A model of the tables."""

    decoders: tuple[str, ...]
    wide: bool = True
    """Of the larger representation."""
    share: int = 1
    """It learns from one `share`-th of the training sentences."""


REP, REP_DE, REP_DE_FR = "rep", "rep-de", "rep-de-fr"
REP_DE_NARROW, REP_DE_POS, REP_POS = "rep-de-narrow", "rep-de-pos", "rep-pos"
ROWS = {
    UNTRAINED: Row(("rep",)),
    REP: Row(("rep",)),
    REP_DE: Row(("rep", "de")),
    REP_DE_FR: Row(("rep", "de", "fr")),
    REP_DE_NARROW: Row(("rep", "de"), wide=False),
    REP_DE_POS: Row(("rep", "de", TAG), wide=False),
    REP_POS: Row(("rep", TAG), wide=False),
}
"""The models of Tables 1 and 2, an LSTM that learnt nothing, and one that tags without translating."""
FEWER = {
    "rep-de-half": Row(("rep", "de"), share=2),
    "rep-de-narrow-half": Row(("rep", "de"), wide=False, share=2),
    "rep-de-fr-third": Row(("rep", "de", "fr"), share=3),
    "rep-de-pos-third": Row(("rep", "de", TAG), wide=False, share=3),
}
"""The models of Table 3, which learn from fewer sentences in as many updates."""
SHOWN = (REP_DE_POS, REP_DE)
"""The models of Tables 4 to 6."""


def row_of(name: str) -> Row:
    """Return the row of a name."""
    return (ROWS | FEWER)[name]


def make(name: str, corpus: Corpus, settings: "Settings") -> MultitaskAutoencoder:
    """Make the model of a row."""
    row = row_of(name)
    return MultitaskAutoencoder(
        vocabulary=corpus.alphabet.symbols,
        decoders=row.decoders,
        tags=corpus.tags.symbols if TAG in row.decoders else None,
        longest=settings.longest,
        embedding=settings.embedding,
        hidden=settings.hidden,
        code_dim=settings.wide if row.wide else settings.narrow,
        learning_rate=settings.learning_rate,
        steps=settings.steps,
    )


def training_arrays(name: str, corpus: Corpus) -> Arrays:
    """Return what a row learns from: symbols of its share of the sentences, for its decoders alone."""
    row = row_of(name)
    arrays = corpus.arrays(corpus.training[: len(corpus.training) // row.share])
    unused: Any = {"de", "fr", TAG}.difference(row.decoders)
    return {key: array for key, array in arrays.items() if key not in unused}
