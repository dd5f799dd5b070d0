"""The gradient microscope: what of a loss reaches each state, each weight at each step, and why.

* `states.py` looks: `state_gradients` of a model of the house, `model_gradients` of anybody's.
* `values.py` is what one sees; `walk.py` is how: one layer in one direction, backwards, some steps at a time.
* `jacobians.py` has ∂s_t/∂s_{t-1}, its singular values and the Lyapunov exponents of their product.
* `spectra.py` says how large W_hh is and draws it at a chosen size; `phase.py` where gradients vanish, live, explode.
"""

from unrolled.analysis.gradients.jacobians import (
    LyapunovExponents,
    StateJacobians,
    lyapunov_exponents,
    state_jacobians,
)
from unrolled.analysis.gradients.phase import PhaseDiagram, PhasePoint, phase_diagram, phase_points
from unrolled.analysis.gradients.spectra import Spectrum, scale_recurrent_weights, spectra
from unrolled.analysis.gradients.states import layer_gradients, model_gradients, state_gradients
from unrolled.analysis.gradients.values import Contribution, LayerGradients, StateGradients

__all__ = [
    "Contribution",
    "LayerGradients",
    "LyapunovExponents",
    "PhaseDiagram",
    "PhasePoint",
    "Spectrum",
    "StateGradients",
    "StateJacobians",
    "layer_gradients",
    "lyapunov_exponents",
    "model_gradients",
    "phase_diagram",
    "phase_points",
    "scale_recurrent_weights",
    "spectra",
    "state_gradients",
    "state_jacobians",
]
