"""Transfer of an attribute with attention, a classifier that works with the writer, and kept nouns."""

from collections.abc import Mapping, Sequence

import torch
from torch import Tensor, nn
from torch.nn import functional

from unknot.checks import above, at_least, count, shown, within
from unknot.models.text.classifier import SentenceClassifier
from unknot.models.text.decoding import generate, generate_through
from unknot.models.text.rnn import (
    Decoded,
    Encoded,
    RNNDecoder,
    RNNEncoder,
    Written,
    blank_words,
    lengths_of,
    symbol_loss,
)
from unknot.models.text.transfer import Rewriter
from unknot.models.text.vocabulary import MARKS
from unknot.representation.learner import anneal, descend

__all__ = ["AttributeTransfer", "noun_loss"]

LONGER = 4
"""By how many symbols a sentence that is written in training may be longer than the one that was read."""


class AttributeTransfer(Rewriter):
    """An encoder and a decoder with attention, both told the attribute, and a classifier that helps them.

    Melnyk, dos Santos, Wadhawan, Padhi and Kumar, "Improved neural text attribute transfer with non-parallel
    data", 2017, Algorithm 1:

        λ1 L_rec + λ2 L_cnt_rec + λ3 L_back_rec + λ4 L_class_od + λ5 L_class_td + λ6 L_class_btd.

    A sentence is written again with its own value (rec), and with another one: there the nouns are to stay
    where attention finds them (cnt_rec), the classifier is to read the wanted value (class_td), and from
    what was written the sentence itself is to be written again (back_rec), with its own value for the
    classifier (class_btd). The classifier learns from true sentences (class_od).

    Words that are written are symbols with the gradient of their probabilities (see `generate_through`).

    Args:
        vocabulary: the symbols.
        attributes: names of the attribute's values, in the order of the labels.
        characters: the symbols are characters, not words.
        longest: symbols of a sentence, at most; a longer one is cut.
        nouns: the symbols that are nouns, some of the vocabulary.
        embedding: dimensions of a symbol's vector.
        hidden: units of the encoder in each direction, and of the decoder.
        attribute_dim: dimensions of the attribute's vector.
        filters: of each height, of the classifier.
        reconstruction_weight: λ1, of the nats of a symbol.
        noun_weight: λ2, of the nats of a noun.
        back_weight: λ3, of the nats of a symbol.
        classifier_weight: λ4; 0 leaves the classifier as it starts, unless `collusion`.
        transfer_weight: λ5, of the nats of a sentence.
        back_transfer_weight: λ6, of the nats of a sentence.
        collusion: let the classifier learn from what was written, too, with the wanted label, as the paper's
            sum of losses does. It can then agree with the writer on any sentence.
        blanking: share of the encoder's symbols that are blanked where a sentence is written again.
        warm_up: updates that learn to write sentences again, and the classifier, alone; until attention finds
            words, no noun has a place. The other losses then grow from 0 over as many updates.
        learning_rate: Adam's for encoder and decoder, which falls to 0 along half a cosine once all losses
            have grown.
        classifier_rate: Adam's for the classifier.
        steps: all updates.

    Raises:
        ValueError: a noun that is not in the vocabulary.
    """

    def __init__(
        self,
        *,
        vocabulary: tuple[str, ...],
        attributes: tuple[str, ...] = ("negative", "positive"),
        characters: bool = False,
        longest: int = 30,
        nouns: tuple[str, ...] = (),
        embedding: int = 128,
        hidden: int = 128,
        attribute_dim: int = 32,
        filters: int = 75,
        reconstruction_weight: float = 1.0,
        noun_weight: float = 0.3,
        back_weight: float = 2.0,
        classifier_weight: float = 1.0,
        transfer_weight: float = 1.0,
        back_transfer_weight: float = 1.0,
        collusion: bool = False,
        blanking: float = 0.1,
        warm_up: int = 1000,
        learning_rate: float = 2e-3,
        classifier_rate: float = 1e-3,
        steps: int = 20_000,
    ) -> None:
        super().__init__(vocabulary, attributes, characters=characters, longest=longest)
        count(1, attribute_dim=attribute_dim, steps=steps)
        at_least(0, reconstruction_weight=reconstruction_weight, noun_weight=noun_weight)
        at_least(0, back_weight=back_weight, classifier_weight=classifier_weight)
        at_least(0, transfer_weight=transfer_weight, back_transfer_weight=back_transfer_weight)
        count(0, warm_up=warm_up)
        within(0, 1, blanking=blanking)
        above(0, learning_rate=learning_rate, classifier_rate=classifier_rate)
        self.reconstruction_weight, self.noun_weight = reconstruction_weight, noun_weight
        self.back_weight, self.classifier_weight = back_weight, classifier_weight
        self.transfer_weight, self.back_transfer_weight = transfer_weight, back_transfer_weight
        self.collusion, self.blanking = collusion, blanking
        self.warm_up, self.learning_rate, self.steps = warm_up, learning_rate, steps
        values, self.symbols = len(self.attributes), len(self.vocabulary)
        # the encoder reads the value as a word before the first one
        self.encoder = RNNEncoder(self.symbols + values, embedding, hidden, both=True)
        width = self.encoder.width
        self.decoder = RNNDecoder(
            self.symbols, attribute_dim, embedding, hidden, feed_code=True, memory_dim=width
        )
        self.attribute = nn.Embedding(values, attribute_dim)
        self.classifier = SentenceClassifier(
            vocabulary=tuple(vocabulary),
            characters=characters,
            longest=longest,
            classes=values,
            filters=filters,
            learning_rate=classifier_rate,
        )
        self.register_buffer("is_noun", _marked(self.vocabulary.symbols, nouns), persistent=False)
        self.register_buffer("updates", torch.tensor(0))
        self.is_noun: Tensor
        self.updates: Tensor
        parts = (self.encoder, self.decoder, self.attribute)
        writer = [weight for part in parts for weight in part.parameters()]
        self.optimizers = {
            "adam": torch.optim.Adam(writer, learning_rate, fused=True),
            "classifier": self.classifier.optimizers["adam"],
        }

    def encode_tokens(self, tokens: Tensor) -> Tensor:
        """Return the encoder's last states (n, 2 · hidden) of symbols, int64 (n, length).

        The encoder is told the value that the classifier reads.
        """
        return self._read(tokens, self.classifier.encode_tokens(tokens).argmax(1)).last

    def rewrite(self, tokens: Tensor, wanted: Tensor) -> Tensor:
        """Return the symbols that symbols (n, length) become with the attributes of labels (n,).

        A sentence is taken to have the likeliest, for the classifier, of the values that are not wanted.
        """
        read = self._read_for(tokens, wanted)
        return generate(self.decoder, self.attribute(wanted), self.longest + 1, read)

    @torch.no_grad()
    def look(self, sentence: str, to: str | Sequence[int]) -> tuple[list[str], Tensor]:
        """Write a sentence anew, and tell where attention looks.

        Args:
            sentence: it.
            to: as for `transfer`, a name or one label.

        Returns:
            The m symbols that are written, END included, and the weights (m, n) of the n that are read, END
            included; each row sums to 1.
        """
        tokens, wanted = self.tokens([sentence]), self.labels(to, 1)
        read = self._read_for(tokens, wanted)
        code = self.attribute(wanted)
        written = generate(self.decoder, code, self.longest + 1, read)
        attention = self.decoder(code, written, read).attention
        assert attention is not None
        names = (*MARKS, *self.vocabulary.symbols)
        return [names[k] for k in written[0].tolist()], attention[0]

    def _read_for(self, tokens: Tensor, wanted: Tensor) -> Encoded:
        """Encode symbols (n, length), told the likeliest value that is not the wanted one."""
        odds = self.classifier.encode_tokens(tokens)
        return self._read(tokens, odds.scatter(1, wanted[:, None], -torch.inf).argmax(1))

    def update(self, batch: Mapping[str, Tensor]) -> dict[str, float | Tensor]:
        """Do one step of encoder and decoder, and one of the classifier.

        Args:
            batch: `observation`, symbols int64 (n, length), and `label` (n,).

        Returns:
            The losses in nats, without their weights: `reconstruction` and `classifier`, after the warm-up
            also `nouns`, `back`, `transfer`, `back_transfer`.
        """
        tokens = self.tokens(batch["observation"])
        labels = batch["label"].to(tokens.device).long()
        grown = min(2 * self.warm_up, self.steps - 1)
        done = max(int(self.updates) - grown, 0)
        anneal(self.optimizers["adam"], done, self.steps - grown, self.learning_rate)
        if int(self.updates) < self.warm_up:
            losses = self.first_losses(tokens, labels)
            writing = losses["reconstruction"]
        else:
            losses = self.losses(tokens, labels)
            writing = self.total(losses)
        reading = self.classifier_weight * losses["classifier"]
        if self.collusion:
            descend(writing + reading, *self.optimizers.values())
        else:
            descend(writing, self.optimizers["adam"])
            if self.classifier_weight:
                descend(reading, self.optimizers["classifier"])
        self.updates += 1
        return {name: loss.detach() for name, loss in losses.items()}

    def losses(self, tokens: Tensor, labels: Tensor) -> dict[str, Tensor]:
        """Return the six losses in nats, without their weights, by the names that `update` has.

        Args:
            tokens: int64 (n, length).
            labels: the sentences' own values, int64 (n,).
        """
        others = self._others(labels)
        longest = min(tokens.shape[1] + LONGER, self.longest + 1)
        blanked = self._read(blank_words(tokens, self.blanking), labels)
        moved, decoded = self._write(self._read(tokens, labels), others, longest)
        read_back = self._read(moved, others)
        returned, _ = self._write(read_back, labels, longest)
        return {
            "reconstruction": self._nats(blanked, labels, tokens),  # (1)
            "nouns": noun_loss(decoded, lengths_of(moved), tokens, self.is_noun),  # (2)
            "back": self._nats(read_back, labels, tokens),  # (5)
            "classifier": self._class_nats(blank_words(tokens, self.classifier.blanking), labels),  # (4)
            "transfer": self._class_nats(moved, others),  # (3)
            "back_transfer": self._class_nats(returned, labels),  # (6)
        }

    def first_losses(self, tokens: Tensor, labels: Tensor) -> dict[str, Tensor]:
        """Return the losses of the warm-up, `reconstruction` and `classifier` (see `losses`).

        The encoder is told any value, so that the decoder goes by its own.
        """
        told = torch.randint_like(labels, len(self.attributes))
        blanked = self._read(blank_words(tokens, self.blanking), told)
        return {
            "reconstruction": self._nats(blanked, labels, tokens),
            "classifier": self._class_nats(blank_words(tokens, self.classifier.blanking), labels),
        }

    def total(self, losses: Mapping[str, Tensor]) -> Tensor:
        """Return the sum of the writer's five losses; all but the first grow over as long as the warm-up."""
        ramp = min((int(self.updates) + 1) / self.warm_up - 1, 1.0) if self.warm_up else 1.0
        weights = {
            "nouns": self.noun_weight,
            "back": self.back_weight,
            "transfer": self.transfer_weight,
            "back_transfer": self.back_transfer_weight,
        }
        grown = torch.stack([weight * losses[name] for name, weight in weights.items()]).sum()
        return self.reconstruction_weight * losses["reconstruction"] + ramp * grown

    def _others(self, labels: Tensor) -> Tensor:
        """Return another value, sampled uniformly, for each label (n,)."""
        values = len(self.attributes)
        return (labels + torch.randint_like(labels, 1, values)) % values

    def _class_nats(self, tokens: Tensor | Written, labels: Tensor) -> Tensor:
        return functional.cross_entropy(self.classifier.encode_tokens(tokens), labels)

    def _read(self, tokens: Tensor | Written, labels: Tensor) -> Encoded:
        """Encode symbols (n, length), or what was written, of sentences with labels."""
        states, last, mask = self.encoder(tokens, self.symbols + labels)
        return Encoded(states[:, 1:], last, mask[:, 1:])

    def _write(self, read: Encoded, labels: Tensor, longest: int) -> tuple[Written, Decoded]:
        """Write the likeliest symbols with labels (n,), with gradients (see `generate_through`)."""
        return generate_through(self.decoder, self.attribute(labels), longest, read)

    def _nats(self, read: Encoded, labels: Tensor, tokens: Tensor) -> Tensor:
        """Return the mean cross-entropy of symbols (n, length), written with labels (n,)."""
        return symbol_loss(self.decoder(self.attribute(labels), tokens, read).scores, tokens)


def noun_loss(decoded: Decoded, lengths: Tensor, tokens: Tensor, is_noun: Tensor) -> Tensor:
    """Return the mean cross-entropy in nats of nouns where attention finds them, 0 where there is none.

    A noun's place in the sentence that was written is where attention looks most at it (equation 2).

    Args:
        decoded: what a decoder with attention made of n sentences.
        lengths: of the sentences that were written, END included, (n,).
        tokens: the sentences, int64 (n, length).
        is_noun: bool (symbols,).
    """
    assert decoded.attention is not None
    rows, places = is_noun[tokens].nonzero(as_tuple=True)
    looks = decoded.attention[rows, :, places]
    beyond = torch.arange(looks.shape[1], device=looks.device) >= lengths[rows, None]
    written = looks.masked_fill(beyond, -1).argmax(1)
    nats = functional.cross_entropy(decoded.scores[rows, written], tokens[rows, places], reduction="sum")
    return nats / max(len(rows), 1)


def _marked(symbols: tuple[str, ...], nouns: tuple[str, ...]) -> Tensor:
    """Return which symbols, marks included, are nouns: bool (symbols,)."""
    strange = sorted(set(nouns) - set(symbols))
    if strange:
        raise ValueError(f"nouns must be symbols of the vocabulary, not {shown(strange[0])}")
    chosen = set(nouns)
    return torch.tensor([*[False] * len(MARKS), *(symbol in chosen for symbol in symbols)])
