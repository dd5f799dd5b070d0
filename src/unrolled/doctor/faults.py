"""The table of faults that the doctor knows by name: a title, and what would do instead."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

__all__ = ["FAULTS", "Fault"]


@dataclass(frozen=True)
class Fault:
    """One kind of fault.

    Attributes:
        title: a few words.
        remedy: what to do about it.
    """

    title: str
    remedy: str


FAULTS: Mapping[str, Fault] = {
    # gradients
    "detached-state": Fault(
        "detached state",
        "Pass the state on as it is: no .detach(), .data, .item(), numpy or no_grad between steps.",
    ),
    "cut-gradient": Fault(
        "gradient cut inside the cell", "Remove .detach(), .data, no_grad or rounding on the way to the loss."
    ),
    "no-gradient": Fault(
        "output cut off from every parameter",
        "Remove .detach(), .data, no_grad or numpy between the parameters and the output.",
    ),
    "in-place-edit": Fault(
        "in-place edit that breaks autograd",
        "Make a new tensor (h = h + a, torch.stack of a list) where one is now written into.",
    ),
    "untrained-parameter": Fault(
        "parameter that is never trained",
        "Use it in forward, with requires_grad=True, or remove it.",
    ),
    "unregistered-parameter": Fault(
        "weights that are not registered",
        "Wrap them in nn.Parameter, nn.ParameterList or nn.ModuleList: no optimiser, state_dict or .to() sees them.",
    ),
    "duplicated-parameters": Fault(
        "one parameter in two places", "Give every gate (and every layer) parameters of its own."
    ),
    "weights-per-step": Fault("other weights at every step", "Use the same weights at every step of the sequence."),
    # the sequence
    "dropped-first-step": Fault("first step dropped", "Start the loop at step 0 and give every step's output back."),
    "dropped-last-step": Fault(
        "last step dropped", "Run the loop to the last step and read the output after it: range(T), out[-1]."
    ),
    "dropped-steps": Fault("steps dropped", "Read every step once, in order."),
    "reversed-sequence": Fault("sequence read backwards", "Loop from the first step to the last."),
    "future-leak": Fault("outputs see later steps", "Let step t read x_0 … x_t only."),
    "wrong-readout": Fault("wrong state given back", "Give the hidden state h back, after the last step."),
    "wrong-final-state": Fault("returned state is not the final one", "Return the state after the last step."),
    "axes-confused": Fault(
        "batch and time axes confused",
        "Decide once: [T,B,I] or [B,T,I] (batch_first=True); exchange axes with transpose, never with view.",
    ),
    "batch-leak": Fault("rows of the batch reach one another", "Let no operation mix the batch axis."),
    "state-kept-between-calls": Fault(
        "state leaks from one call into the next", "Start every call from a fresh state, unless one is passed in."
    ),
    "random-in-eval": Fault("random in eval mode", "Start from zeros, and draw nothing unless self.training."),
    "dropout-in-eval": Fault(
        "dropout active in eval mode", "Use nn.Dropout, or F.dropout(x, p, training=self.training)."
    ),
    # the cell
    "gates-swapped": Fault("gates swapped", "Let each gate do what its name says: c = i ⊙ g + f ⊙ c'."),
    "wrong-activation": Fault("wrong activation", "Gates are σ, candidates tanh."),
    "missing-bias": Fault("no bias", "Add a bias vector to every gate."),
    "missing-forget-bias": Fault("forget gate without a bias", "Add b_f; starting it at 1 helps to remember."),
    "forget-bias": Fault("forget bias on the wrong side", "Start the forget gate's bias at 1, all others at 0."),
    "missing-tanh": Fault("tanh left out of the output", "h = o ⊙ tanh(c)."),
    "misplaced-tanh": Fault("tanh in the wrong place", "h = o ⊙ tanh(c), and nothing around it."),
    "missing-gate": Fault("gate without effect", "Use every gate of the equation."),
    "wrong-update": Fault("wrong update of the state", "Compare the update with the reference's, below."),
    "missing-recurrence": Fault("gate does not see the state", "Add the recurrent product to every gate."),
    "missing-input": Fault("gate does not see the input", "Add the product with x to every gate."),
    "extra-term": Fault("term that the reference does not have", "Remove it, or compare with another reference."),
    "outside-activation": Fault("term added outside the activation", "Sum everything first, then apply tanh."),
    "peephole-on-old-memory": Fault(
        "output peephole on the old memory", "Let the output gate see the new c: compute c first."
    ),
    "peephole-on-new-memory": Fault("peephole on the new memory", "Let the gate see c', the memory before the step."),
    "missing-peephole": Fault("peephole missing", "Let the gate see the memory."),
    "other-peephole-cell": Fault(
        "the other cell of the name peephole", "See docs/cells.md: two different cells are called peephole LSTM."
    ),
    "other-cell": Fault("another cell than the reference", "Change the cell, or compare it with what it is."),
    "reset-before-product": Fault(
        "reset gate before the product", "n = tanh(W x + r ⊙ (U h' + b)); or compare with --as gru-reset-before."
    ),
    "reset-after-product": Fault(
        "reset gate after the product", "n = tanh(W x + U (r ⊙ h') + b); or compare with --as gru."
    ),
    "missing-reset": Fault("reset gate not used", "Let r multiply the state inside the candidate."),
    "transposed-weights": Fault(
        "transposed weights", "Keep one convention: W [out,in] with W h, or [in,out] with h W."
    ),
    "differs": Fault(
        "differs from the reference, by no fault known by name", "Compare the equation below with the reference's."
    ),
    # beginnings and precision
    "normal-initialisation": Fault(
        "N(0, 1) initialisation", "Scale by 1/√n: Xavier, orthogonal, or torch's U(-1/√H, 1/√H)."
    ),
    "poor-initialisation": Fault("initialisation that cannot learn well", "Draw small values around zero: Xavier."),
    "small-embedding": Fault(
        "embedding too small", "Give symbols a width of at least log2 of their number, or one-hot."
    ),
    "dtype-slip": Fault("dtype slip", "Make tensors with x.new_zeros(…) or dtype=x.dtype, and cast nothing by hand."),
    "device-slip": Fault("device slip", "Make tensors with x.new_zeros(…) or device=x.device; register constants."),
    # graphs
    "no-self-loops": Fault("no self loops", "Add the identity: A + I."),
    "double-self-loops": Fault("self loops counted twice", "Add loops where there are none yet."),
    "degrees-without-loops": Fault("degrees without the self loops", "Count degrees on A + I."),
    "no-normalisation": Fault("sum not normalised", "Divide by √(d_i d_j): D^-½ (A + I) D^-½."),
    "half-normalisation": Fault("half of the normalisation", "Multiply by D^-½ on both sides."),
    "wrong-normalisation": Fault("other normalisation", "Divide by √(d_i d_j): D^-½ (A + I) D^-½."),
    "direction-reversed": Fault("direction reversed", "edge_index[0] sends, edge_index[1] receives: sum over senders."),
    "softmax-over-senders": Fault(
        "softmax over the wrong edges", "Normalise over the edges that come into one receiver."
    ),
    "no-softmax": Fault("attention without softmax", "α = softmax over each receiver's incoming edges."),
    "attention-ends-swapped": Fault("attention's halves swapped", "a·[W h_i ‖ W h_j]: the receiver first."),
    "missing-leaky-relu": Fault("LeakyReLU left out", "Apply LeakyReLU(0.2) to the scores before the softmax."),
    "wrong-slope": Fault("another slope of LeakyReLU", "LeakyReLU with a negative slope of 0.2."),
    # training
    "softmax-wrong-axis": Fault("softmax over the wrong axis", "softmax(dim=-1), over the classes."),
    "probabilities-as-logits": Fault(
        "probabilities given to a loss that wants logits", "cross_entropy takes logits: leave the softmax out."
    ),
    "probabilities-as-log-probabilities": Fault(
        "probabilities given to a loss that wants log-probabilities", "nll_loss takes log_softmax's output."
    ),
    "logits-as-log-probabilities": Fault("logits given to a loss that wants log-probabilities", "Use cross_entropy."),
    "double-softmax": Fault("softmax applied twice", "Apply it once, or leave it to cross_entropy."),
    "clip-after-step": Fault("gradients clipped after the step", "backward, then clip, then step."),
    "clip-before-backward": Fault("gradients clipped before they exist", "backward, then clip, then step."),
    "gradients-not-zeroed": Fault("gradients not zeroed", "optimizer.zero_grad() before every backward."),
    "gradients-zeroed-too-late": Fault("gradients thrown away before the step", "zero_grad, backward, clip, step."),
    "step-before-backward": Fault("step before backward", "zero_grad, backward, clip, step."),
    "no-step": Fault("no step of the optimiser", "Call optimizer.step() after backward."),
    "no-backward": Fault("no backward", "Call loss.backward() before the step."),
    "evaluation-in-train-mode": Fault("evaluation in train mode", "model.eval() before, model.train() after."),
    "training-in-eval-mode": Fault("training in eval mode", "model.train() before the training step."),
    "loss-cut": Fault(
        "loss cut off from the model", "Compute the loss from the model's output, without detach or item."
    ),
    "loss-upside-down": Fault("loss grows", "Minimise the loss: check its sign."),
    "wrong-target": Fault("loss against something else than the targets", "Compare the output with the targets given."),
    "unknown-loss": Fault(
        "loss that is not known", "Check it by hand: what would cross_entropy(output, targets) give?"
    ),
    "optimiser-misses-parameters": Fault("optimiser misses parameters", "Build it from model.parameters()."),
    "broken-step": Fault("train step fails", "See the error."),
    "breaks": Fault("breaks when it is called", "See the error."),
}
"""Every fault by the name that `--json` gives."""
