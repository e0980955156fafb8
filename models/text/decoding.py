"""Writing sentences with a decoder: the likeliest symbols, samples, or probabilities that carry gradients."""

import torch
from torch import Tensor
from torch.nn import functional

from unknot.checks import above, at_least, count
from unknot.models.text.rnn import Decoded, Encoded, RNNDecoder, Written
from unknot.models.text.vocabulary import END, PAD, START, UNKNOWN

__all__ = ["generate", "generate_soft", "generate_through"]


@torch.no_grad()
def generate(
    decoder: RNNDecoder,
    code: Tensor,
    longest: int,
    memory: Encoded | None = None,
    *,
    temperature: float = 0.0,
    generator: torch.Generator | None = None,
) -> Tensor:
    """Write sentences symbol by symbol.

    Args:
        decoder: in the mode, training or evaluation, that it is in.
        code: (n, code_dim).
        longest: the most symbols, END included.
        memory: what the encoder returned, for a decoder with attention.
        temperature: 0 takes the likeliest symbol; else scores are divided by it, and symbols sampled.
        generator: for the samples; torch's default generator if None.

    Returns:
        Symbols, int64 (n, length), length at most `longest`. PAD follows END; no START or UNKNOWN is written.
    """
    count(1, longest=longest)
    at_least(0, temperature=temperature)
    state, n = decoder.first_state(code), len(code)
    last = torch.full((n, 1), START, device=code.device)
    ended = torch.zeros(n, 1, dtype=torch.bool, device=code.device)
    written: list[Tensor] = []
    while len(written) < longest and not ended.all():
        decoded, state = decoder.advance(state, last, code, memory)
        scores = _without_marks(decoded.scores[:, 0])
        if temperature:
            last = torch.multinomial((scores / temperature).softmax(1), 1, generator=generator)
        else:
            last = scores.argmax(1, keepdim=True)
        written.append(last.masked_fill(ended, PAD))
        ended = ended | (last == END)
    return torch.cat(written, 1)


def _softmax(scores: Tensor) -> Tensor:
    """Return the softmax of scores (n, length, symbols), none of them smaller than e^-60 times the largest.

    Probabilities below 1e-38, which a low temperature gives, take a processor several times as long.
    """
    least = scores.detach().amax(2, keepdim=True) - 60
    return scores.maximum(least).softmax(2)


def generate_soft(
    decoder: RNNDecoder,
    code: Tensor,
    length: int,
    memory: Encoded | None = None,
    *,
    temperature: float = 1.0,
    gumbel: bool = False,
    hard: bool = False,
) -> tuple[Tensor, Tensor]:
    """Write sentences as probabilities, each step given those of the step before, so that gradients flow.

    Encoders take the result instead of symbols.

    Args:
        decoder: see `generate`.
        code: (n, code_dim).
        length: symbols of every sentence; what comes after an END is ignored by encoders.
        memory: what the encoder returned, for a decoder with attention.
        temperature: scores are divided by it.
        gumbel: add Gumbel noise to scores: samples (Jang et al., 2017).
        hard: ones for the likeliest symbols and zeros else, with the gradient of the probabilities.

    Returns:
        Probabilities (n, length, symbols), and the states that they are made of (n, length, hidden).
    """
    count(1, length=length)
    above(0, temperature=temperature)
    state = decoder.first_state(code)
    symbols = decoder.embedding.num_embeddings
    last = functional.one_hot(torch.full((len(code), 1), START, device=code.device), symbols).to(code.dtype)
    written, states = [], []
    for _ in range(length):
        decoded, state = decoder.advance(state, last, code, memory)
        scores = _without_marks(decoded.scores)
        if gumbel:
            last = functional.gumbel_softmax(scores, temperature, hard)
        else:
            last = _softmax(scores / temperature)
            if hard:
                ones = functional.one_hot(last.argmax(2), symbols).to(last.dtype)
                last = ones + last - last.detach()
        written.append(last)
        states.append(decoded.states)
    return torch.cat(written, 1), torch.cat(states, 1)


def generate_through(
    decoder: RNNDecoder,
    code: Tensor,
    longest: int,
    memory: Encoded | None = None,
) -> tuple[Written, Decoded]:
    """Write the likeliest symbols with the gradients of their probabilities.

    The symbols are those of `generate`; one pass then gives the probability of each after those before, so
    that this takes a fraction of `generate_soft`'s time. No gradient flows from a symbol to those before it.

    Args:
        decoder: see `generate`.
        code: (n, code_dim).
        longest: the most symbols, END included.
        memory: what the encoder returned, for a decoder with attention.

    Returns:
        What encoders take; what was decoded.
    """
    symbols = generate(decoder, code, longest, memory)
    decoded = decoder(code, symbols, memory)
    return Written(symbols, _without_marks(decoded.scores).softmax(2)), decoded


def _without_marks(scores: Tensor) -> Tensor:
    """Forbid symbols that a sentence can't have before its end."""
    return scores.index_fill(-1, torch.tensor([PAD, START, UNKNOWN], device=scores.device), -torch.inf)
