"""The autoencoder of sentences with several decoders."""

import math
from typing import Any

import numpy as np
import pytest
import torch

from unknot.models.data.trilingual import trilingual_sentences
from unknot.models.text.batches import length_batches
from unknot.models.text.multitask import MultitaskAutoencoder
from unknot.models.text.rnn import symbol_loss
from unknot.models.text.vocabulary import Vocabulary
from unknot.representation.training import train

SMALL: dict[str, Any] = {
    "vocabulary": tuple("abcd"),
    "longest": 6,
    "embedding": 4,
    "hidden": 6,
    "code_dim": 3,
}


def small(**changes: Any) -> MultitaskAutoencoder:
    torch.manual_seed(0)
    return MultitaskAutoencoder(**SMALL | {"decoders": ("rep", "de", "pos"), "tags": ("N", "V")} | changes)


def batch(model: MultitaskAutoencoder) -> dict[str, torch.Tensor]:
    observation = model.tokens(["abc", "dd", ""])
    german = model.tokens(["dcbabc", "a", "b"])
    return {
        "observation": observation,
        "de": german,
        "pos": torch.from_numpy(Vocabulary(("N", "V")).encode(["N V N", "V", ""])),
    }


def test_the_loss_is_the_sum_of_each_decoders_nats_from_one_representation() -> None:
    model = small()
    given = batch(model)
    codes = model.representation(model.encoder(given["observation"]).last)
    torch.testing.assert_close(codes, model.encode(["abc", "dd", ""]))
    by_hand = {
        task: symbol_loss(model.decoder(task)(codes, given[name]).scores, given[name])
        for task, name in (("rep", "observation"), ("de", "de"), ("pos", "pos"))
    }
    again = small()
    torch.stack(list(by_hand.values())).sum().backward()  # type: ignore[no-untyped-call]
    torch.nn.utils.clip_grad_norm_(model.parameters(), 1.0)
    reported = again.update(given)
    for task, nats in by_hand.items():
        assert reported[task] == pytest.approx(nats.item())
    for one, other in zip(model.parameters(), again.parameters(), strict=True):
        assert one.grad is not None
        torch.testing.assert_close(one.grad, other.grad)


def test_perplexities_are_of_all_symbols_whatever_the_batches() -> None:
    model = small()
    given = batch(model)
    parts = [{name: each[k : k + 1] for name, each in given.items()} for k in range(3)]
    whole = model.perplexities([given])
    assert model.perplexities(parts) == pytest.approx(whole)
    assert whole["de"] == pytest.approx(math.exp(model.nats(given)["de"].item()))
    with pytest.raises(ValueError, match="batches must be at least 1"):
        model.perplexities([])


def test_it_learns_to_write_translate_and_tag() -> None:
    quads = trilingual_sentences(600, 0)
    alphabet = Vocabulary.of((text for quad in quads for text in quad[:3]), characters=True)
    tags = Vocabulary.of(quad[3] for quad in quads)
    symbols = {
        name: alphabet.encode([quad[k] for quad in quads]) for k, name in enumerate(("observation", "de"))
    }
    symbols["pos"] = tags.encode([quad[3] for quad in quads])
    torch.manual_seed(0)
    model = MultitaskAutoencoder(
        vocabulary=alphabet.symbols,
        decoders=("rep", "de", "pos"),
        tags=tags.symbols,
        longest=40,
        embedding=16,
        hidden=48,
        code_dim=32,
        learning_rate=1e-2,
        steps=200,
    )
    train(model, length_batches(symbols, 20, 0), 200, progress=False)
    codes = model.encode([quad[0] for quad in quads[:60]])
    written = model.decode(codes, "pos")
    right = [a == quad[3] for a, quad in zip(written, quads, strict=False)]
    assert np.mean(right) > 0.5  # for one frame of six: 0.2
    for task, name in (("rep", "observation"), ("de", "de")):
        own, others = (
            symbol_loss(model.decoder(task)(each, tokens).scores, tokens).item()
            for tokens in [torch.from_numpy(symbols[name][:60])]
            for each in (codes, codes.roll(1, 0))
        )
        assert own < 0.9 * others, task  # of untrained decoders: 1


def test_decoders_that_are_not_there_are_refused() -> None:
    model = small(decoders=("rep",), tags=None)
    with pytest.raises(ValueError, match="unknown decoder 'de'; there is 'rep'"):
        model.decode(model.encode(["a"]), "de")
    for wrong, reason in (
        ({"decoders": ("rep", "it")}, "unknown decoder 'it'"),
        ({"decoders": ("rep", "rep"), "tags": None}, "one or more different tasks"),
        ({"decoders": ("rep",)}, "tags must be given for the decoder 'pos' and for it alone"),
        ({"decoders": ("pos",), "tags": None}, "tags must be given"),
        ({"code_dim": 0}, "code_dim must be at least 1"),
        ({"learning_rate": 0.0}, "learning_rate must be above 0"),
    ):
        with pytest.raises(ValueError, match=reason):
            small(**wrong)
