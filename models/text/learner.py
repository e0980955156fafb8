"""What all learners of sentences share: a vocabulary in their settings, and `encode` of strings."""

from abc import abstractmethod
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from unknot.checks import count, shown
from unknot.models.text.decoding import generate
from unknot.models.text.rnn import RNNDecoder
from unknot.models.text.vocabulary import Sentences, Vocabulary
from unknot.representation.learner import Learner

__all__ = ["SentenceLearner"]

BATCH = 500
"""Sentences that are computed at a time."""


class SentenceLearner(Learner):
    """A learner that encodes sentences.

    Args:
        vocabulary: the symbols (see `Vocabulary.symbols`); as settings they are in the weight file, too.
        characters: the symbols are characters, not words.
        longest: symbols of a sentence that are read or written, at most, without END.

    Attributes:
        vocabulary: a `Vocabulary`.
    """

    def __init__(self, vocabulary: tuple[str, ...], *, characters: bool = False, longest: int = 30) -> None:
        super().__init__()
        count(1, longest=longest)
        self.vocabulary, self.longest = Vocabulary(vocabulary, characters=characters), longest

    @property
    def device(self) -> torch.device:
        """Where its weights are."""
        return next(self.parameters()).device

    def tokens(self, sentences: Sentences | Tensor) -> Tensor:
        """Return symbols, int64 (n, length), of strings, or of symbols as they are.

        Raises:
            ValueError: neither strings nor such symbols.
        """
        if not isinstance(sentences, Tensor):
            return torch.from_numpy(self.vocabulary.encode(sentences, self.longest)).to(self.device)
        if sentences.dtype != torch.int64 or sentences.ndim != 2 or not sentences.shape[1]:
            kind = f"{sentences.dtype} {tuple(sentences.shape)}"
            raise ValueError(f"sentences must be strings or symbols, int64 (n, length), not {kind}")
        if sentences.numel() and not 0 <= int(sentences.min()) <= int(sentences.max()) < len(self.vocabulary):
            raise ValueError(f"symbols must be 0 to {len(self.vocabulary) - 1}, not {shown(sentences)}")
        return sentences.to(self.device)

    def parts(self, sentences: Sentences | Tensor) -> list[Tensor]:
        """Return symbols as `tokens` does, in parts of at most 500 sentences."""
        tokens = self.tokens(sentences)
        return [tokens[k : k + BATCH] for k in range(0, len(tokens), BATCH)]

    @torch.no_grad()
    def written(
        self,
        decoder: RNNDecoder,
        codes: Tensor,
        vocabulary: Vocabulary | None = None,
        longest: int | None = None,
    ) -> list[str]:
        """Return the likeliest sentences that a decoder writes of codes, symbol by symbol.

        Args:
            decoder: one of the model's.
            codes: (n, code_dim).
            vocabulary: of what it writes; None for the model's.
            longest: the most symbols, END included; None for one more than a sentence of the model has.
        """
        vocabulary = self.vocabulary if vocabulary is None else vocabulary
        longest = self.longest + 1 if longest is None else longest
        codes = codes.to(self.device)
        parts = [codes[k : k + BATCH] for k in range(0, len(codes), BATCH)]
        tokens = [generate(decoder, part, longest) for part in parts]
        return [sentence for each in tokens for sentence in vocabulary.decode(each)]

    def encode(self, images: Sentences | NDArray[np.uint8] | Tensor) -> Tensor:
        """Return codes (n, d) of sentences: n strings, or their symbols, int64 (n, length)."""
        given: Any = images
        return self.encode_tokens(self.tokens(given))

    @abstractmethod
    def encode_tokens(self, tokens: Tensor) -> Tensor:
        """Return codes (n, d) of symbols, int64 (n, length)."""
