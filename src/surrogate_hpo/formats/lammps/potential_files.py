"""A linear SNAP potential as LAMMPS reads it: coefficients, parameters, and the commands."""

from itertools import combinations_with_replacement
from pathlib import Path

from surrogate_hpo.descriptors.geometry import ANGLE_FACTOR
from surrogate_hpo.files.atomic import write_text
from surrogate_hpo.potential.model import Potential
from surrogate_hpo.potential.priors import Morse, Prior, Zbl

FOLDER = "potential_folder"


def coefficient_text(potential: Potential) -> str:
    """Radius, weight and coefficients of every element: a `.snapcoeff` file.

    Parameters
    ----------
    potential
        What to write.

    Returns
    -------
    str
        Numbers have all their digits; coefficients are in eV.
    """
    descriptor = potential.descriptor
    counts = descriptor.counts
    blocks = potential.coefficients[counts:].reshape(counts, -1)
    lines = ["# linear SNAP of surrogate-hpo; units metal", f"{counts} {blocks.shape[1] + 1}"]
    for kind, symbol in enumerate(descriptor.elements):
        radius, weight = descriptor.element_radii[kind], descriptor.element_weights[kind]
        lines.append(f"{symbol} {radius:.17g} {weight:.17g}")
        lines += [f"{number:.17g}" for number in [potential.coefficients[kind], *blocks[kind]]]
    return "\n".join([*lines, ""])


def parameter_text(potential: Potential) -> str:
    """Cutoff, 2·J_max and the conventions of the bispectrum: a `.snapparam` file.

    Parameters
    ----------
    potential
        What to write.

    Returns
    -------
    str
        One keyword a line; none is left to a default.
    """
    values = {
        "rcutfac": f"{potential.descriptor.cutoff_radius:.17g}",
        "twojmax": potential.descriptor.twojmax,
        "rfac0": ANGLE_FACTOR,
        "rmin0": 0,
        "switchflag": 1,
        "bzeroflag": 0,
        "quadraticflag": 0,
        "chemflag": 0,
        "bnormflag": 0,
        "wselfallflag": 0,
        "switchinnerflag": 0,
    }
    lines = ["# linear SNAP of surrogate-hpo; units metal"]
    return "\n".join([*lines, *(f"{key} {value}" for key, value in values.items()), ""])


def command_text(potential: Potential, coefficients: str, parameters: str) -> str:
    """Pair style and coefficients, to be included in an input of LAMMPS.

    Parameters
    ----------
    potential
        What to write.
    coefficients
        Name of the `.snapcoeff` file.
    parameters
        Name of the `.snapparam` file.

    Returns
    -------
    str
        Commands for `include`.
    """
    elements = " ".join(potential.descriptor.elements)
    files = f"${{{FOLDER}}}/{coefficients} ${{{FOLDER}}}/{parameters} {elements}"
    head = [
        "# units metal; include this behind the atoms, whose types are in this order:",
        f"# {elements}",
        f"# elsewhere than beside these files: lmp -var {FOLDER} results/potential/lammps",
        f"variable {FOLDER} index .",
    ]
    if potential.networks is not None:
        head.append("# The networks of this potential are left out: this is its linear part alone.")
    prior = potential.prior
    if prior is None:
        return "\n".join([*head, "pair_style snap", f"pair_coeff * * {files}", ""])
    style, words = _style(prior)
    lines = [
        *head,
        f"pair_style hybrid/overlay snap {style} {words}",
        f"pair_coeff * * snap {files}",
        *(
            f"pair_coeff {first + 1} {second + 1} {style} {_pair(prior, first, second)}"
            for first, second in combinations_with_replacement(range(len(prior.elements)), 2)
        ),
    ]
    return "\n".join([*lines, ""])


def _style(prior: Prior) -> tuple[str, str]:
    if isinstance(prior, Zbl):
        return "zbl", f"{prior.inner:.17g} {prior.cutoff:.17g}"
    return "morse/smooth/linear", f"{prior.cutoff:.17g}"


def _pair(prior: Prior, first: int, second: int) -> str:
    if isinstance(prior, Morse):
        return " ".join(f"{number:.17g}" for number in prior.of_pair(first, second))
    return " ".join(f"{charge:g}" for charge in prior.charges[[first, second]])


def lammps_files(potential: Potential) -> dict[str, str]:
    """The content of the three files, by the names that they have in the results.

    Parameters
    ----------
    potential
        What to write.

    Returns
    -------
    dict
        `potential.snapcoeff`, `potential.snapparam` and `potential.in`, which names the others.
    """
    coefficients, parameters = "potential.snapcoeff", "potential.snapparam"
    return {
        coefficients: coefficient_text(potential),
        parameters: parameter_text(potential),
        "potential.in": command_text(potential, coefficients, parameters),
    }


def write_lammps_potential(
    potential: Potential, *, coefficients: Path, parameters: Path, commands: Path
) -> None:
    """Write the files that LAMMPS needs for a potential, atomically.

    Parameters
    ----------
    potential
        What to write.
    coefficients
        The `.snapcoeff` file.
    parameters
        The `.snapparam` file.
    commands
        Pair style and coefficients, with the names of the other two.
    """
    write_text(coefficients, coefficient_text(potential))
    write_text(parameters, parameter_text(potential))
    write_text(commands, command_text(potential, coefficients.name, parameters.name))
