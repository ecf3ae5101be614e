"""What a potential is chosen from; loads nothing, so that a config can hold it."""

from dataclasses import dataclass
from typing import Literal

from surrogate_hpo.networks.options import Activation

PriorName = Literal["none", "morse", "zbl"]
SelectionName = Literal["error", "kernel_spread", "acsd"]
NetworkScoreName = Literal[
    "short_training", "naswot", "naswot_original", "activation_patterns", "parameters"
]
AcsdDefinition = Literal["fiedler2022", "mala2024"]


@dataclass(frozen=True)
class SelectionOptions:
    """How cutoff radius and 2·J_max are chosen.

    Attributes
    ----------
    kind
        `error`: with everything else by the error on left-out structures. `kernel_spread` and
        `acsd`: beforehand, without a fit.
    power
        ζ of the kernel.
    environments
        Atoms that are compared with each other, at most.
    definition
        Form of the ACSD.
    """

    kind: SelectionName = "error"
    power: int = 4
    environments: int = 1000
    definition: AcsdDefinition = "fiedler2022"


@dataclass(frozen=True)
class NetworkOptions:
    """Networks that correct the linear potential.

    Attributes
    ----------
    hidden_widths
        Units of each hidden layer.
    activation
        Between the layers.
    steps
        Of L-BFGS, at most.
    candidates
        Units of each hidden layer of networks to choose from; if empty, `hidden_widths` it is.
    score
        By what they are chosen.
    """

    hidden_widths: tuple[int, ...]
    activation: Activation
    steps: int
    candidates: tuple[tuple[int, ...], ...] = ()
    score: NetworkScoreName = "short_training"


@dataclass(frozen=True)
class FitOptions:
    """What a potential is chosen from, and how its errors are weighed.

    Attributes
    ----------
    cutoff_radii
        Å; if empty, 2.5, 3 and 3.5 times the radius of a sphere that holds one atom.
    twojmax
        2·J_max to choose from.
    force_weights
        Å/atom: what an error of forces counts in the fit; to choose from. Empty for energies
        alone.
    stress_weight
        Dimensionless: what an error of the virial per atom counts; 0 for none.
    force_share
        Å/atom: what an error of left-out forces counts in the choice.
    prior
        Kind of pair potential that is added.
    members
        Fits to resampled structures.
    network
        A network per element on top; None for none.
    selection
        How the descriptor is chosen.
    """

    cutoff_radii: tuple[float, ...] = ()
    twojmax: tuple[int, ...] = (4, 6, 8)
    force_weights: tuple[float, ...] = (0.01, 0.1, 1.0)
    stress_weight: float = 0.0
    force_share: float = 1 / 30
    prior: PriorName = "none"
    members: int = 8
    network: NetworkOptions | None = None
    selection: SelectionOptions = SelectionOptions()
