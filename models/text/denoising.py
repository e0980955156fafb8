"""The denoising adversarial autoencoder of sentences, with attributes as directions in its codes."""

from collections.abc import Mapping

import torch
from torch import Tensor, nn

from unknot.checks import above, at_least, count, within
from unknot.models.adversarial import (
    dense_discriminator,
    discriminator_loss,
    generator_loss,
    r1_penalty,
)
from unknot.models.text.decoding import generate
from unknot.models.text.rnn import RNNDecoder, RNNEncoder, symbol_loss
from unknot.models.text.transfer import Rewriter
from unknot.models.text.vocabulary import PAD, UNKNOWN
from unknot.representation.learner import anneal, descend

__all__ = ["DenoisingAdversarialAutoencoder", "drop_words"]

SHARE = 0.01
"""What a batch adds to the mean codes."""


class DenoisingAdversarialAutoencoder(Rewriter):
    """Writes sentences from codes of sentences that lack words; codes are normal, by a discriminator.

    Shen, Mueller, Barzilay and Jaakkola, "Educating text autoencoders: latent representation guidance via
    denoising", 2020. It learns without labels. A sentence gets another attribute by a step in the direction
    from the mean code of other sentences to that of sentences with it; a moving average keeps the means.

    Ours: R1, with weight 1, on the discriminator's slope at normal codes.

    Args:
        vocabulary: the symbols.
        attributes: names of the attribute's values, in the order of the labels.
        characters: the symbols are characters, not words.
        longest: symbols of a sentence, at most; a longer one is cut.
        embedding: dimensions of a symbol's vector.
        hidden: units of the encoder in each direction, and of the decoder.
        code_dim: dimensions of the code.
        width: units of the discriminator's hidden layer.
        dropping: share of the encoder's symbols that are dropped in training.
        adversary_weight: λ, the encoder's share of the discriminator, beside the nats of a sentence.
        stride: k, how many differences of the means a transfer moves a code.
        learning_rate: Adam's, which falls to 0 along half a cosine. The discriminator has the same: with a
            quarter of it, it can't follow the codes, and these swing around the origin.
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
        code_dim: int = 128,
        width: int = 512,
        dropping: float = 0.3,
        adversary_weight: float = 10.0,
        stride: float = 2.0,
        learning_rate: float = 2e-3,
        steps: int = 20_000,
    ) -> None:
        super().__init__(vocabulary, attributes, characters=characters, longest=longest)
        count(1, code_dim=code_dim, width=width, steps=steps)
        within(0, 1, dropping=dropping)
        at_least(0, adversary_weight=adversary_weight, stride=stride)
        above(0, learning_rate=learning_rate)
        self.code_dim, self.dropping, self.stride = code_dim, dropping, stride
        self.adversary_weight, self.learning_rate, self.steps = adversary_weight, learning_rate, steps
        symbols = len(self.vocabulary)
        self.encoder = RNNEncoder(symbols, embedding, hidden, both=True)
        self.code = nn.Linear(self.encoder.width, code_dim)
        self.decoder = RNNDecoder(symbols, code_dim, embedding, hidden, feed_code=True)
        self.discriminator = dense_discriminator(code_dim, width, 1)
        self.register_buffer("updates", torch.tensor(0))
        self.updates: Tensor
        self.register_buffer("means", torch.zeros(len(self.attributes), code_dim))
        self.means: Tensor
        autoencoder = [
            weight for part in (self.encoder, self.code, self.decoder) for weight in part.parameters()
        ]
        self.optimizers = {
            "adam": torch.optim.Adam(autoencoder, learning_rate, fused=True),
            "discriminator": torch.optim.Adam(
                self.discriminator.parameters(), learning_rate, betas=(0.5, 0.999), fused=True
            ),
        }

    def encode_tokens(self, tokens: Tensor) -> Tensor:
        """Return codes (n, code_dim) of symbols, int64 (n, length)."""
        codes: Tensor = self.code(self.encoder(tokens).last)
        return codes

    def decode(self, codes: Tensor) -> list[str]:
        """Return the likeliest sentences of codes (n, code_dim), symbol by symbol."""
        return self.written(self.decoder, codes)

    def traverse(self, codes: Tensor, wanted: Tensor, stride: float | None = None) -> Tensor:
        """Move codes towards the wanted attributes.

        Args:
            codes: (n, code_dim).
            wanted: labels, int64 (n,).
            stride: k; None for the model's own.
        """
        total, values = self.means.sum(0), len(self.attributes)
        directions = self.means - (total - self.means) / (values - 1)
        chosen = directions[wanted.to(directions.device)]
        return codes.to(chosen) + (self.stride if stride is None else stride) * chosen

    def rewrite(self, tokens: Tensor, wanted: Tensor) -> Tensor:
        """Return the symbols of codes that are moved towards the attributes of labels (n,)."""
        codes = self.traverse(self.encode_tokens(tokens), wanted)
        return generate(self.decoder, codes, self.longest + 1)

    def sample(self, n: int, generator: torch.Generator | None = None) -> list[str]:
        """Return the likeliest sentences of n normal codes."""
        count(1, n=n)
        return self.decode(torch.randn(n, self.code_dim, generator=generator))

    def update(self, batch: Mapping[str, Tensor]) -> dict[str, float | Tensor]:
        """Do one step of the discriminator, then one of the autoencoder.

        Args:
            batch: `observation`, symbols int64 (n, length), and perhaps `label` (n,), for the means alone.

        Returns:
            `reconstruction`, the nats of a symbol; `discriminator`, its loss in nats.
        """
        tokens = self.tokens(batch["observation"])
        for optimizer in self.optimizers.values():
            anneal(optimizer, int(self.updates), self.steps, self.learning_rate)
        codes = self.encode_tokens(drop_words(tokens, self.dropping))
        normal = torch.randn_like(codes)
        adversary = discriminator_loss(self.discriminator(normal), self.discriminator(codes.detach()))
        descend(adversary + r1_penalty(self.discriminator, normal), self.optimizers["discriminator"])
        reconstruction = symbol_loss(self.decoder(codes, tokens).scores, tokens)
        of_sentence = reconstruction * (tokens != PAD).sum() / len(tokens)
        loss = of_sentence + self.adversary_weight * generator_loss(self.discriminator(codes))
        descend(loss, self.optimizers["adam"])
        if "label" in batch:
            self._follow(tokens, batch["label"].to(codes.device))
        self.updates += 1
        return {"reconstruction": reconstruction.detach(), "discriminator": adversary.detach()}

    @torch.no_grad()
    def _follow(self, tokens: Tensor, labels: Tensor) -> None:
        """Move the mean codes towards those of a batch of whole sentences; at first they move faster."""
        codes = self.encode_tokens(tokens)
        share = max(SHARE, 1 / (1 + int(self.updates)))
        for value in range(len(self.attributes)):
            if (own := labels == value).any():
                self.means[value].lerp_(codes[own].mean(0), share)


def drop_words(tokens: Tensor, share: float) -> Tensor:
    """Drop a share of the symbols (n, length), sampled by torch; marks stay, and PAD fills up the end."""
    dropped = (torch.rand(tokens.shape, device=tokens.device) < share) & (tokens >= UNKNOWN)
    kept = tokens.masked_fill(dropped, PAD)
    order = dropped.byte().argsort(dim=1, stable=True)
    return kept.gather(1, order)
