"""A linear potential with networks that learn what it leaves; loads torch."""

from collections.abc import Sequence
from dataclasses import replace

from surrogate_hpo.networks.architecture import Architecture
from surrogate_hpo.potential.architectures import choose_architecture
from surrogate_hpo.potential.labelled import Labelled
from surrogate_hpo.potential.model import Potential
from surrogate_hpo.potential.networks import Corrected, ElementNetworks, fit_networks
from surrogate_hpo.potential.options import NetworkOptions
from surrogate_hpo.seeds import derive_seed

# Every so many-th structure decides when networks have learnt enough.
_VALIDATION = 5


def corrected(
    linear: Potential,
    data: Sequence[Labelled],
    options: NetworkOptions,
    force_weight: float,
    seed: int,
) -> Potential:
    """Fit a network per element to what a linear potential leaves.

    Parameters
    ----------
    linear
        The potential.
    data
        Structures that it was fitted to; every fifth decides when to stop, and, by short
        trainings, between several networks.
    options
        The network, or several to choose from.
    force_weight
        Å/atom: what an error of forces counts beside one of the energy per atom.
    seed
        Of the initial weights.

    Returns
    -------
    Potential
        With the networks, and how they were chosen among its details.

    Raises
    ------
    DataError
        If no network could be scored.
    """
    left = []
    for one in data:
        said = linear.predict(one.atoms)
        forces = None if one.forces is None else one.forces - said.forces
        left.append(Corrected(one, one.energy - said.energy, forces if force_weight else None))
    known = [one for number, one in enumerate(left) if number % _VALIDATION]

    def fit(architecture: Architecture, share: float = 1.0) -> ElementNetworks:
        return fit_networks(
            known,
            left[::_VALIDATION],
            linear.descriptor,
            architecture,
            force_weight=force_weight,
            steps=max(1, round(share * options.steps)),
            seed=seed,
        )

    details: dict[str, object] = {}
    architecture = Architecture(options.hidden_widths, options.activation)
    if options.candidates:
        architecture, scores = choose_architecture(
            [Architecture(widths, options.activation) for widths in options.candidates],
            options.score,
            [one.one for one in known],
            linear.descriptor,
            fit,
            seed=derive_seed(seed, "architecture"),
        )
        details = {"network_score": options.score, "network_scores": scores}
    details["network"] = architecture.label
    return replace(linear, networks=fit(architecture), details=linear.details | details)
