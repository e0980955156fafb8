"""What models that rewrite sentences share: names of attributes, `transfer`, a decoder for each attribute."""

from abc import abstractmethod
from collections.abc import Sequence
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from unknot.checks import count, one_of, shown
from unknot.models.text.decoding import generate
from unknot.models.text.learner import BATCH, SentenceLearner
from unknot.models.text.rnn import RNNDecoder, symbol_loss
from unknot.models.text.vocabulary import PAD, Sentences

__all__ = ["AttributeDecoders", "Rewriter"]


class Rewriter(SentenceLearner):
    """A learner that writes sentences anew with another attribute, such as the opposite sentiment.

    Args:
        vocabulary: the symbols.
        attributes: names of the attribute's values, in the order of the labels 0, 1, …
        characters: the symbols are characters, not words.
        longest: symbols of a sentence, at most; a longer one is cut.
    """

    def __init__(
        self,
        vocabulary: tuple[str, ...],
        attributes: tuple[str, ...],
        *,
        characters: bool = False,
        longest: int = 30,
    ) -> None:
        super().__init__(vocabulary, characters=characters, longest=longest)
        self.attributes = tuple(attributes)
        if len(set(self.attributes)) != len(self.attributes) or len(self.attributes) < 2:
            raise ValueError(f"attributes must be two or more different names, not {shown(attributes)}")

    @torch.no_grad()
    def transfer(self, sentences: Sentences, to: str | Sequence[int] | NDArray[Any]) -> list[str]:
        """Write sentences anew, word by word the likeliest.

        Args:
            sentences: n strings.
            to: what all become, a name in `attributes`, or n labels, one for each.

        Raises:
            ValueError: no strings, an unknown name, or labels that are not n or out of range.
        """
        wanted, written = self.labels(to, len(sentences)), []
        training = self.training
        self.eval()
        for first in range(0, len(sentences), BATCH):
            part = slice(first, first + BATCH)
            written += self.vocabulary.decode(self.rewrite(self.tokens(sentences[part]), wanted[part]))
        self.train(training)
        return written

    @abstractmethod
    def rewrite(self, tokens: Tensor, wanted: Tensor) -> Tensor:
        """Return the symbols (n, at most longest + 1) that symbols (n, length) become for labels (n,)."""

    def labels(self, to: Any, n: int) -> Tensor:
        """Return labels, int64 (n,), of a name for all n, or of n labels as they are.

        Raises:
            ValueError: an unknown name, or labels that are not n or out of range.
        """
        if isinstance(to, str):
            one_of("attribute", to, self.attributes)
            return torch.full((n,), self.attributes.index(to), device=self.device)
        given = np.asarray(to)
        most = len(self.attributes) - 1
        fits = given.shape == (n,) and (given.dtype.kind in "iu" or not n)
        if not fits or not ((given >= 0) & (given <= most)).all():
            raise ValueError(f"to must be a name, or {n} labels from 0 to {most}, not {shown(to)}")
        return torch.as_tensor(given.astype(np.int64)).to(self.device)


class AttributeDecoders(nn.Module):
    """A recurrent decoder for each value of an attribute; they share words' vectors and the output layer.

    Args:
        values: how many there are.
        symbols: their number, marks included.
        code_dim: dimensions of the code, which is given with every symbol.
        embedding: dimensions of a symbol's vector.
        hidden: units of each.
    """

    def __init__(self, values: int, symbols: int, code_dim: int, embedding: int, hidden: int) -> None:
        super().__init__()
        count(1, values=values)
        sizes = (symbols, code_dim, embedding, hidden)
        self.each = nn.ModuleList(RNNDecoder(*sizes, feed_code=True) for _ in range(values))
        first = self.decoder(0)
        for value in range(1, values):
            self.decoder(value).embedding, self.decoder(value).output = first.embedding, first.output

    def decoder(self, value: int) -> RNNDecoder:
        """Return the decoder of a value."""
        decoder = self.each[value]
        assert isinstance(decoder, RNNDecoder)
        return decoder

    def loss(self, codes: Tensor, tokens: Tensor, labels: Tensor) -> Tensor:
        """Return the mean cross-entropy of a symbol, each sentence by its label's decoder, in nats.

        Args:
            codes: (n, code_dim).
            tokens: int64 (n, length).
            labels: int64 (n,).
        """
        total = codes.new_zeros(())
        for value in range(len(self.each)):
            rows = labels == value
            if rows.any():
                own = tokens[rows]
                scores = self.decoder(value)(codes[rows], own).scores
                total = total + symbol_loss(scores, own) * (own != PAD).sum()
        return total / (tokens != PAD).sum()

    def generate(self, codes: Tensor, labels: Tensor, longest: int) -> Tensor:
        """Write the likeliest symbols (n, longest) of codes, each by its label's decoder."""
        written = torch.full((len(codes), longest), PAD, device=codes.device)
        for value in range(len(self.each)):
            rows = labels == value
            if rows.any():
                tokens = generate(self.decoder(value), codes[rows], longest)
                written[rows, : tokens.shape[1]] = tokens
        return written
