"""How much of a loss still reaches the state at each earlier step, and what each step adds to a weight's gradient.

For every layer, every field s of its state (h; for the cells with a memory c too) and every step t::

    ‖∂L_T/∂s_t‖ = mean over the batch of ‖∂L_T^b/∂s_t^b‖₂

L_T^b is the loss of sequence b at the last step, in nats, not divided by B: a curve does not depend on the
batch size. The derivative is total along time: it takes every path from s_t to the loss, through all later
steps and through the layers above. What lies before s_t is held fixed, and c_t comes before h_t: ∂L/∂c_t
includes the path through h_t = tanh(c_t) ⊙ o_t (and through the output gate's peephole), ∂L/∂h_t is at fixed
c_t. This is why h alone misleads for an LSTM: with f ≈ 1 its gradient travels in c. (A user's own cell whose
h is not computed from the very c that it returns, as torch.nn.LSTMCell's is not, lacks that path in ∂L/∂c_t.)

For a vanilla RNN it is δ_t of `closed_forms`: ∂L/∂h_{t-1} = W_hhᵀ diag(1 - h_t²) ∂L/∂h_t. Singular values of
W_hh and the slopes 1 - h² decide whether that shrinks; with an orthogonal W_hh times s, all singular values
are s.

`state_gradients` and `layer_gradients` compute in float64 on a copy, so that 10⁻²⁰⁰ is a number and not a zero;
`model_gradients` in the model's own dtype.
"""

from __future__ import annotations

import copy
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager

import torch
from torch import Tensor

from unrolled.analysis.batches import last_answer, require_batch
from unrolled.analysis.gradients.spectra import recurrent_blocks
from unrolled.analysis.gradients.values import LayerGradients, StateGradients
from unrolled.analysis.gradients.walk import Walk, watched
from unrolled.data import Marking, OneOf
from unrolled.errors import InputError
from unrolled.nn import CharacterModel, RecurrentLayer, SequenceClassifier, convert

__all__ = ["layer_gradients", "model_gradients", "state_gradients"]

CHUNK = 128
"""Steps that are differentiated together; more takes more memory and changes nothing else."""


def state_gradients(
    model: SequenceClassifier | CharacterModel,
    inputs: Tensor,
    targets: Tensor,
    *,
    contributions: bool = True,
    keep: bool = False,
    chunk: int = CHUNK,
    dtype: torch.dtype = torch.float64,
    marking: Marking = OneOf(),  # noqa: B008
) -> StateGradients:
    """The gradients of a model's loss at the last step, as a rule the cross-entropy.

    Args:
        model: trained or untrained; it is not changed.
        inputs: symbols, int64 [T,B], or numbers [T,B,F] where the model reads those.
        targets: the right answer at the last step, [B]; of several steps' [T,B] the last row is taken.
        contributions: whether each step's part of each weight's gradient is measured.
        keep: whether those parts are kept, T times as much as the weights.
        chunk: how many steps are differentiated together; more takes more memory.
        dtype: computed in.
        marking: the task's, whose loss it is.

    Raises:
        InputError: an empty batch, or a layer that cannot be observed (torch's own).
    """
    if not isinstance(model.layer, RecurrentLayer):
        raise InputError(
            f"the states inside {type(model.layer).__name__} cannot be seen: "
            "unrolled.nn.convert(model) makes it a layer of the house"
        )
    require_batch(model, inputs)
    model = copy.deepcopy(model).to(dtype).eval()
    answers = targets[-1] if targets.dim() == 2 else targets

    def loss(model: torch.nn.Module) -> Tensor:
        return marking.loss_nats(last_answer(model, inputs), answers)

    found = _look(model, loss, contributions=contributions, keep=keep, chunk=chunk)
    return _only(found)


def layer_gradients(
    layer: RecurrentLayer,
    x: Tensor,
    loss: Callable[[Tensor], Tensor],
    *,
    contributions: bool = True,
    keep: bool = False,
    chunk: int = CHUNK,
) -> StateGradients:
    """The gradients of any loss of a layer's output, in float64.

    Args:
        layer: a layer of the house, or a user's cell in `Recurrent`; it is not changed.
        x: a batch of sequences as the layer takes it, T ≥ 1, B ≥ 1; taken to float64.
        loss: from the layer's output (float64) to a scalar: the sum over the batch of each row's own loss.
        contributions: whether each step's part of each weight's gradient is measured.
        keep: whether those parts are kept.
        chunk: how many steps are differentiated together.

    Raises:
        InputError: an empty batch, or a loss that is no scalar.
    """
    if x.dim() != 3 or x.shape[0 if layer.batch_first else 1] == 0:
        raise InputError(f"the input has shape {list(x.shape)}: give a batch of at least one sequence")
    layer = copy.deepcopy(layer).double().eval()
    given = x.double()
    found = _look(layer, lambda layer: loss(layer(given)[0]), contributions=contributions, keep=keep, chunk=chunk)
    return _only(found)


def model_gradients(
    model: torch.nn.Module,
    loss: Callable[[torch.nn.Module], Tensor],
    *,
    contributions: bool = True,
    keep: bool = False,
    chunk: int = CHUNK,
) -> dict[str, StateGradients]:
    """The gradients of any loss inside any model, by the name of each recurrent layer in it.

    ``model_gradients(model, lambda model: cross_entropy(model(x), y))["encoder.rnn"]``. The loss is computed on a copy
    whose torch.nn recurrences are exchanged for the house's (the same numbers); its mode, dropout and dtype are
    the model's. Norms are means over the rows of a layer's batch, of the gradient of the loss as it is.

    Args:
        model: with one recurrent layer or more, torch.nn's or the house's.
        loss: from the model to a scalar; it calls each recurrent layer once.
        contributions: whether each step's part of each weight's gradient is measured.
        keep: whether those parts are kept.
        chunk: how many steps are differentiated together.

    Raises:
        InputError: no recurrent layer, one that is called more than once, a loss that is no scalar or that does
            not depend on one.
    """
    return _look(convert(copy.deepcopy(model)), loss, contributions=contributions, keep=keep, chunk=chunk)


def _only(found: dict[str, StateGradients]) -> StateGradients:
    """What was seen of the one layer looked at."""
    if not found:
        raise InputError("the cell has no weights, so nothing is differentiated in it")
    return next(iter(found.values()))


def _look(
    model: torch.nn.Module,
    loss: Callable[[torch.nn.Module], Tensor],
    *,
    contributions: bool,
    keep: bool,
    chunk: int,
) -> dict[str, StateGradients]:
    """As `model_gradients`, of a model that is the caller's to change."""
    if chunk < 1:
        raise InputError(f"chunk is {chunk}: at least 1 step")
    layers = {name: module for name, module in model.named_modules() if isinstance(module, RecurrentLayer)}
    if not layers:
        raise InputError(f"{type(model).__name__} has no recurrent layer: RNN, GRU, LSTM or a cell in nn.Recurrent")
    for layer in layers.values():
        layer.requires_grad_(True)
    with ExitStack() as stack, torch.enable_grad(), _without_denormals():
        calls = {
            name: stack.enter_context(watched(layer, chunk=chunk, contributions=contributions or keep, keep=keep))
            for name, layer in layers.items()
        }
        total = loss(model)
        if not isinstance(total, Tensor) or total.numel() != 1:
            given = f"has shape {list(total.shape)}" if isinstance(total, Tensor) else f"is {type(total).__name__}"
            raise InputError(f"the loss {given}: a scalar would do, such as cross_entropy(model(x), y)")
        if not total.requires_grad:
            raise InputError("the loss does not depend on any weight of the model: was it computed under no_grad?")
        total.backward()  # type: ignore[no-untyped-call]
    return {
        name: _values(layers[name], walks, total.item())
        for name, walks in calls.items()
        if any(walk.norms for walk in walks.values())
    }


@contextmanager
def _without_denormals() -> Iterator[None]:
    """Denormals count as zero: a vanishing gradient is full of them, and each is 25 to 60 times slower."""
    before = bool(torch.tensor(1e-310, dtype=torch.float64) * 1.0 == 0)
    torch.set_flush_denormal(True)
    try:
        yield
    finally:
        torch.set_flush_denormal(before)


def _values(layer: RecurrentLayer, walks: dict[tuple[int, int], Walk], loss: float) -> StateGradients:
    first = next(iter(walks.values()))
    return StateGradients(
        layers=tuple(
            LayerGradients(
                layer=index,
                direction="reverse" if direction else "forward",
                norms={name: tuple(norms.tolist()) for name, norms in walk.norms.items()},
                blocks=recurrent_blocks(layer, index, direction),
                contributions=walk.contributions(),
                gates=walk.gates(),
            )
            for (index, direction), walk in walks.items()
        ),
        steps=first.steps,
        batch=first.batch,
        loss=loss,
    )
