"""The cross-aligned autoencoder of sentences."""

import math
from collections.abc import Mapping

import torch
from torch import Tensor, nn
from torch.nn import functional

from unknot.checks import above, at_least, count, within
from unknot.models.adversarial import discriminator_loss, generator_loss
from unknot.models.text.decoding import generate, generate_soft
from unknot.models.text.rnn import RNNDecoder, RNNEncoder, symbol_loss
from unknot.models.text.transfer import Rewriter
from unknot.models.text.vocabulary import PAD
from unknot.representation.learner import anneal, descend

__all__ = ["CrossAlignedAutoencoder"]

CHANCE = 2 * math.log(2)
"""Loss of a discriminator that knows nothing, in nats."""
SURE = 1.2
"""Loss of every discriminator, in nats, below which the autoencoder learns from them."""
HEIGHTS = (1, 2, 3, 4, 5)
"""States that the discriminators' filters see."""


class CrossAlignedAutoencoder(Rewriter):
    """A code of content and a vector of the attribute, from which one decoder writes.

    Shen, Lei, Barzilay and Jaakkola, "Style transfer from non-parallel text by cross-alignment", 2017,
    Algorithm 1: for each value of the attribute, a discriminator between the decoder's states for true
    sentences with it, which it is given word by word, and for sentences of other values that it writes with
    it, the first state, before any word, included. Words that it writes are given to it as probabilities.

    The encoder reads the attribute off the sentence itself, so that `encode` needs no label.

    Args:
        vocabulary: the symbols.
        attributes: names of the attribute's values, in the order of the labels.
        characters: the symbols are characters, not words.
        longest: symbols of a sentence, at most; a longer one is cut.
        embedding: dimensions of a symbol's vector.
        hidden: units of encoder and decoder, and dimensions of the code.
        attribute_dim: dimensions of the attribute's vector.
        filters: of each height, of a discriminator.
        temperature: γ; scores of words that are written are divided by it in training.
        dropout: share of symbols' vectors, and of states, that is left out in training.
        adversary_weight: λ, the encoder's and decoder's share of the discriminators, beside the nats of a
            sentence.
        learning_rate: Adam's for encoder and decoder, which falls to 0 along half a cosine.
        adversary_rate: Adam's for the discriminators.
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
        hidden: int = 128,
        attribute_dim: int = 32,
        filters: int = 64,
        temperature: float = 0.1,
        dropout: float = 0.0,
        adversary_weight: float = 1.0,
        learning_rate: float = 2e-3,
        adversary_rate: float = 5e-4,
        steps: int = 20_000,
    ) -> None:
        super().__init__(vocabulary, attributes, characters=characters, longest=longest)
        count(1, attribute_dim=attribute_dim, steps=steps)
        above(0, temperature=temperature, learning_rate=learning_rate, adversary_rate=adversary_rate)
        at_least(0, adversary_weight=adversary_weight)
        within(0, 1, dropout=dropout)
        self.temperature, self.adversary_weight = temperature, adversary_weight
        self.learning_rate, self.steps = learning_rate, steps
        values, symbols = len(self.attributes), len(self.vocabulary)
        self.encoder = RNNEncoder(symbols, embedding, hidden, dropout=dropout)
        sizes = (symbols, hidden + attribute_dim, embedding, hidden)
        self.decoder = RNNDecoder(*sizes, feed_code=True, dropout=dropout)
        self.attribute = nn.Embedding(values, attribute_dim)
        self.discriminators = nn.ModuleList(_StateDiscriminator(hidden, filters) for _ in range(values))
        self.register_buffer("updates", torch.tensor(0))
        self.updates: Tensor
        parts = (self.encoder, self.decoder, self.attribute)
        autoencoder = [weight for part in parts for weight in part.parameters()]
        self.optimizers = {
            "adam": torch.optim.Adam(autoencoder, learning_rate, fused=True),
            "discriminators": torch.optim.Adam(
                self.discriminators.parameters(), adversary_rate, betas=(0.5, 0.999), fused=True
            ),
        }

    def encode_tokens(self, tokens: Tensor) -> Tensor:
        """Return codes of content (n, hidden) of symbols, int64 (n, length)."""
        codes: Tensor = self.encoder(tokens).last
        return codes

    def rewrite(self, tokens: Tensor, wanted: Tensor) -> Tensor:
        """Return the symbols that symbols (n, length) become with the attributes of labels (n,)."""
        return generate(self.decoder, self._with(self.encode_tokens(tokens), wanted), self.longest + 1)

    def update(self, batch: Mapping[str, Tensor]) -> dict[str, float | Tensor]:
        """Do one step of the discriminators, then one of the autoencoder.

        Args:
            batch: `observation`, symbols int64 (n, length), and `label` (n,).

        Returns:
            `reconstruction`, the nats of a symbol; `discriminators`, the mean of their losses in nats.
        """
        tokens = self.tokens(batch["observation"])
        labels = batch["label"].to(tokens.device).long()
        anneal(self.optimizers["adam"], int(self.updates), self.steps, self.learning_rate)
        codes = self.encode_tokens(tokens)
        own = self._with(codes, labels)
        decoded = self.decoder(own, tokens)
        reconstruction = symbol_loss(decoded.scores, tokens)
        others = (labels + torch.randint_like(labels, 1, len(self.attributes))) % len(self.attributes)
        changed = self._with(codes, others)
        _, states = generate_soft(self.decoder, changed, tokens.shape[1], temperature=self.temperature)
        true, states = self._from_first(own, decoded.states), self._from_first(changed, states)
        losses = self._losses(true.detach(), labels, states.detach(), others)
        mean = torch.stack(losses).mean() if losses else codes.new_tensor(CHANCE)
        if losses:
            descend(mean, self.optimizers["discriminators"])
        loss = reconstruction * (tokens != PAD).sum() / len(tokens)  # the nats of a sentence
        if losses and float(torch.stack(losses).detach().max()) < SURE:
            loss = loss + self.adversary_weight * self._fooling_loss(states, others)
        descend(loss, self.optimizers["adam"])
        self.updates += 1
        return {"reconstruction": reconstruction.detach(), "discriminators": mean.detach()}

    def _with(self, codes: Tensor, labels: Tensor) -> Tensor:
        """Return codes (n, hidden + attribute_dim) with the vectors of labels (n,)."""
        return torch.cat([codes, self.attribute(labels)], 1)

    def _from_first(self, codes: Tensor, states: Tensor) -> Tensor:
        """Return the decoder's states (n, length + 1, hidden), the first, of codes alone, included."""
        return torch.cat([self.decoder.first_state(codes)[0][:, None], states], 1)

    def _discriminator(self, value: int) -> "_StateDiscriminator":
        network = self.discriminators[value]
        assert isinstance(network, _StateDiscriminator)
        return network

    def _losses(self, real: Tensor, labels: Tensor, made: Tensor, others: Tensor) -> list[Tensor]:
        """Return the loss in nats of each discriminator that has true and written sentences."""
        losses = []
        for value in range(len(self.attributes)):
            true, written = real[labels == value], made[others == value]
            if len(true) and len(written):
                network = self._discriminator(value)
                losses.append(discriminator_loss(network(true), network(written)))
        return losses

    def _fooling_loss(self, states: Tensor, others: Tensor) -> Tensor:
        """Return the sum over the attribute's values of -log D(states of sentences written with it)."""
        values = [value for value in range(len(self.attributes)) if (others == value).any()]
        return torch.stack(
            [generator_loss(self._discriminator(value)(states[others == value])) for value in values]
        ).sum()


class _StateDiscriminator(nn.Module):
    """Filters over neighbouring states, the largest answer of each, and a linear layer."""

    def __init__(self, hidden: int, filters: int) -> None:
        super().__init__()
        count(1, filters=filters)
        self.filters = nn.ModuleList(nn.Conv1d(hidden, filters, height) for height in HEIGHTS)
        self.output = nn.Linear(filters * len(HEIGHTS), 1)

    def forward(self, states: Tensor) -> Tensor:
        """Return log odds (n, 1) that states (n, length, hidden) are of true sentences."""
        padded = functional.pad(states.transpose(1, 2), (0, max(HEIGHTS) - 1))
        answers = [functional.leaky_relu(each(padded), 0.2).amax(2) for each in self.filters]
        odds: Tensor = self.output(torch.cat(answers, 1))
        return odds
