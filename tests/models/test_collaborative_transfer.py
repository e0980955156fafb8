"""Attribute transfer with attention: its losses by hand, who learns from what, what it learns."""

from typing import Any

import numpy as np
import pytest
import torch
from torch import nn

from unknot.models.text.attribute_transfer import AttributeTransfer, noun_loss
from unknot.models.text.batches import length_batches
from unknot.models.text.decoding import generate, generate_through
from unknot.models.text.rnn import Decoded, RNNDecoder, embed
from unknot.models.text.vocabulary import END, PAD, START, UNKNOWN, Vocabulary
from unknot.representation import train

SUBJECTS = ("soup", "film", "phone", "price", "actor", "view")
VERDICTS = (("bad", "awful", "dull"), ("good", "great", "fine"))
SENTENCES = [
    f"the {subject} is {verdict} !" for verdicts in VERDICTS for verdict in verdicts for subject in SUBJECTS
]
LABELS = np.repeat([0, 1], len(SENTENCES) // 2)
VOCABULARY = Vocabulary.of(SENTENCES)
SMALL: dict[str, Any] = {"vocabulary": VOCABULARY.symbols, "longest": 6, "nouns": SUBJECTS}
SMALL |= {"embedding": 32, "hidden": 48, "attribute_dim": 8, "filters": 8, "warm_up": 80}
SMALL |= {"learning_rate": 1e-2, "classifier_rate": 1e-2, "blanking": 0.05}
DATA = {"observation": VOCABULARY.encode(SENTENCES), "label": LABELS}


def made(updates: int, **changed: Any) -> AttributeTransfer:
    torch.manual_seed(0)
    learner = AttributeTransfer(**SMALL | {"steps": max(updates, 1)} | changed)
    train(learner, length_batches(DATA, 18, 0), updates, progress=False)
    return learner


def batch() -> dict[str, torch.Tensor]:
    return {name: torch.from_numpy(each) for name, each in DATA.items()}


# Losses by hand


def test_a_noun_is_to_stand_where_attention_looks_most_at_it() -> None:
    tokens = torch.tensor([[4, 5, END], [6, 4, END]])
    is_noun = torch.zeros(8, dtype=torch.bool)
    is_noun[[5, 6]] = True
    attention = torch.tensor(
        [
            [[0.7, 0.2, 0.1], [0.1, 0.6, 0.3], [0.0, 0.9, 0.1]],  # the last place is beyond the END
            [[0.1, 0.8, 0.1], [0.2, 0.7, 0.1], [0.5, 0.2, 0.3]],
        ]
    )
    scores = torch.randn(2, 3, 8, generator=torch.Generator().manual_seed(0))
    decoded = Decoded(scores, torch.zeros(2, 3, 1), attention)
    nats = -scores.log_softmax(2)
    expected = (nats[0, 1, 5] + nats[1, 2, 6]) / 2
    loss = noun_loss(decoded, torch.tensor([2, 3]), tokens, is_noun)
    torch.testing.assert_close(loss, expected)
    assert noun_loss(decoded, torch.tensor([2, 3]), tokens, torch.zeros(8, dtype=torch.bool)) == 0


def test_the_writers_losses_have_their_weights_and_grow_after_the_warm_up() -> None:
    weights = {"noun_weight": 3.0, "back_weight": 5.0, "transfer_weight": 7.0, "back_transfer_weight": 11.0}
    learner = made(0, reconstruction_weight=2.0, warm_up=10, **weights)
    names = ("reconstruction", "nouns", "back", "transfer", "back_transfer")
    losses = {name: torch.tensor(10.0**k) for k, name in enumerate(names)}
    grown = 3e1 + 5e2 + 7e3 + 11e4
    for updates, ramp in ((10, 0.1), (14, 0.5), (19, 1.0), (50, 1.0)):
        learner.updates.fill_(updates)
        assert float(learner.total(losses)) == pytest.approx(2 + ramp * grown)
    learner.warm_up = 0
    assert float(learner.total(losses)) == pytest.approx(2 + grown)


def test_what_is_written_are_symbols_with_the_gradient_of_their_probabilities() -> None:
    torch.manual_seed(0)
    decoder, code = RNNDecoder(9, 3, 4, 5, feed_code=True), torch.randn(2, 3)
    written, decoded = generate_through(decoder, code, 4)
    assert written.symbols.equal(generate(decoder, code, 4))
    table, value = nn.Embedding(11, 2), torch.randn(2)  # two more rows than the decoder has symbols
    vectors = embed(table, written)
    assert vectors.equal(table(written.symbols))
    weights = (decoder.output.bias, table.weight)
    slope, rows = torch.autograd.grad((vectors @ value).sum(), weights, retain_graph=True)
    allowed = decoded.scores.index_fill(2, torch.tensor([PAD, START, UNKNOWN]), -torch.inf).softmax(2)
    mean = allowed @ table.weight[:9].detach()
    (expected,) = torch.autograd.grad((mean @ value).sum(), decoder.output.bias)
    torch.testing.assert_close(slope, expected)
    (of_symbols,) = torch.autograd.grad((table.weight[written.symbols] @ value).sum(), table.weight)
    torch.testing.assert_close(rows, of_symbols)


# Who learns from what


@pytest.mark.parametrize("collusion", [False, True])
def test_the_classifier_learns_from_what_is_written_only_if_it_is_told_to(collusion: bool) -> None:
    classifiers = []
    for weight in (0.0, 5.0):
        learner = made(0, collusion=collusion, transfer_weight=weight, warm_up=0)
        learner.update(batch())
        classifiers.append(torch.cat([each.flatten() for each in learner.classifier.parameters()]))
    assert torch.equal(*classifiers) != collusion


def test_a_classifier_without_weight_stays_as_it_is() -> None:
    learner = made(0, classifier_weight=0.0).eval()
    before = learner.classifier.encode_tokens(batch()["observation"])
    learner.train().update(batch())
    assert learner.eval().classifier.encode_tokens(batch()["observation"]).equal(before)


def test_the_warm_up_has_two_losses_and_then_there_are_six() -> None:
    learner = made(0, warm_up=1)
    assert set(learner.update(batch())) == {"reconstruction", "classifier"}
    found = learner.update(batch())
    assert len(found) == 6
    assert all(np.isfinite(float(each)) for each in found.values())
    learner.warm_up = 0
    assert len(learner.update(batch())) == 6


def test_the_rate_falls_once_all_losses_have_grown() -> None:
    learner = made(0, warm_up=2, steps=8)
    rates = []
    for _ in range(9):
        learner.update(batch())
        rates.append(learner.optimizers["adam"].param_groups[0]["lr"] / SMALL["learning_rate"])
    assert rates == pytest.approx([1, 1, 1, 1, 1, 0.854, 0.5, 0.146, 0], abs=1e-3)


# What it learns


def turned(learner: AttributeTransfer) -> float:
    """Return the share of sentences that get a verdict of the other kind and keep the rest."""
    written = learner.eval().transfer(SENTENCES, 1 - LABELS)
    found = [
        one in [" ".join([*other.split()[:3], verdict, "!"]) for verdict in VERDICTS[1 - label]]
        for one, other, label in zip(written, SENTENCES, LABELS, strict=True)
    ]
    return float(np.mean(found))


def test_sentences_get_an_opposite_verdict_and_keep_the_rest() -> None:
    assert turned(made(0)) == 0
    learner = made(120)
    assert turned(learner) >= 0.9
    words, weights = learner.look(SENTENCES[0], "positive")
    assert words[-1] == "<end>"
    assert weights.shape == (len(words), 6)
    torch.testing.assert_close(weights.sum(1), torch.ones(len(words)))


def test_nouns_of_another_vocabulary_are_refused() -> None:
    with pytest.raises(ValueError, match="nouns must be symbols of the vocabulary, not 'tree'"):
        AttributeTransfer(**SMALL | {"nouns": ("soup", "tree")})
