"""Sentences that get another attribute by a move of their codes: convolutions, MMD traversal, a GRU."""

from collections.abc import Mapping

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn
from torch.nn import functional

from unknot.checks import above, at_least, count, within
from unknot.models.text.convolution import ConvEncoder
from unknot.models.text.decoding import generate
from unknot.models.text.mmd import move_codes
from unknot.models.text.rnn import RNNDecoder, symbol_loss
from unknot.models.text.transfer import Rewriter
from unknot.models.text.vocabulary import PAD
from unknot.representation.learner import anneal, descend

__all__ = ["MMDTraversal"]


class MMDTraversal(Rewriter):
    """Codes that tell an attribute and all else; a move of a code changes the attribute.

    Larsson, Nilsson and Kågebäck, "Disentangled representations for manipulation of sentiment in text", 2017.
    The code is the largest answers of a convolutional encoder. A classifier reads the attribute off it, a GRU
    writes the sentence again from it; both losses are added, unweighted. A batch without labels teaches the
    writing alone. A code moves from those of sentences with other values towards those with the wanted one
    (see `move_codes`); the sentences of the latest updates are kept for that.

    Args:
        vocabulary: the symbols.
        attributes: names of the attribute's values, in the order of the labels.
        characters: the symbols are characters, not words.
        longest: symbols of a sentence, at most; a longer one is cut.
        embedding: dimensions of a symbol's vector.
        filters: filters of each of the heights 1, 2, 3 and 4; the code has four times as many dimensions.
        hidden: units of the decoder, and of the classifier's hidden layer.
        dropout: share of the code that is left out in training.
        examples: sentences of each value that are kept.
        neighbours: how many of those with other values, and of those with the wanted one, make the two sets:
            the nearest to the code.
        price: of a move as long as the code itself; see `move_code`.
        learning_rate: Adam's, which falls to 0 along half a cosine.
        steps: updates over which the learning rate falls.
    """

    def __init__(
        self,
        *,
        vocabulary: tuple[str, ...],
        attributes: tuple[str, ...] = ("negative", "positive"),
        characters: bool = False,
        longest: int = 30,
        embedding: int = 128,
        filters: int = 75,
        hidden: int = 192,
        dropout: float = 0.4,
        examples: int = 1500,
        neighbours: int = 60,
        price: float = 0.3,
        learning_rate: float = 2e-3,
        steps: int = 20_000,
    ) -> None:
        super().__init__(vocabulary, attributes, characters=characters, longest=longest)
        count(1, hidden=hidden, examples=examples, neighbours=neighbours, steps=steps)
        within(0, 1, dropout=dropout)
        at_least(0, price=price)
        above(0, learning_rate=learning_rate)
        self.neighbours, self.price = neighbours, price
        self.learning_rate, self.steps = learning_rate, steps
        values, symbols = len(self.attributes), len(self.vocabulary)
        self.encoder = ConvEncoder(symbols, embedding, filters)
        width = self.encoder.width
        self.dropout = nn.Dropout(dropout)
        self.head = nn.Sequential(nn.Linear(width, hidden), nn.ReLU(), nn.Linear(hidden, values))
        self.decoder = RNNDecoder(symbols, width, embedding, hidden, cell="gru", feed_code=True)
        self.register_buffer("updates", torch.tensor(0))
        self.updates: Tensor
        # int16 where it holds the vocabulary, so that files are smaller
        numbers = torch.int16 if symbols <= torch.iinfo(torch.int16).max else torch.int32
        self.register_buffer("kept", torch.full((values, examples, longest + 1), PAD, dtype=numbers))
        self.kept: Tensor
        self.optimizers = {"adam": torch.optim.Adam(self.parameters(), learning_rate, fused=True)}

    def encode_tokens(self, tokens: Tensor) -> Tensor:
        """Return codes (n, 4 filters), none below 0, of symbols, int64 (n, length)."""
        codes: Tensor = self.encoder(tokens)
        return codes

    def decode(self, codes: Tensor) -> list[str]:
        """Return the likeliest sentences of codes (n, 4 filters), symbol by symbol."""
        return self.written(self.decoder, codes)

    @torch.no_grad()
    def classify(self, codes: Tensor) -> Tensor:
        """Return the likeliest value, int64 (n,), of codes (n, 4 filters)."""
        odds: Tensor = self.head(codes.to(self.device))
        return odds.argmax(1)

    def rewrite(self, tokens: Tensor, wanted: Tensor) -> Tensor:
        """Return the symbols of codes that are moved towards the values of labels (n,)."""
        codes = self.traverse(self.encode_tokens(tokens), wanted)
        return generate(self.decoder, codes, self.longest + 1)

    @torch.no_grad()
    def traverse(self, codes: Tensor, wanted: Tensor, price: float | None = None) -> Tensor:
        """Move codes towards the wanted values.

        Args:
            codes: (n, 4 filters).
            wanted: labels, int64 (n,).
            price: of a move; None for the model's own.

        Returns:
            Codes, (n, 4 filters). Without sentences on both sides a code stays where it is.
        """
        price = self.price if price is None else price
        given = codes.double().numpy(force=True)
        moved = move_codes(given, self.kept_codes(), wanted.numpy(force=True), price, self.neighbours)
        return torch.from_numpy(moved).to(codes)

    @torch.no_grad()
    def kept_codes(self) -> list[NDArray[np.float64]]:
        """Return the codes of the sentences that are kept, (at most `examples`, 4 filters) of each value."""
        there = [each[each[:, 0] != PAD] for each in self.kept]
        return [self.encode_tokens(each.long()).double().numpy(force=True) for each in there]

    def keep(self, tokens: Tensor, labels: Tensor) -> None:
        """Keep sentences for the sets of moves, before those that were kept earlier.

        Args:
            tokens: symbols, int64 (n, length).
            labels: int64 (n,).
        """
        fitting = tokens[:, : self.kept.shape[2]]
        fitting = functional.pad(fitting, (0, self.kept.shape[2] - fitting.shape[1]), value=PAD)
        for value, old in enumerate(self.kept):
            newest = torch.cat([fitting[labels == value].to(old.dtype), old])
            self.kept[value] = newest[: len(old)]

    def update(self, batch: Mapping[str, Tensor]) -> dict[str, float | Tensor]:
        """Do one step.

        Args:
            batch: `observation`, symbols int64 (n, length), and perhaps `label` (n,).

        Returns:
            `reconstruction`, the nats of a symbol; with labels `classifier`, the nats of a label.
        """
        tokens = self.tokens(batch["observation"])
        anneal(self.optimizers["adam"], int(self.updates), self.steps, self.learning_rate)
        codes = self.dropout(self.encode_tokens(tokens))
        losses = {"reconstruction": symbol_loss(self.decoder(codes, tokens).scores, tokens)}
        if "label" in batch:
            labels = batch["label"].to(tokens.device).long()
            losses["classifier"] = functional.cross_entropy(self.head(codes), labels)
            self.keep(tokens, labels)
        descend(torch.stack(list(losses.values())).sum(), self.optimizers["adam"])
        self.updates += 1
        return {name: loss.detach() for name, loss in losses.items()}
