"""A plain autoencoder of sentences: a recurrent encoder, one code, a recurrent decoder."""

from collections.abc import Mapping

import torch
from torch import Tensor
from torch.nn import functional

from unknot.checks import above, at_least, within
from unknot.models.text.learner import SentenceLearner
from unknot.models.text.rnn import RNNDecoder, RNNEncoder, blank_words, symbol_loss
from unknot.representation.learner import descend

__all__ = ["SentenceAutoencoder"]


class SentenceAutoencoder(SentenceLearner):
    """Encodes a sentence as one code on the unit sphere, and writes it again from that.

    Args:
        vocabulary: the symbols.
        characters: they are characters, not words.
        longest: symbols of a sentence, at most.
        embedding: dimensions of a symbol's vector.
        hidden: units of encoder and decoder, and dimensions of the code.
        noise: standard deviation, in each dimension, of Gaussian noise on codes in training.
        blanking: share of the encoder's symbols that are blanked in training.
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
        noise: float = 0.05,
        blanking: float = 0.05,
        learning_rate: float = 2e-3,
    ) -> None:
        super().__init__(vocabulary, characters=characters, longest=longest)
        at_least(0, noise=noise)
        within(0, 1, blanking=blanking)
        above(0, learning_rate=learning_rate)
        self.noise, self.blanking = noise, blanking
        self.scale = hidden**0.5  # the decoder's inputs are about 1, not 1 / sqrt(hidden)
        symbols = len(self.vocabulary)
        self.encoder = RNNEncoder(symbols, embedding, hidden)
        self.decoder = RNNDecoder(symbols, hidden, embedding, hidden, feed_code=True)
        self.optimizers = {"adam": torch.optim.Adam(self.parameters(), learning_rate, fused=True)}

    def encode_tokens(self, tokens: Tensor) -> Tensor:
        """Return codes (n, hidden), of norm 1, of symbols, int64 (n, length)."""
        return functional.normalize(self.encoder(tokens).last)

    def decode(self, codes: Tensor) -> list[str]:
        """Return the likeliest sentences of codes (n, hidden), symbol by symbol."""
        return self.written(self.decoder, self.scale * codes)

    def update(self, batch: Mapping[str, Tensor]) -> dict[str, float | Tensor]:
        """Do one step on `observation`, symbols int64 (n, length); return the nats of a symbol."""
        tokens = self.tokens(batch["observation"])
        codes = self.encode_tokens(blank_words(tokens, self.blanking))
        codes = codes + self.noise * torch.randn_like(codes)
        loss = symbol_loss(self.decoder(self.scale * codes, tokens).scores, tokens)
        descend(loss, self.optimizers["adam"])
        return {"reconstruction": loss.detach()}
