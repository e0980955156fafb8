"""A recurrent language model, which says how likely sentences are."""

from collections.abc import Mapping

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor
from torch.nn import functional

from unknot.checks import above, count
from unknot.models.text.decoding import generate
from unknot.models.text.learner import SentenceLearner
from unknot.models.text.rnn import RNNDecoder, symbol_loss
from unknot.models.text.vocabulary import PAD, Sentences
from unknot.representation.learner import descend

__all__ = ["LanguageModel"]


class LanguageModel(SentenceLearner):
    """An LSTM that predicts each symbol, END included, from those before it.

    Args:
        vocabulary: the symbols.
        characters: they are characters, not words.
        longest: symbols of a sentence, at most; a longer one is cut.
        embedding: dimensions of a symbol's vector.
        hidden: units.
        dropout: share of vectors' and states' entries that is left out in training.
        learning_rate: Adam's.
    """

    def __init__(
        self,
        *,
        vocabulary: tuple[str, ...],
        characters: bool = False,
        longest: int = 30,
        embedding: int = 128,
        hidden: int = 128,
        dropout: float = 0.2,
        learning_rate: float = 2e-3,
    ) -> None:
        super().__init__(vocabulary, characters=characters, longest=longest)
        above(0, learning_rate=learning_rate)
        self.decoder = RNNDecoder(len(self.vocabulary), 1, embedding, hidden, dropout=dropout)
        self.optimizers = {"adam": torch.optim.Adam(self.parameters(), learning_rate, fused=True)}

    def encode_tokens(self, tokens: Tensor) -> Tensor:
        """Return its state after each sentence (n, hidden): what it knows before the END."""
        states = self.decoder(self._no_code(len(tokens)), tokens).states
        last = (tokens != PAD).sum(1) - 1
        codes: Tensor = states[torch.arange(len(tokens), device=tokens.device), last.clamp(min=0)]
        return codes

    @torch.no_grad()
    def log_likelihoods(self, sentences: Sentences | Tensor) -> tuple[NDArray[np.float64], NDArray[np.int64]]:
        """Return the natural log of each sentence's probability, and its number of symbols, END included.

        Args:
            sentences: n strings, or symbols int64 (n, length). Unknown symbols count as one symbol.

        Returns:
            (n,) and (n,); their sums give the perplexity.
        """
        sums, counts = [], []
        for tokens in self.parts(sentences):
            scores = self.decoder(self._no_code(len(tokens)), tokens).scores
            flat = scores.flatten(0, 1), tokens.flatten()
            nats = functional.cross_entropy(*flat, ignore_index=PAD, reduction="none").view_as(tokens)
            sums.append(-nats.sum(1).double())
            counts.append((tokens != PAD).sum(1))
        if not sums:
            return np.empty(0), np.empty(0, np.int64)
        return torch.cat(sums).numpy(force=True), torch.cat(counts).numpy(force=True)

    def perplexity(self, sentences: Sentences | Tensor) -> float:
        """Return the exponential of the mean cross-entropy of a symbol of sentences, END included.

        Raises:
            ValueError: no sentence.
        """
        logs, counts = self.log_likelihoods(sentences)
        count(1, sentences=len(logs))
        return float(np.exp(-logs.sum() / counts.sum()))

    def write(
        self, n: int, *, temperature: float = 1.0, generator: torch.Generator | None = None
    ) -> list[str]:
        """Sample n sentences (see `decoding.generate`)."""
        count(1, n=n)
        code = self._no_code(n)
        tokens = generate(self.decoder, code, self.longest + 1, temperature=temperature, generator=generator)
        return self.vocabulary.decode(tokens)

    def update(self, batch: Mapping[str, Tensor]) -> dict[str, float | Tensor]:
        """Do one step on `observation`, symbols int64 (n, length); return the nats of a symbol."""
        tokens = self.tokens(batch["observation"])
        loss = symbol_loss(self.decoder(self._no_code(len(tokens)), tokens).scores, tokens)
        descend(loss, self.optimizers["adam"])
        return {"nats": loss.detach()}

    def _no_code(self, n: int) -> Tensor:
        return torch.ones(n, 1, device=self.device)
