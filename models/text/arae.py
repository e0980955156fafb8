"""The adversarially regularized autoencoder of sentences, with an attribute that its decoders know."""

from collections.abc import Mapping, Sequence
from typing import Any

import torch
from numpy.typing import NDArray
from torch import Tensor, nn
from torch.nn import functional

from unknot.checks import above, at_least, count, one_of, within
from unknot.models.adversarial import (
    dense_discriminator,
    gradient_penalty,
    wasserstein_distance,
    wasserstein_generator_loss,
)
from unknot.models.text.rnn import RNNEncoder, blank_words
from unknot.models.text.transfer import AttributeDecoders, Rewriter
from unknot.models.text.vocabulary import Sentences
from unknot.representation.learner import anneal, descend

__all__ = ["ARAE", "fooling_loss"]

PENALTY = 10.0
"""Weight of the gradient penalty."""
RECENT = 1280
"""Codes that the critic learns from, the latest; those of one batch, of one length, are similar."""
CLIP = 0.01
"""ε of weight clipping, as in the Wasserstein GAN of 2017."""
LIPSCHITZ = ("penalty", "clipping")


class ARAE(Rewriter):
    """Codes without an attribute, which each of its values has a decoder for; a generator makes codes, too.

    Zhao, Kim, Zhang, Rush and LeCun, "Adversarially regularized autoencoders for unaligned text
    style-transfer", 2017, Algorithm 1:

        min L_rec + λ1 W(P_r, P_g) - λ2 L_class,

    W the Wasserstein distance between codes of sentences and of the generator, which a critic estimates,
    L_class the cross-entropy of a classifier that reads the attribute off the code.

    Encoder and decoders take one step down the sum of their losses (steps 1, 3 and 3b), since Adam would
    take λ off a step of its own. Then the sentences are encoded anew, and the classifier learns from these
    codes: one of older codes is swung around by the encoder, not fooled. It takes another step on sentences
    that the encoder has not just learnt to fool it with, where batches have such. The critic learns from the
    latest codes of some batches, which are of sentences of many lengths.

    Codes and the generator's outputs have norm 1.

    Args:
        vocabulary: the symbols.
        attributes: names of the attribute's values, in the order of the labels.
        characters: the symbols are characters, not words.
        longest: symbols of a sentence, at most; a longer one is cut.
        embedding: dimensions of a symbol's vector.
        hidden: units of encoder and decoders, and dimensions of the code.
        noise: standard deviation, in each dimension, of Gaussian noise on codes that are decoded in training.
        blanking: share of the encoder's symbols that are blanked in training.
        noise_dim: dimensions of the generator's input, which is normal.
        width: units of the two hidden layers of generator, critic and classifier.
        critic_weight: λ1, the encoder's share of the critic; 0 with `adversary_weight` 0 is a plain
            autoencoder, whose codes the generator only follows.
        adversary_weight: λ2.
        critic_steps: k, of the critic for each of the others.
        lipschitz: what keeps the critic's slope: "penalty" on its gradients, or "clipping" of its weights,
            as in the paper.
        learning_rate: Adam's for encoder and decoders, which falls to 0 along half a cosine.
        adversary_rate: Adam's for generator, critic and classifier.
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
        noise: float = 0.05,
        blanking: float = 0.0,
        noise_dim: int = 32,
        width: int = 128,
        critic_weight: float = 0.01,
        adversary_weight: float = 1.0,
        critic_steps: int = 5,
        lipschitz: str = "penalty",
        learning_rate: float = 2e-3,
        adversary_rate: float = 5e-4,
        steps: int = 20_000,
    ) -> None:
        super().__init__(vocabulary, attributes, characters=characters, longest=longest)
        at_least(0, noise=noise, critic_weight=critic_weight, adversary_weight=adversary_weight)
        within(0, 1, blanking=blanking)
        above(0, learning_rate=learning_rate, adversary_rate=adversary_rate)
        count(1, noise_dim=noise_dim, width=width, critic_steps=critic_steps, steps=steps)
        one_of("lipschitz", lipschitz, LIPSCHITZ)
        self.noise, self.blanking, self.noise_dim = noise, blanking, noise_dim
        self.critic_weight, self.adversary_weight = critic_weight, adversary_weight
        self.critic_steps, self.lipschitz = critic_steps, lipschitz
        self.learning_rate, self.steps = learning_rate, steps
        self.scale = hidden**0.5  # what decoders and the classifier read is about 1, not 1 / sqrt(hidden)
        values, symbols = len(self.attributes), len(self.vocabulary)
        self.encoder = RNNEncoder(symbols, embedding, hidden)
        self.decoders = AttributeDecoders(values, symbols, hidden, embedding, hidden)
        self.generator = _perceptron(noise_dim, width, hidden)
        self.critic = dense_discriminator(hidden, width, 2)
        self.classifier = _perceptron(hidden, width, values)
        self.register_buffer("updates", torch.tensor(0))
        self.register_buffer("recent", torch.zeros(RECENT, hidden))
        self.register_buffer("encoded", torch.tensor(0))
        self.updates: Tensor
        self.recent: Tensor
        self.encoded: Tensor
        autoencoder = [*self.encoder.parameters(), *self.decoders.parameters()]
        self.optimizers = {"adam": torch.optim.Adam(autoencoder, learning_rate, fused=True)}
        for name in ("generator", "critic", "classifier"):
            parameters = getattr(self, name).parameters()
            self.optimizers[name] = torch.optim.Adam(parameters, adversary_rate, betas=(0.5, 0.9), fused=True)

    def encode_tokens(self, tokens: Tensor) -> Tensor:
        """Return codes (n, hidden), of norm 1, of symbols, int64 (n, length)."""
        return functional.normalize(self.encoder(tokens).last)

    def sample_codes(self, n: int, generator: torch.Generator | None = None) -> Tensor:
        """Return n codes of the generator, (n, hidden), of norm 1."""
        count(1, n=n)
        return self.codes_of(torch.randn(n, self.noise_dim, generator=generator).to(self.device))

    def codes_of(self, noise: Tensor) -> Tensor:
        """Return the generator's codes (n, hidden), of norm 1, of its inputs (n, noise_dim)."""
        return functional.normalize(self.generator(noise))

    @torch.no_grad()
    def decode(self, codes: Tensor, to: str | Sequence[int] | NDArray[Any]) -> list[str]:
        """Return the likeliest sentences of codes (n, hidden) with an attribute (see `transfer`)."""
        labels = self.labels(to, len(codes))
        written = self.decoders.generate(self.scale * codes.to(self.device), labels, self.longest + 1)
        return self.vocabulary.decode(written)

    def rewrite(self, tokens: Tensor, wanted: Tensor) -> Tensor:
        """Return the symbols (n, longest + 1) that the decoders of labels (n,) make of symbols' codes."""
        return self.decoders.generate(self.scale * self.encode_tokens(tokens), wanted, self.longest + 1)

    def classify(self, sentences: Sentences | Tensor) -> Tensor:
        """Return the classifier's log odds (n, values) of the codes of n sentences."""
        odds: Tensor = self.classifier(self.scale * self.encode_tokens(self.tokens(sentences)))
        return odds

    def update(self, batch: Mapping[str, Tensor]) -> dict[str, float | Tensor]:
        """Do a step of each network, `critic_steps` of the critic, with others two of the classifier.

        Args:
            batch: `observation`, symbols int64 (n, length), and `label` (n,); perhaps `other_observation`
                (m, length) and `other_label` (m,), which the classifier alone learns from.

        Returns:
            `reconstruction`, the nats of a symbol; `classifier`, its cross-entropy on the batch in nats;
            `distance`, the critic's estimate of W.
        """
        tokens = self.tokens(batch["observation"])
        labels = batch["label"].to(tokens.device).long()
        anneal(self.optimizers["adam"], int(self.updates), self.steps, self.learning_rate)
        reconstruction = self._autoencoder_step(tokens, labels)
        with torch.no_grad():
            codes = self.encode_tokens(tokens)
        classifier = self._classifier_step(codes, labels)
        if "other_observation" in batch:
            with torch.no_grad():
                others = self.encode_tokens(self.tokens(batch["other_observation"]))
            self._classifier_step(others, batch["other_label"].to(tokens.device).long())
        self._keep(codes)
        for _ in range(self.critic_steps):
            distance = self._critic_step(self._recent_codes(len(codes)))
        made = self.codes_of(torch.randn(len(codes), self.noise_dim, device=codes.device))
        loss = wasserstein_generator_loss(self.critic(made))
        descend(loss, self.optimizers["generator"])
        self.updates += 1
        return {
            "reconstruction": reconstruction,
            "classifier": classifier,
            "distance": distance,
        }

    def _keep(self, codes: Tensor) -> None:
        """Let codes (n, hidden) take the place of the oldest that are kept."""
        newest = codes[-RECENT:]
        places = int(self.encoded) + torch.arange(len(newest), device=codes.device)
        self.recent[places % RECENT] = newest
        self.encoded += len(newest)

    def _recent_codes(self, n: int) -> Tensor:
        """Return n of the codes that are kept, (n, hidden), at random."""
        known = min(int(self.encoded), RECENT)
        return self.recent[torch.randint(known, (n,), device=self.device)]

    def _autoencoder_step(self, tokens: Tensor, labels: Tensor) -> Tensor:
        """Do a step of encoder and decoders; return the nats of a symbol."""
        codes = self.encode_tokens(blank_words(tokens, self.blanking))
        noisy = self.scale * (codes + self.noise * torch.randn_like(codes))
        reconstruction = self.decoders.loss(noisy, tokens, labels)
        loss = reconstruction + self.critic_weight * self.critic(codes).mean()
        loss = loss + self.adversary_weight * fooling_loss(self.classifier(self.scale * codes), labels)
        descend(loss, self.optimizers["adam"])
        return reconstruction.detach()

    def _classifier_step(self, codes: Tensor, labels: Tensor) -> Tensor:
        """Do a step of the classifier on codes (n, hidden); return its cross-entropy before it."""
        loss = functional.cross_entropy(self.classifier(self.scale * codes), labels)
        descend(loss, self.optimizers["classifier"])
        return loss.detach()

    def _critic_step(self, codes: Tensor) -> Tensor:
        """Do a step of the critic on codes (n, hidden); return its estimate of W before it."""
        with torch.no_grad():
            made = self.codes_of(torch.randn(len(codes), self.noise_dim, device=codes.device))
        distance = wasserstein_distance(self.critic(codes), self.critic(made))
        if self.lipschitz == "penalty":
            penalty = PENALTY * gradient_penalty(self.critic, codes, made)
            descend(penalty - distance, self.optimizers["critic"])
        else:
            descend(-distance, self.optimizers["critic"])
            with torch.no_grad():
                for weight in self.critic.parameters():
                    weight.clamp_(-CLIP, CLIP)
        return distance.detach()


def fooling_loss(odds: Tensor, labels: Tensor) -> Tensor:
    """Return -log p(1 - y | c), for more than two values the mean of -log p over the others, in nats.

    Args:
        odds: log odds (n, values).
        labels: y, int64 (n,).
    """
    nats = -odds.log_softmax(1)
    own = nats.gather(1, labels[:, None])[:, 0]
    return ((nats.sum(1) - own) / (odds.shape[1] - 1)).mean()


def _perceptron(inputs: int, width: int, outputs: int) -> nn.Sequential:
    """Return a multilayer perceptron with two hidden layers of ReLU."""
    hidden = [nn.Linear(inputs, width), nn.ReLU(), nn.Linear(width, width), nn.ReLU()]
    return nn.Sequential(*hidden, nn.Linear(width, outputs))
