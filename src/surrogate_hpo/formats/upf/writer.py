"""Writer of norm-conserving pseudopotentials in UPF version 2, and the files shipped here."""

from collections.abc import Iterator

import numpy as np
from ase.data import atomic_names, atomic_numbers
from numpy.typing import NDArray

from surrogate_hpo.dft.hgh import HghParameters, RadialPotential, radial_potential
from surrogate_hpo.formats.upf.reader import FUNCTIONALS

FloatArray = NDArray[np.float64]

_SOURCE = "C. Hartwigsen, S. Goedecker, J. Hutter, Phys. Rev. B 58, 3641 (1998)"
_COMMENT = """\
{name}, {electrons} valence electrons, LDA, made by surrogate-hpo from the analytic
parameters of {source}.
Licence of this file: BSD-3-Clause, as the package.
The parameters were made with the Pade form of the LDA of Goedecker, Teter and Hutter,
Phys. Rev. B 54, 1703 (1996), a fit to Perdew and Wang (1992): hence SLA PW."""
_OTHER_COMMENT = """\
{name}, {electrons} valence electrons, {functional}, made by surrogate-hpo from the
analytic parameters of {source}."""


def _block(tag: str, values: FloatArray, attributes: str = "") -> Iterator[str]:
    yield f'<{tag} type="real" size="{values.size}" columns="4"{attributes}>'
    flat = values.ravel()
    for start in range(0, flat.size, 4):
        yield " ".join(f"{value:20.12E}" for value in flat[start : start + 4])
    yield f"</{tag}>"


def upf_text(potential: RadialPotential, *, functional: str, comment: str) -> str:
    """Write a norm-conserving potential as UPF version 2, in Rydberg atomic units.

    Parameters
    ----------
    potential
        Radial functions in Hartree atomic units.
    functional
        Key of `FUNCTIONALS`.
    comment
        Free text for PP_INFO: source and licence.

    Returns
    -------
    str
        The file's text.
    """
    count, mesh = len(potential.angular_momenta), len(potential.radius)
    flags = ("is_ultrasoft", "is_paw", "is_coulomb", "has_so", "has_wfc", "has_gipaw")
    header = {
        "generated": "surrogate_hpo",
        "element": potential.element,
        "pseudo_type": "NC",
        "relativistic": "scalar",
        **dict.fromkeys((*flags, "paw_as_gipaw", "core_correction"), "F"),
        "functional": FUNCTIONALS[functional][0],
        "z_valence": f"{potential.z_valence:.1f}",
        "total_psenergy": "0.0",
        "wfc_cutoff": "0.0",
        "rho_cutoff": "0.0",
        "l_max": max(potential.angular_momenta, default=0),
        "l_max_rho": 0,
        "l_local": -1,
        "mesh_size": mesh,
        "number_of_wfc": 0,
        "number_of_proj": count,
    }
    attributes = "\n".join(f'  {name}="{value}"' for name, value in header.items())
    spacing = np.full(mesh, potential.radius[1] - potential.radius[0])
    lines = ['<UPF version="2.0.1">', "<PP_INFO>", comment, "</PP_INFO>"]
    lines += [f"<PP_HEADER\n{attributes}\n/>", f'<PP_MESH mesh="{mesh}">']
    lines += [*_block("PP_R", potential.radius), *_block("PP_RAB", spacing), "</PP_MESH>"]
    lines += [*_block("PP_LOCAL", 2 * potential.local), "<PP_NONLOCAL>"]
    projectors = zip(potential.angular_momenta, potential.projectors, strict=True)
    for index, (momentum, beta) in enumerate(projectors, start=1):
        # pw.x integrates projectors up to this index: left out, it silently drops them.
        labels = f' index="{index}" angular_momentum="{momentum}" cutoff_radius_index="{mesh}"'
        lines += _block(f"PP_BETA.{index}", beta, labels)
    if count:
        lines += _block("PP_DIJ", 2 * potential.coupling)
    lines += ["</PP_NONLOCAL>", "<PP_PSWFC>", "</PP_PSWFC>"]
    lines += [*_block("PP_RHOATOM", potential.atomic_density), "</UPF>", ""]
    return "\n".join(lines)


def hgh_upf(
    parameters: HghParameters, *, functional: str = "lda_pw92", source: str | None = None
) -> str:
    """Write the potential of a row of the table, as those in `pseudopotentials/` are.

    Parameters
    ----------
    parameters
        The row.
    functional
        Key of `FUNCTIONALS` that the row was fitted with.
    source
        Where the row was published; the table of the LDA of the authors if left out.

    Returns
    -------
    str
        The file's text; a shipped file equals it to the byte.
    """
    name = atomic_names[atomic_numbers[parameters.element]]
    comment = (_COMMENT if source is None else _OTHER_COMMENT).format(
        name=name,
        electrons=parameters.z_valence,
        functional=functional,
        source=source or _SOURCE,
    )
    return upf_text(radial_potential(parameters), functional=functional, comment=comment)
