"""Recurrent encoders and decoders of symbols (Hochreiter and Schmidhuber, 1997; Cho et al., 2014)."""

from typing import Any, NamedTuple

import torch
from torch import Tensor, nn
from torch.nn import functional
from torch.nn.utils.rnn import pack_padded_sequence, pad_packed_sequence

from unknot.checks import count, one_of, within
from unknot.models.text.vocabulary import END, PAD, START, UNKNOWN

__all__ = [
    "Decoded",
    "Encoded",
    "RNNDecoder",
    "RNNEncoder",
    "Written",
    "blank_words",
    "embed",
    "lengths_of",
    "shifted",
    "symbol_loss",
]

CELLS: dict[str, type[nn.LSTM] | type[nn.GRU]] = {"lstm": nn.LSTM, "gru": nn.GRU}
State = tuple[Tensor, ...]
"""Of a decoder: (h, c) of an LSTM, (h,) of a GRU; each (n, hidden)."""


class Written(NamedTuple):
    """Sentences that were written, to be read with the gradient of the symbols' probabilities.

    This is the straight-through estimator of Bengio et al. (2013).
    """

    symbols: Tensor
    """int64 (n, length)."""
    probabilities: Tensor
    """(n, length, symbols)."""


class Encoded(NamedTuple):
    """What an encoder makes of n sentences."""

    states: Tensor
    """(n, length, d), zeros after the end of a sentence."""
    last: Tensor
    """(n, d), at the end of each sentence; in both directions where there are two."""
    mask: Tensor
    """bool (n, length): the symbol is one of the sentence, or its END."""


class Decoded(NamedTuple):
    """What a decoder makes of n sentences."""

    scores: Tensor
    """(n, length, symbols), before the softmax."""
    states: Tensor
    """(n, length, hidden), those that scores are made of."""
    attention: Tensor | None
    """(n, length, source length), weights that sum to 1; None without attention."""


def lengths_of(tokens: Tensor | Written) -> Tensor:
    """Return the symbols of each sentence up to its first END, that included: (n,).

    Args:
        tokens: symbols, int64 (n, length); or their probabilities, floats (n, length, symbols), of which the
            likeliest counts; or what was written. A sentence without END counts whole.
    """
    symbols = tokens.symbols if isinstance(tokens, Written) else tokens
    ended = (symbols.argmax(-1) if symbols.is_floating_point() else symbols) == END
    first = ended.byte().argmax(1) + 1
    return first.where(ended.any(1), symbols.shape[1])


def embed(table: nn.Embedding, tokens: Tensor | Written) -> Tensor:
    """Return vectors (n, length, d) of symbols, or the means by their probabilities (see `lengths_of`).

    What was written has the vectors of its symbols, with the gradient of those means. Of a larger table it
    has the first rows.
    """
    if isinstance(tokens, Written):
        through: Tensor = _Through.apply(table.weight, *tokens)  # type: ignore[no-untyped-call]
        return through
    vectors: Tensor = tokens @ table.weight if tokens.is_floating_point() else table(tokens)
    return vectors


class _Through(torch.autograd.Function):
    """Rows of a table by number, with the gradient of their mean by probabilities.

    As ones and zeros, to which the gradient is added, symbols would take a product with the whole table.
    """

    @staticmethod
    def forward(ctx: Any, table: Tensor, symbols: Tensor, probabilities: Tensor) -> Tensor:
        ctx.save_for_backward(table, symbols)
        ctx.width = probabilities.shape[2]
        return table[symbols]

    @staticmethod
    def backward(ctx: Any, slope: Tensor) -> tuple[Tensor | None, None, Tensor | None]:
        table, symbols = ctx.saved_tensors
        rows = None
        if ctx.needs_input_grad[0]:
            rows = torch.zeros_like(table).index_add_(0, symbols.flatten(), slope.flatten(0, 1))
        return rows, None, slope @ table[: ctx.width].T if ctx.needs_input_grad[2] else None


def shifted(tokens: Tensor) -> Tensor:
    """Return what a decoder is given to predict symbols (n, length): START, then all but the last."""
    return torch.cat([torch.full_like(tokens[:, :1], START), tokens[:, :-1]], 1)


def symbol_loss(scores: Tensor, tokens: Tensor) -> Tensor:
    """Return the mean cross-entropy of a symbol in nats; PAD does not count.

    Args:
        scores: (n, length, symbols).
        tokens: the true ones, int64 (n, length).
    """
    return functional.cross_entropy(scores.flatten(0, 1), tokens.flatten(), ignore_index=PAD)


def blank_words(tokens: Tensor, share: float) -> Tensor:
    """Replace a share of the symbols (n, length), sampled by torch, with UNKNOWN; marks stay."""
    blank = (torch.rand(tokens.shape, device=tokens.device) < share) & (tokens > UNKNOWN)
    return tokens.masked_fill(blank, UNKNOWN)


def _remembering(rnn: nn.LSTM | nn.GRU) -> nn.LSTM | nn.GRU:
    """Let an LSTM begin with open forget gates, so that the first words reach the last state.

    From Jozefowicz et al., "An empirical exploration of recurrent network architectures", 2015.
    """
    if isinstance(rnn, nn.LSTM):
        for name, bias in rnn.named_parameters():
            if name.startswith("bias_hh"):
                nn.init.constant_(bias[rnn.hidden_size : 2 * rnn.hidden_size], 1.0)
    return rnn


class RNNEncoder(nn.Module):
    """Reads symbols from first to last, or in both directions; padding changes nothing.

    Args:
        symbols: their number, marks included.
        embedding: dimensions of a symbol's vector.
        hidden: units in a direction.
        cell: "lstm" or "gru".
        both: read in both directions.
        dropout: share of the vectors' entries that is left out in training.

    Attributes:
        width: d of its states: `hidden`, or twice that for both directions.
    """

    def __init__(
        self,
        symbols: int,
        embedding: int = 128,
        hidden: int = 128,
        *,
        cell: str = "lstm",
        both: bool = False,
        dropout: float = 0.0,
    ) -> None:
        super().__init__()
        count(1, symbols=symbols, embedding=embedding, hidden=hidden)
        one_of("cell", cell, CELLS)
        within(0, 1, dropout=dropout)
        self.width = hidden * (1 + both)
        self.embedding = nn.Embedding(symbols, embedding, padding_idx=PAD)
        self.dropout = nn.Dropout(dropout)
        self.rnn = _remembering(
            CELLS[cell](int(embedding), int(hidden), batch_first=True, bidirectional=both)
        )

    def forward(self, tokens: Tensor | Written, first: Tensor | None = None) -> Encoded:
        """Encode n sentences.

        Args:
            tokens: symbols, int64 (n, length), their probabilities, floats (n, length, symbols), or what was
                written.
            first: a symbol (n,) that is read before each sentence, as part of it.
        """
        lengths, vectors = lengths_of(tokens), embed(self.embedding, tokens)
        if first is not None:
            lengths, vectors = lengths + 1, torch.cat([self.embedding(first)[:, None], vectors], 1)
        vectors, longest = self.dropout(vectors), vectors.shape[1]
        if bool((lengths == longest).all()):
            states, last = self.rnn(vectors)
        else:
            packed = pack_padded_sequence(vectors, lengths.cpu(), batch_first=True, enforce_sorted=False)
            packed_states, last = self.rnn(packed)
            states, _ = pad_packed_sequence(packed_states, batch_first=True, total_length=longest)
        hidden = last[0] if isinstance(last, tuple) else last
        mask = torch.arange(longest, device=vectors.device) < lengths[:, None]
        return Encoded(states, hidden.transpose(0, 1).flatten(1), mask)


class RNNDecoder(nn.Module):
    """Writes symbols from a code, one after the other, each from those before.

    The code gives the first state, by a linear layer. With attention (Luong et al., 2015, "general"), each
    state looks up the encoder's states and is mixed with what it found.

    Args:
        symbols: their number, marks included.
        code_dim: dimensions of the code.
        embedding: dimensions of a symbol's vector.
        hidden: units.
        cell: "lstm" or "gru".
        feed_code: give the code together with every symbol, too.
        memory_dim: d of the encoder's states; 0 for no attention.
        dropout: share of the vectors' entries, and of the states', that is left out in training.
    """

    def __init__(
        self,
        symbols: int,
        code_dim: int,
        embedding: int = 128,
        hidden: int = 128,
        *,
        cell: str = "lstm",
        feed_code: bool = False,
        memory_dim: int = 0,
        dropout: float = 0.0,
    ) -> None:
        super().__init__()
        count(1, symbols=symbols, code_dim=code_dim, embedding=embedding, hidden=hidden)
        count(0, memory_dim=memory_dim)
        one_of("cell", cell, CELLS)
        within(0, 1, dropout=dropout)
        self.feed_code = feed_code
        self.embedding = nn.Embedding(symbols, embedding, padding_idx=PAD)
        self.dropout = nn.Dropout(dropout)
        self.begin = nn.Linear(code_dim, hidden * (2 if cell == "lstm" else 1))
        self.rnn = _remembering(
            CELLS[cell](int(embedding + code_dim * feed_code), int(hidden), batch_first=True)
        )
        self.attention = nn.Linear(hidden, memory_dim, bias=False) if memory_dim else None
        self.mix = nn.Linear(hidden + memory_dim, hidden) if memory_dim else None
        self.output = nn.Linear(hidden, symbols)

    def first_state(self, code: Tensor) -> State:
        """Return the state before the first symbol, of codes (n, code_dim)."""
        state: State = self.begin(code).split(self.rnn.hidden_size, 1)
        return state

    def forward(self, code: Tensor, tokens: Tensor, memory: Encoded | None = None) -> Decoded:
        """Predict each of the symbols from the true ones before it.

        Args:
            code: (n, code_dim).
            tokens: those to predict, int64 (n, length).
            memory: what the encoder returned; needed with attention.
        """
        return self.advance(self.first_state(code), shifted(tokens), code, memory)[0]

    def advance(
        self, state: State, tokens: Tensor, code: Tensor, memory: Encoded | None = None
    ) -> tuple[Decoded, State]:
        """Read symbols and predict the one after each.

        Args:
            state: from `first_state` or an earlier call.
            tokens: int64 (n, length), or probabilities (n, length, symbols); START is the first of all.
            code: (n, code_dim).
            memory: what the encoder returned; needed with attention.

        Returns:
            What was decoded, and the state after it.
        """
        vectors = self.dropout(embed(self.embedding, tokens))
        if self.feed_code:
            vectors = torch.cat([vectors, code[:, None].expand(-1, vectors.shape[1], -1)], 2)
        before = tuple(part[None].contiguous() for part in state)
        states, after = self.rnn(vectors, before if len(before) == 2 else before[0])
        next_state = tuple(part[0] for part in (after if isinstance(after, tuple) else (after,)))
        attention = None
        if self.attention is not None and self.mix is not None:
            if memory is None:
                raise ValueError("memory must be what the encoder returned, since the decoder has attention")
            fit = self.attention(states) @ memory.states.transpose(1, 2)
            attention = fit.masked_fill(~memory.mask[:, None], -torch.inf).softmax(2)
            states = self.mix(torch.cat([states, attention @ memory.states], 2)).tanh()
        states = self.dropout(states)
        return Decoded(self.output(states), states, attention), next_state
