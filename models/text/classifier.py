"""A convolutional classifier of sentences (Kim, 2014)."""

from collections.abc import Mapping

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn
from torch.nn import functional

from unknot.checks import above, count, within
from unknot.models.text.convolution import ConvEncoder
from unknot.models.text.learner import SentenceLearner
from unknot.models.text.rnn import Written, blank_words
from unknot.models.text.vocabulary import Sentences
from unknot.representation.learner import descend

__all__ = ["SentenceClassifier"]


class SentenceClassifier(SentenceLearner):
    """Convolutions over 1 to 4 symbols, their largest answers, a hidden layer and a linear one.

    The hidden layer is ours: without it no word can reverse what another one says.

    Args:
        vocabulary: the symbols.
        characters: they are characters, not words.
        longest: symbols of a sentence, at most; a longer one is cut.
        classes: number of classes.
        embedding: dimensions of a symbol's vector.
        filters: filters of each height.
        hidden: units of the hidden layer.
        dropout: share of the largest answers that is left out in training.
        blanking: share of the symbols that are blanked in training.
        learning_rate: Adam's.
    """

    def __init__(
        self,
        *,
        vocabulary: tuple[str, ...],
        characters: bool = False,
        longest: int = 30,
        classes: int = 2,
        embedding: int = 100,
        filters: int = 75,
        hidden: int = 100,
        dropout: float = 0.5,
        blanking: float = 0.1,
        learning_rate: float = 1e-3,
    ) -> None:
        super().__init__(vocabulary, characters=characters, longest=longest)
        count(1, classes=classes, hidden=hidden)
        within(0, 1, dropout=dropout, blanking=blanking)
        above(0, learning_rate=learning_rate)
        self.blanking = blanking
        self.encoder = ConvEncoder(len(self.vocabulary), embedding, filters)
        layers = [nn.Dropout(dropout), nn.Linear(self.encoder.width, hidden), nn.ReLU()]
        self.head = nn.Sequential(*layers, nn.Linear(hidden, classes))
        self.optimizers = {"adam": torch.optim.Adam(self.parameters(), learning_rate, fused=True)}

    def encode_tokens(self, tokens: Tensor | Written) -> Tensor:
        """Return log odds (n, classes) of symbols (n, length), their probabilities, or what was written."""
        odds: Tensor = self.head(self.encoder(tokens))
        return odds

    @torch.no_grad()
    def classify(self, sentences: Sentences | Tensor) -> NDArray[np.int64]:
        """Return the likeliest class of each of n sentences: (n,)."""
        found = [self.encode_tokens(part).argmax(1).numpy(force=True) for part in self.parts(sentences)]
        return np.concatenate([np.empty(0, np.int64), *found])

    def update(self, batch: Mapping[str, Tensor]) -> dict[str, float | Tensor]:
        """Do one step on `observation`, int64 (n, length), and `label` (n,); return the loss in nats."""
        odds = self.encode_tokens(blank_words(self.tokens(batch["observation"]), self.blanking))
        loss = functional.cross_entropy(odds, batch["label"].to(odds.device).long())
        descend(loss, self.optimizers["adam"])
        return {"loss": loss.detach()}
