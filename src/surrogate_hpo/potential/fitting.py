"""From labelled structures to a potential: prior, choice by cross-validation, resampled members."""

import logging
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from surrogate_hpo.errors import DataError
from surrogate_hpo.potential.choice import Design, choose_linear_snap, design_of
from surrogate_hpo.potential.energy_unit import check_energy_unit
from surrogate_hpo.potential.features import AtomDescriptor, elements_of
from surrogate_hpo.potential.labelled import Labelled, spread_over
from surrogate_hpo.potential.linear_snap import LinearSnap, fit_linear_snap
from surrogate_hpo.potential.model import Potential, prior_terms
from surrogate_hpo.potential.morse_fit import fit_morse
from surrogate_hpo.potential.options import FitOptions
from surrogate_hpo.potential.pairs import shortest_distance
from surrogate_hpo.potential.priors import Prior, Zbl
from surrogate_hpo.potential.selection import best_descriptor, score_descriptors
from surrogate_hpo.seeds import derive_seed

FloatArray = NDArray[np.float64]
logger = logging.getLogger(__name__)
# Cutoffs in units of the radius of a sphere that holds one atom: in aluminium 4.0, 4.75, 5.5 Å.
RADII = (2.5, 3.0, 3.5)
# Structures that the units are told from, and share of the cutoff up to which ZBL is whole.
_UNIT_STRUCTURES, _INNER = 24, 0.75
# Share of the volume per atom by which it has to vary for a pressure to be learnt.
_VOLUMES = 0.005


@dataclass(frozen=True)
class Targets:
    """What a prior leaves for the linear part to learn.

    Attributes
    ----------
    energies
        eV per cell.
    forces
        eV/Å, [N, 3] per structure; None if energies alone are fitted.
    virials
        eV/atom, [9] per structure; None if none are fitted.
    """

    energies: list[float]
    forces: list[FloatArray] | None
    virials: list[FloatArray] | None


def fit_potential(data: Sequence[Labelled], options: FitOptions, seed: int) -> Potential:
    """Fit a linear SNAP potential on top of a prior.

    Cutoff radius, 2·J_max, weight of the forces and penalty are those with the smallest error on
    left-out structures, energy per atom plus `force_share` times forces; if `selection` says so,
    cutoff radius and 2·J_max are chosen beforehand by `score_descriptors`. Members are fits with
    the same choice to as many structures, drawn with replacement.

    Parameters
    ----------
    data
        Structures with energies, and with forces if they are to be fitted.
    options
        What to choose from.
    seed
        Of the draws.

    Returns
    -------
    Potential
        With how it was fitted among its details.

    Raises
    ------
    DataError
        If there are fewer than three structures, forces are wanted that are not known, energies
        are in another unit than forces, no structure can be predicted from the others, or there
        is nothing to compare descriptors by.
    """
    _check_labels(data, options)
    structures = [one.atoms for one in data]
    elements = elements_of(structures)
    descriptors, selected = _selected(data, options, _descriptors(data, options, elements), seed)
    if options.force_weights:
        check_unit(data, descriptors[0])
    prior = prior_of(data, options, elements, min(d.cutoff_radius for d in descriptors))
    targets = targets_of(data, options, prior, descriptors[0])
    chosen = choose_linear_snap(
        structures,
        targets.energies,
        descriptors,
        targets.forces,
        options.force_weights,
        virials=targets.virials,
        virial_weight=options.stress_weight,
        force_share=options.force_share,
    )
    design = design_of(structures, chosen.descriptor, targets.forces, targets.virials)
    linear = Potential(
        chosen.descriptor,
        chosen.fit.coefficients,
        prior,
        _members(chosen, design, targets, options, seed),
        _details(chosen, data, targets) | selected,
    )
    if options.network is None:
        return linear
    # It loads torch.
    from surrogate_hpo.potential.correction import corrected  # noqa: PLC0415

    return corrected(linear, data, options.network, chosen.fit.force_weight, seed)


def _selected(
    data: Sequence[Labelled], options: FitOptions, candidates: list[AtomDescriptor], seed: int
) -> tuple[list[AtomDescriptor], dict[str, object]]:
    """The descriptors that the error chooses from, and what is to be said of the choice before."""
    selection = options.selection
    if selection.kind == "error":
        return candidates, {"selection": selection.kind}
    scores = score_descriptors(
        [one.atoms for one in data],
        candidates,
        selection,
        seed=derive_seed(seed, "selection"),
        dos=[one.dos for one in data if one.dos is not None],
    )
    told = [one.as_row() for one in scores]
    return [candidates[best_descriptor(scores, selection)]], {
        "selection": selection.kind,
        "descriptor_scores": told,
    }


def _check_labels(data: Sequence[Labelled], options: FitOptions) -> None:
    for wanted, name, remedy in (
        (options.force_weights, "forces", "force_weights: []"),
        (options.stress_weight, "stress", "stress_weight: 0"),
    ):
        without = [one.name for one in data if getattr(one, name) is None]
        if wanted and without:
            raise DataError(
                f"a potential is to be fitted to {name} that are not known",
                where=", ".join(without[:3]) + (", …" if len(without) > 3 else ""),
                expected=f"{name} of all {len(data)} training structures",
                got=f"{len(without)} without",
                remedy=f"leave these structures out, or fit without {name}: potential.{remedy}",
            )


def _descriptors(
    data: Sequence[Labelled], options: FitOptions, elements: tuple[str, ...]
) -> list[AtomDescriptor]:
    volumes = [abs(float(one.atoms.get_volume())) / len(one.atoms) for one in data]
    radius = float(np.cbrt(3 * np.mean(volumes) / (4 * np.pi))) if volumes else 1.0
    radii = options.cutoff_radii or tuple(round(factor * radius, 2) for factor in RADII)
    return [
        AtomDescriptor(cutoff, twojmax, elements) for cutoff in radii for twojmax in options.twojmax
    ]


def check_unit(data: Sequence[Labelled], descriptor: AtomDescriptor) -> None:
    """Raise DataError where energies and forces have other units, told by some structures."""
    some = spread_over(data, _UNIT_STRUCTURES)
    forces = [one.forces for one in some if one.forces is not None]
    design = design_of([one.atoms for one in some], descriptor, forces, None)
    check_energy_unit(some, design, descriptor.counts)


def prior_of(
    data: Sequence[Labelled], options: FitOptions, elements: tuple[str, ...], cutoff: float
) -> Prior | None:
    """The pair potential of the options for structures.

    Parameters
    ----------
    data
        Structures with energies, and with forces for `morse`.
    options
        Which kind.
    elements
        Chemical symbols, by atomic number.
    cutoff
        How far pairs are looked for, Å.

    Returns
    -------
    Prior or None
        None for none.
    """
    if options.prior == "none":
        return None
    if options.prior == "morse":
        return fit_morse(data, elements, cutoff)
    # It begins where the data end: within them it would only have to be unlearnt, which energies
    # and forces at one volume cannot do for the pressure.
    shortest = min(shortest_distance(one.atoms, cutoff) for one in data)
    return Zbl(elements, _INNER * shortest, shortest)


def targets_of(
    data: Sequence[Labelled],
    options: FitOptions,
    prior: Prior | None,
    descriptor: AtomDescriptor,
) -> Targets:
    """What a prior leaves of energies, forces and virials.

    Parameters
    ----------
    data
        Structures with energies, and with forces and stress as the options say.
    options
        Whether forces and virials are fitted.
    prior
        The pair potential; None for none.
    descriptor
        Its elements count alone.

    Returns
    -------
    Targets
        In the order of the structures.
    """
    told = [prior_terms(prior, one.atoms, descriptor.kinds(one.atoms)) for one in data]
    pairs = list(zip(data, told, strict=True))
    return Targets(
        [one.energy - of.energy for one, of in pairs],
        [one.forces - of.forces for one, of in pairs if one.forces is not None]
        if options.force_weights
        else None,
        [
            (abs(float(one.atoms.get_volume())) * one.stress - of.strain).ravel() / len(one.atoms)
            for one, of in pairs
            if one.stress is not None
        ]
        if options.stress_weight
        else None,
    )


def _members(
    chosen: LinearSnap, design: Design, targets: Targets, options: FitOptions, seed: int
) -> FloatArray:
    """Coefficients of fits to structures drawn with replacement, [members, features]."""
    number, generator = len(targets.energies), np.random.default_rng(seed)
    found = []
    for _ in range(options.members):
        drawn = generator.integers(number, size=number)

        def of_drawn(values: Sequence[FloatArray] | None) -> list[FloatArray] | None:
            return None if values is None else [values[i] for i in drawn]  # noqa: B023 - used here

        try:
            fit = fit_linear_snap(
                [targets.energies[i] for i in drawn],
                [design.features[i] for i in drawn],
                counts=chosen.descriptor.counts,
                forces=of_drawn(targets.forces),
                force_rows=of_drawn(design.force_rows),
                force_weight=chosen.fit.force_weight or 1.0,
                virials=of_drawn(targets.virials),
                virial_rows=of_drawn(design.virial_rows),
                virial_weight=options.stress_weight,
                penalties=[chosen.fit.penalty],
            )
        except DataError:
            # Of few structures a draw may lack all of one composition.
            logger.info("a draw of structures that tell nothing of each other was left out")
            continue
        found.append(fit.coefficients)
    return np.array(found).reshape(-1, chosen.descriptor.features)


def _volumes_vary(data: Sequence[Labelled]) -> bool:
    """Whether energies tell the pressure: at one volume per atom it is left to chance."""
    volumes = [abs(float(one.atoms.get_volume())) / len(one.atoms) for one in data]
    return max(volumes) - min(volumes) > _VOLUMES * min(volumes)


def _details(chosen: LinearSnap, data: Sequence[Labelled], targets: Targets) -> dict[str, object]:
    fit = chosen.fit
    return {
        "structures": len(data),
        "atoms": sum(len(one.atoms) for one in data),
        "force_components": sum(np.size(forces) for forces in targets.forces or ()),
        "stress_learnt": bool(targets.virials) or _volumes_vary(data),
        "stress_components": sum(np.size(virial) for virial in targets.virials or ()),
        "penalty": fit.penalty,
        "force_weight_angstrom_per_atom": fit.force_weight,
        "left_out_energy_rmse_mev_per_atom": 1000 * fit.leave_one_out_rmse,
        "left_out_force_rmse_mev_per_angstrom": 1000 * fit.left_out_force_rmse,
    }
