"""An autoencoder of sentences that also translates and tags: one representation, a decoder for each task."""

from collections.abc import Mapping, Sequence

import numpy as np
import torch
from torch import Tensor, nn

from unknot.checks import above, count, one_of, shown
from unknot.models.text.learner import SentenceLearner
from unknot.models.text.rnn import RNNDecoder, RNNEncoder, symbol_loss
from unknot.models.text.vocabulary import PAD, Vocabulary
from unknot.representation.learner import anneal, descend_within

__all__ = ["REPLICATE", "TAG", "TASKS", "MultitaskAutoencoder"]

REPLICATE, TAG = "rep", "pos"
TASKS = (REPLICATE, "de", "fr", TAG)
"""What decoders write: the sentence again, it in German or French, its parts of speech."""
STRETCH = 2
"""How many times as long as the longest sentence what a decoder writes may be."""
GAIN = 10.0
"""How much larger than its input the representation is at first. An LSTM's states are small: without this,
decoders hardly see it, and for long they only learn what sentences have in common."""
LARGEST_GRADIENT = 1.0
"""Norm that gradients are scaled down to."""


class MultitaskAutoencoder(SentenceLearner):
    """Encodes a sentence of characters as one representation, from which several decoders each write a task.

    Brunner, Wang, Wattenhofer and Weigelt, "Natural language multitasking: analyzing and improving syntactic
    saliency of hidden representations", 2017, Section 3. An LSTM reads the characters; a linear layer makes
    the representation of its last state; for each decoder a linear layer of its own makes the LSTM's first
    state of the representation.

    Args:
        vocabulary: characters, of all languages.
        decoders: which tasks, some of "rep", "de", "fr" and "pos".
        tags: names of the parts of speech, which "pos" writes, one for each word; None without "pos".
        longest: characters of a sentence, at most; a longer one is cut.
        embedding: dimensions of a symbol's vector.
        hidden: units of each LSTM.
        code_dim: dimensions of the representation.
        learning_rate: Adam's, which falls to 0 along half a cosine.
        steps: updates over which the learning rate falls.
    """

    def __init__(
        self,
        *,
        vocabulary: tuple[str, ...],
        decoders: tuple[str, ...] = (REPLICATE,),
        tags: tuple[str, ...] | None = None,
        longest: int = 100,
        embedding: int = 64,
        hidden: int = 256,
        code_dim: int = 256,
        learning_rate: float = 2e-3,
        steps: int = 20_000,
    ) -> None:
        super().__init__(vocabulary, characters=True, longest=longest)
        for task in decoders:
            one_of("decoder", task, TASKS)
        if not decoders or len(set(decoders)) < len(decoders):
            raise ValueError(f"decoders must be one or more different tasks, not {shown(decoders)}")
        if (TAG in decoders) != (tags is not None):
            raise ValueError(
                f"tags must be given for the decoder {TAG!r} and for it alone, not {shown(tags)}"
            )
        count(1, code_dim=code_dim, steps=steps)
        above(0, learning_rate=learning_rate)
        self.learning_rate, self.steps = learning_rate, steps
        self.targets = {
            task: Vocabulary(tags or ()) if task == TAG else self.vocabulary for task in map(str, decoders)
        }
        self.encoder = RNNEncoder(len(self.vocabulary), embedding, hidden)
        self.representation = nn.Linear(hidden, code_dim)
        self.decoders = nn.ModuleDict(
            {
                task: RNNDecoder(len(symbols), code_dim, embedding, hidden)
                for task, symbols in self.targets.items()
            }
        )
        _scale(self.representation, GAIN)
        for task in self.targets:
            _scale(self.decoder(task).begin, 1.0)
        self.register_buffer("updates", torch.tensor(0))
        self.updates: Tensor
        self.optimizers = {"adam": torch.optim.Adam(self.parameters(), learning_rate, fused=True)}

    def decoder(self, task: str) -> RNNDecoder:
        """Return the decoder of a task."""
        one_of("decoder", task, self.targets)
        decoder = self.decoders[task]
        assert isinstance(decoder, RNNDecoder)
        return decoder

    def encode_tokens(self, tokens: Tensor) -> Tensor:
        """Return representations (n, code_dim) of symbols, int64 (n, length)."""
        codes: Tensor = self.representation(self.encoder(tokens).last)
        return codes

    def decode(self, codes: Tensor, task: str = REPLICATE) -> list[str]:
        """Return the likeliest outputs of representations (n, code_dim), symbol by symbol.

        Args:
            codes: the representations.
            task: one of its decoders; "pos" writes names of parts of speech with a space between them.

        Raises:
            ValueError: a task that it has no decoder for.
        """
        decoder = self.decoder(task)
        return self.written(decoder, codes, self.targets[task], STRETCH * self.longest)

    def nats(self, batch: Mapping[str, Tensor]) -> dict[str, Tensor]:
        """Return the mean cross-entropy of a symbol of each decoder's target, in nats, by task.

        Args:
            batch: as `update` takes it.
        """
        tokens = self.tokens(batch["observation"])
        codes = self.encode_tokens(tokens)
        targets = {task: batch[task].to(self.device) for task in self.targets if task != REPLICATE}
        targets |= {REPLICATE: tokens}
        return {
            task: symbol_loss(self.decoder(task)(codes, targets[task]).scores, targets[task])
            for task in self.targets
        }

    @torch.no_grad()
    def perplexities(self, batches: Sequence[Mapping[str, Tensor]]) -> dict[str, float]:
        """Return the exponential of the mean cross-entropy of a symbol of all batches, by task, END included.

        Raises:
            ValueError: no batch.
        """
        count(1, batches=len(batches))
        sums, counts = dict.fromkeys(self.targets, 0.0), dict.fromkeys(self.targets, 0)
        for batch in batches:
            for task, nats in self.nats(batch).items():
                symbols = int((batch["observation" if task == REPLICATE else task] != PAD).sum())
                sums[task] += float(nats) * symbols
                counts[task] += symbols
        return {task: float(np.exp(sums[task] / counts[task])) for task in self.targets}

    def update(self, batch: Mapping[str, Tensor]) -> dict[str, float | Tensor]:
        """Do one step down the sum of all decoders' nats.

        Args:
            batch: `observation`, the characters of sentences, int64 (n, length); of the decoders but "rep"
                the symbols of what they write, int64 (n, own length), by task.

        Returns:
            The nats of a symbol, by task.
        """
        adam = self.optimizers["adam"]
        anneal(adam, int(self.updates), self.steps, self.learning_rate)
        nats = self.nats(batch)
        descend_within(LARGEST_GRADIENT, torch.stack(list(nats.values())).sum(), adam)
        self.updates += 1
        return {task: each.detach() for task, each in nats.items()}


def _scale(layer: nn.Linear, gain: float) -> None:
    """Let a layer's outputs be `gain` times as large as its inputs, whatever their number."""
    nn.init.normal_(layer.weight, std=gain / layer.in_features**0.5)
