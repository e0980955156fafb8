"""The trunk of models of sentences: symbols, batches, networks, decoding, learners."""

import pickle
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from torch import Tensor
from torch.nn import functional

from unknot.models.text.autoencoder import SentenceAutoencoder
from unknot.models.text.batches import length_batches
from unknot.models.text.classifier import SentenceClassifier
from unknot.models.text.convolution import ConvEncoder
from unknot.models.text.decoding import generate, generate_soft
from unknot.models.text.language_model import LanguageModel
from unknot.models.text.rnn import RNNDecoder, RNNEncoder, blank_words, lengths_of, shifted, symbol_loss
from unknot.models.text.vocabulary import END, MARKS, PAD, START, UNKNOWN, Vocabulary
from unknot.representation import load_learner, save_learner, train
from unknot.representation.learner import encode_all

WORDS = ("a", "b", "c", "d")
TOKENS = torch.tensor([[4, 5, 6, END], [7, END, PAD, PAD]])


# Symbols


def test_sentences_become_symbols_and_come_back() -> None:
    vocabulary = Vocabulary(["good", "food"])
    tokens = vocabulary.encode(["good food", "", "bad food ."])
    assert tokens.tolist() == [[4, 5, END, PAD], [END, PAD, PAD, PAD], [UNKNOWN, 5, UNKNOWN, END]]
    assert vocabulary.decode(tokens) == ["good food", "", "<unk> food <unk>"]
    assert vocabulary.encode(np.array(["good food good"]), longest=2).tolist() == [[4, 5, END]]
    assert vocabulary.decode(torch.tensor([[START, 5, 4]])) == ["food good"]
    assert len(vocabulary) == 6
    letters = Vocabulary("ab ", characters=True)
    assert letters.encode(["b a"]).tolist() == [[5, 6, 4, END]]
    assert letters.decode(letters.encode(["b a"])) == ["b a"]
    assert vocabulary.encode([]).shape == (0, 1)


def test_a_vocabulary_keeps_the_most_frequent_symbols() -> None:
    sentences = ["b a c", "a b <unk>", "b d"]
    assert Vocabulary.of(sentences).symbols == ("b", "a", "c", "d")
    assert Vocabulary.of(iter(sentences), 3).symbols == ("b", "a", "c")
    assert Vocabulary.of(sentences, least=2).symbols == ("b", "a")
    assert Vocabulary.of(["ba", "b"], characters=True).symbols == ("b", "a")


@pytest.mark.parametrize(
    ("call", "expected"),
    [
        (lambda: Vocabulary(["a", "a"]), "'a' is there twice"),
        (lambda: Vocabulary(["a b"]), "words without spaces"),
        (lambda: Vocabulary([""]), "words without spaces"),
        (lambda: Vocabulary(["<end>"]), "none of <pad>"),
        (lambda: Vocabulary(["ab"], characters=True), "symbols must be characters"),
        (lambda: Vocabulary(WORDS).encode("a b"), "sentences must be a list of strings"),
        (lambda: Vocabulary(WORDS).encode([1]), "sentences must be a list of strings"),  # type: ignore[list-item]
        (lambda: Vocabulary(WORDS).encode(["a"], 0), "longest must be at least 1"),
        (lambda: Vocabulary(WORDS).decode(torch.tensor([[8]])), "each 0 to 7"),
        (lambda: Vocabulary(WORDS).decode(torch.tensor([4])), r"tokens must be \(n, length\)"),
        (lambda: SentenceClassifier(vocabulary=WORDS).encode(torch.zeros(2)), "strings or symbols, int64"),
        (lambda: SentenceClassifier(vocabulary=WORDS).encode(TOKENS + 5), "symbols must be 0 to 7"),
        (lambda: LanguageModel(vocabulary=WORDS).perplexity([]), "sentences must be at least 1"),
    ],
)
def test_wrong_symbols_and_sentences_are_refused(call: Any, expected: str) -> None:
    with pytest.raises(ValueError, match=expected):
        call()


# Batches


def lengths(batch: dict[str, Tensor]) -> list[int]:
    return (batch["observation"] != PAD).sum(1).tolist()


def test_batches_are_of_one_length_and_go_through_all_sentences() -> None:
    sizes = np.array([3] * 8 + [5] * 9 + [6] * 3)
    tokens = np.where(np.arange(6) < sizes[:, None], 4, PAD)
    tokens[np.arange(20), sizes - 1] = END
    data = {"observation": tokens, "label": np.arange(20), "other": np.repeat(tokens, 2, 1)[:, ::2]}
    batch_at = length_batches(data, 4, seed=0)
    epoch = [batch_at(step) for step in range(5)]
    assert sorted(int(k) for batch in epoch for k in batch["label"]) == list(range(20))
    assert sorted(lengths(batch) for batch in epoch) == [[3] * 4, [3] * 4, [5] * 4, [5] * 4, [5, 6, 6, 6]]
    for batch in epoch:
        assert batch["observation"].shape == batch["other"].shape == (4, max(lengths(batch)))
        assert lengths(batch) == sizes[batch["label"]].tolist()
    again = pickle.loads(pickle.dumps(batch_at))
    assert again(7)["label"].equal(batch_at(7)["label"])
    assert again(0)["label"].equal(epoch[0]["label"])
    assert not any(batch_at(5 + k)["label"].equal(epoch[k]["label"]) for k in range(5))
    left = length_batches({"observation": tokens}, 6, seed=0)
    assert all(left(step)["observation"].shape[0] == 6 for step in range(7))


def test_wrong_data_for_batches_is_refused() -> None:
    tokens = np.full((3, 2), END)
    for data, size, expected in (
        ({"tokens": tokens}, 1, "'observation'"),
        ({"observation": tokens, "label": np.zeros(2)}, 1, "arrays of 3 rows"),
        ({"observation": tokens}, 4, "from 1 to the 3 rows"),
    ):
        with pytest.raises(ValueError, match=expected):
            length_batches(data, size, seed=0)


# Networks


def test_lengths_count_up_to_the_first_end() -> None:
    tokens = torch.tensor([[4, END, END, PAD], [4, 5, 6, 7], [END, PAD, PAD, PAD]])
    assert lengths_of(tokens).tolist() == [2, 4, 1]
    assert lengths_of(functional.one_hot(tokens, 8).float()).tolist() == [2, 4, 1]


@pytest.mark.parametrize("both", [False, True])
@pytest.mark.parametrize("cell", ["lstm", "gru"])
def test_padding_and_certain_probabilities_change_no_code(cell: str, both: bool) -> None:
    torch.manual_seed(0)
    encoder = RNNEncoder(8, 3, 5, cell=cell, both=both)
    encoded = encoder(TOKENS)
    assert encoded.last.shape == (2, encoder.width)
    assert encoded.mask.tolist() == [[True] * 4, [True, True, False, False]]
    alone = encoder(TOKENS[1:, :2])
    torch.testing.assert_close(encoded.last[1:], alone.last)
    torch.testing.assert_close(encoded.states[1:, :2], alone.states)
    torch.testing.assert_close(encoder(functional.one_hot(TOKENS, 8).float()).last, encoded.last)
    if not both:
        torch.testing.assert_close(encoded.last[1], encoded.states[1, 1])


def test_the_convolution_takes_the_largest_answer_of_windows_in_the_sentence() -> None:
    torch.manual_seed(0)
    encoder = ConvEncoder(8, 2, 3, (1, 2))
    code = encoder(TOKENS)
    assert code.shape == (2, encoder.width) == (2, 6)
    torch.testing.assert_close(code[1:], encoder(TOKENS[1:, :2]))
    torch.testing.assert_close(encoder(functional.one_hot(TOKENS, 8).float()), code)
    vectors, pair = encoder.embedding.weight[TOKENS[0]], encoder.filters[1]
    assert isinstance(pair, torch.nn.Conv1d)
    assert pair.bias is not None
    windows = torch.cat([vectors, torch.zeros(1, 2)]).unfold(0, 2, 1)  # (4, embedding, 2)
    answers = torch.einsum("wdk,fdk->wf", windows, pair.weight) + pair.bias
    torch.testing.assert_close(code[0, 3:], answers.relu().amax(0))


def test_a_decoder_predicts_each_symbol_from_those_before_it_alone() -> None:
    torch.manual_seed(0)
    for feed_code in (False, True):
        decoder, code = RNNDecoder(8, 3, 4, 5, feed_code=feed_code), torch.randn(2, 3)
        scores = decoder(code, TOKENS).scores
        changed = TOKENS.clone()
        changed[:, 2] = 7
        after = decoder(code, changed).scores
        torch.testing.assert_close(after[:, :3], scores[:, :3])
        assert not torch.allclose(after[:, 3], scores[:, 3])
        assert not torch.allclose(decoder(-code, TOKENS).scores[:, 0], scores[:, 0])
        state = decoder.first_state(code)
        for k in range(4):  # step by step as at once
            step, state = decoder.advance(state, shifted(TOKENS)[:, k : k + 1], code)
            torch.testing.assert_close(step.scores[:, 0], scores[:, k])


def test_attention_looks_at_the_sentence_and_never_at_padding() -> None:
    torch.manual_seed(0)
    encoder = RNNEncoder(8, 3, 4, both=True)
    decoder = RNNDecoder(8, 8, 4, 5, memory_dim=encoder.width)
    memory = encoder(TOKENS)
    decoded = decoder(memory.last, TOKENS, memory)
    assert decoded.attention.shape == (2, 4, 4)
    torch.testing.assert_close(decoded.attention.sum(2), torch.ones(2, 4))
    assert decoded.attention[1, :, 2:].abs().max() == 0
    other = memory._replace(states=-memory.states)
    assert not torch.allclose(decoder(memory.last, TOKENS, other).scores[0], decoded.scores[0])
    with pytest.raises(ValueError, match="memory must be what the encoder returned"):
        decoder(memory.last, TOKENS)


def test_the_loss_is_the_mean_over_symbols_without_padding() -> None:
    scores = torch.randn(2, 4, 8, generator=torch.Generator().manual_seed(0))
    logs = scores.log_softmax(2)
    expected = -(logs[0, [0, 1, 2, 3], [4, 5, 6, END]].sum() + logs[1, [0, 1], [7, END]].sum()) / 6
    torch.testing.assert_close(symbol_loss(scores, TOKENS), expected)


def test_blanking_spares_marks() -> None:
    assert blank_words(TOKENS, 1.0).tolist() == [[3, 3, 3, END], [3, END, PAD, PAD]]
    assert blank_words(TOKENS, 0.0).equal(TOKENS)
    torch.manual_seed(0)
    assert 0.2 < (blank_words(torch.full((50, 50), 5), 0.3) == UNKNOWN).float().mean() < 0.4


# Decoding


class Scripted(RNNDecoder):
    """Writes a fixed sentence for each code, likeliest by 2 nats, whatever came before."""

    def advance(self, state: Any, tokens: Tensor, code: Tensor, memory: Any = None) -> Any:
        k = state[-1]
        scores = torch.zeros(len(code), 1, 8)
        scores[:, :, [PAD, START, UNKNOWN]] = 9.0  # may never be written
        script = torch.tensor([[4, 5, END, 6], [7, 7, 7, 7]])
        scores.scatter_(2, script[:, k : k + 1, None], 2.0)
        decoded, _ = super().advance(state[:-1], tokens, code)
        return decoded._replace(scores=scores), (*state[:-1], k + 1)

    def first_state(self, code: Tensor) -> Any:
        return (*super().first_state(code), 0)


def test_the_likeliest_symbols_are_written_up_to_the_end() -> None:
    decoder, code = Scripted(8, 1, 2, 2), torch.ones(2, 1)
    assert generate(decoder, code, 4).tolist() == [[4, 5, END, PAD], [7, 7, 7, 7]]
    assert generate(decoder, code, 2).tolist() == [[4, 5], [7, 7]]


def test_samples_have_their_probabilities() -> None:
    decoder = Scripted(8, 1, 2, 2)
    generator = torch.Generator().manual_seed(0)
    first = torch.cat(
        [generate(decoder, torch.ones(2, 1), 1, temperature=2.0, generator=generator)[:1] for _ in range(800)]
    )
    expected = np.e / (np.e + 4)  # exp(2 / 2) beside four symbols of exp(0)
    assert abs(float((first == 4).float().mean()) - expected) < 0.05
    assert set(first.flatten().tolist()) == {END, 4, 5, 6, 7}


def test_soft_sentences_equal_written_ones_when_cold_and_carry_gradients() -> None:
    torch.manual_seed(0)
    decoder, code = RNNDecoder(8, 3, 4, 5), torch.randn(2, 3, requires_grad=True)
    with torch.no_grad():
        decoder.output.bias[END] = -9.0
    written = generate(decoder, code, 5)
    for options in ({"temperature": 1e-4}, {"hard": True}):
        soft, states = generate_soft(decoder, code, 5, **options)
        assert soft.shape == (2, 5, 8)
        assert states.shape == (2, 5, 5)
        assert soft.argmax(2).equal(written)
        torch.testing.assert_close(soft.sum(2), torch.ones(2, 5))
        assert soft.min() > 1e-30 or "hard" in options  # numbers below 1e-38 are slow
    (gradient,) = torch.autograd.grad((soft[..., 4] * torch.arange(5)).sum(), code)
    assert gradient.isfinite().all()
    assert gradient.abs().sum() > 0
    sampled, _ = generate_soft(decoder, code, 5, gumbel=True, hard=True)
    assert set(sampled.detach().round(decimals=4).flatten().tolist()) == {0.0, 1.0}


# Learners


def reversible(n: int, seed: int) -> list[str]:
    rng = np.random.default_rng(seed)
    return [" ".join(rng.choice(list(WORDS), size=rng.integers(1, 5))) for _ in range(n)]


def batches(learner: Any, sentences: list[str], **columns: Any) -> Any:
    return length_batches({"observation": learner.vocabulary.encode(sentences), **columns}, 32, seed=0)


def test_an_autoencoder_writes_sentences_again_and_survives_its_file(tmp_path: Path) -> None:
    torch.manual_seed(0)
    learner = SentenceAutoencoder(vocabulary=WORDS, longest=5, embedding=16, hidden=48, learning_rate=1e-2)
    train(learner, batches(learner, reversible(600, 0)), 500, progress=False)
    sentences = reversible(60, 1)
    again = load_learner(save(learner, tmp_path), kind=SentenceAutoencoder)
    codes = again.encode(sentences)
    torch.testing.assert_close(codes.norm(dim=1), torch.ones(60))
    assert np.mean([a == b for a, b in zip(again.decode(codes), sentences, strict=True)]) > 0.8
    torch.testing.assert_close(again.encode(sentences[:1]), codes[:1])  # whatever it is padded to
    assert encode_all(again, sentences, batch=7).shape == (60, 48)


def save(learner: Any, folder: Path) -> Path:
    save_learner(learner, folder / "weights.safetensors")
    return folder / "weights.safetensors"


def test_a_language_model_learns_the_frequencies_of_words() -> None:
    """Words follow one of two chains, so that a perplexity can be worked out by hand."""
    torch.manual_seed(0)
    model = LanguageModel(
        vocabulary=WORDS, longest=4, embedding=8, hidden=16, dropout=0.0, learning_rate=1e-2
    )
    sentences = ["a b", "a b", "a b", "c d"]
    train(model, batches(model, sentences * 64), 150, progress=False)
    # The first word costs -log(3/4) or -log(1/4), all others nothing.
    expected = np.exp((3 * -np.log(0.75) - np.log(0.25)) / 12)
    assert model.perplexity(sentences) == pytest.approx(expected, rel=0.02)
    logs, counts = model.log_likelihoods(["a b", "c d c"])
    assert counts.tolist() == [3, 4]
    assert np.exp(logs[0]) == pytest.approx(0.75, abs=0.05)
    assert logs[1] < -4
    written = model.write(200, generator=torch.Generator().manual_seed(0))
    assert 0.6 < written.count("a b") / 200 < 0.9
    assert model.encode(["a b", "c"]).shape == (2, 16)


def test_a_classifier_learns_that_one_word_reverses_another() -> None:
    """Sentiment is the word "a" or "b", reversed by a "c" elsewhere: no word says it alone."""
    rng = np.random.default_rng(0)
    good, denied, where = rng.integers(2, size=(3, 400))
    sentences = [
        f"{'c' if deny and not at else 'd'} d {'ab'[k]} d {'c' if deny and at else 'd'}"
        for k, deny, at in zip(good, denied, where, strict=True)
    ]
    torch.manual_seed(0)
    learner = SentenceClassifier(vocabulary=WORDS, embedding=8, filters=8, hidden=16, learning_rate=1e-2)
    train(learner, batches(learner, sentences, label=good ^ denied), 200, progress=False)
    assert (learner.classify(sentences) == good ^ denied).mean() > 0.98
    assert learner.classify([]).shape == (0,)
    odds = learner.encode(sentences[:2])
    tokens = learner.vocabulary.encode(sentences[:2])
    soft = functional.one_hot(torch.from_numpy(tokens), len(MARKS) + 4).float()
    torch.testing.assert_close(learner.encode_tokens(soft), odds)


@pytest.mark.parametrize("kind", [SentenceAutoencoder, LanguageModel])
def test_training_on_sentences_resumes_to_the_same_bits(kind: Any, tmp_path: Path) -> None:
    def trained(steps: int, **options: Any) -> Any:
        torch.manual_seed(0)
        learner = kind(vocabulary=WORDS, embedding=4, hidden=4)
        train(learner, batches(learner, reversible(100, 0)), steps, progress=False, **options)
        return learner

    whole = trained(8)
    trained(3, folder=tmp_path)
    resumed = trained(8, folder=tmp_path, resume=True)
    assert all(a.equal(b) for a, b in zip(whole.parameters(), resumed.parameters(), strict=True))
