"""Pseudopotential files in UPF version 2: what the energies need of them."""

import re
import xml.etree.ElementTree as ET
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from surrogate_hpo import limits
from surrogate_hpo.errors import DataError
from surrogate_hpo.formats.upf.text import parse_upf, upf_text
from surrogate_hpo.limits import require
from surrogate_hpo.units import BOHR_ANGSTROM

FloatArray = NDArray[np.float64]

FUNCTIONALS = {
    "lda_pz": ("SLA PZ NOGX NOGC", "SLA PZ", "PZ", "LDA"),
    "lda_pw92": ("SLA PW NOGX NOGC", "SLA PW", "PW"),
    "pbe": ("SLA PW PBX PBC", "SLA PW PBE PBE", "PBE"),
    "pbesol": ("SLA PW PSX PSC", "PBESOL"),
}
_KINDS = {
    "NC": "norm_conserving",
    "SL": "norm_conserving",
    "US": "ultrasoft",
    "USPP": "ultrasoft",
    "PAW": "paw",
    "1/R": "coulomb",
}


@dataclass(frozen=True)
class Pseudopotential:
    """What of a pseudopotential enters the total energy beside the DFT run itself.

    Attributes
    ----------
    element
        Chemical symbol.
    z_valence
        Number of valence electrons.
    functional
        `lda_pz`, `lda_pw92`, `pbe` or `pbesol`.
    kind
        `norm_conserving`, `ultrasoft`, `paw` or `coulomb`.
    core_correction
        Whether the file carries a nonlinear core correction.
    radial_grid
        Radii, shape (n,), in Å.
    radial_weights
        dr of each radius, so that an integral is the sum over f * weights, shape (n,), in Å.
    core_density
        Core density at the radii, zero without core correction, shape (n,), in 1/Å³.
    """

    element: str
    z_valence: float
    functional: str
    kind: str
    core_correction: bool
    radial_grid: FloatArray
    radial_weights: FloatArray
    core_density: FloatArray


def functional_name(text: str, *, where: str) -> str:
    """Translate Quantum ESPRESSO's functional string.

    Parameters
    ----------
    text
        Long (`SLA PZ NOGX NOGC`) or short (`PBE`) form, any case and spacing.
    where
        File that holds it, for the message.

    Returns
    -------
    str
        `lda_pz`, `lda_pw92`, `pbe` or `pbesol`.

    Raises
    ------
    DataError
        The functional is none of these.
    """
    words = " ".join(re.split(r"[\s+\-]+", text.strip().upper()))
    for name, spellings in FUNCTIONALS.items():
        if words in spellings:
            return name
    raise DataError(
        "the exchange-correlation functional is not supported",
        where=where,
        expected=f"one of {', '.join(FUNCTIONALS)}",
        got=repr(text),
        remedy="use a pseudopotential made for one of these functionals",
    )


def read_upf(path: Path) -> Pseudopotential:
    """Read a pseudopotential file, UPF version 2.

    Parameters
    ----------
    path
        The file.

    Returns
    -------
    Pseudopotential
        Header, radial grid and core density.

    Raises
    ------
    DataError
        The file is missing, damaged, of version 1, or of an unsupported functional.
    """
    root = parse_upf(path)
    header = _section(root, "PP_HEADER", path).attrib
    core_correction = _flag(_attribute(header, "core_correction", path), path)
    radius = _numbers(_section(root, "PP_MESH/PP_R", path), path)
    weights = _numbers(_section(root, "PP_MESH/PP_RAB", path), path)
    core = np.zeros_like(radius)
    if core_correction:
        core = _numbers(_section(root, "PP_NLCC", path), path)
    if not len(radius) == len(weights) == len(core) or len(radius) < 2:
        raise DataError(
            "the radial arrays of the pseudopotential differ in length",
            where=str(path),
            expected="PP_R, PP_RAB and PP_NLCC of one length",
            got=f"{len(radius)}, {len(weights)}, {len(core)}",
            remedy="fetch the file again: it is damaged",
        )
    return Pseudopotential(
        element=_attribute(header, "element", path).strip().capitalize(),
        z_valence=_number(_attribute(header, "z_valence", path), path),
        functional=functional_name(_attribute(header, "functional", path), where=str(path)),
        kind=_kind(header, path),
        core_correction=core_correction,
        radial_grid=radius * BOHR_ANGSTROM,
        radial_weights=weights * BOHR_ANGSTROM,
        core_density=core / BOHR_ANGSTROM**3,
    )


def read_upf_origin(path: Path) -> str:
    """Read what a pseudopotential file says about its origin, for people.

    Parameters
    ----------
    path
        The file.

    Returns
    -------
    str
        The text of its PP_INFO section; empty if there is none.
    """
    _, _, behind = upf_text(path).partition("<PP_INFO>")
    info, end, _ = behind.partition("</PP_INFO>")
    return info.strip() if end else ""


def _section(root: ET.Element, name: str, path: Path) -> ET.Element:
    found = root.find(name)
    if found is None:
        raise DataError("the pseudopotential file lacks a section", where=str(path), expected=name)
    return found


def _attribute(header: dict[str, str], name: str, path: Path) -> str:
    if name not in header:
        raise DataError(
            "the pseudopotential header lacks an attribute",
            where=f"{path}, PP_HEADER",
            expected=name,
        )
    return header[name]


def _c_form(text: str) -> str:
    """Fortran's numbers as C has them: 1.0D-5, and 1.0-105, whose exponent has no room for a D."""
    return re.sub(r"(?<=[0-9.])(?=[-+]\d{3}\b)", "E", text.upper().replace("D", "E"))


def _number(text: str, path: Path) -> float:
    try:
        value = float(_c_form(text))
    except ValueError as error:
        raise DataError("not a number", where=str(path), got=repr(text)[:100]) from error
    if not np.isfinite(value):
        raise DataError("not a finite number", where=str(path), got=repr(text)[:100])
    return value


def _numbers(section: ET.Element, path: Path) -> FloatArray:
    text = section.text or ""
    require(
        len(text) <= limits.RADIAL_BYTES,
        "a radial array of the pseudopotential is longer than any that makes sense",
        where=f"{path}, {section.tag}",
        most=f"{limits.RADIAL_BYTES} characters",
        got=len(text),
    )
    words = _c_form(text).split()
    try:
        values = np.array(words, dtype=np.float64)
    except ValueError as error:
        raise DataError("not a number", where=f"{path}, {section.tag}", got=str(error)) from error
    size = section.get("size")
    if (size is not None and size.strip() != str(len(values))) or not np.isfinite(values).all():
        raise DataError(
            "a radial array of the pseudopotential is damaged",
            where=f"{path}, {section.tag}",
            expected=f"{size} finite numbers",
            got=f"{len(values)} numbers, {int(np.isfinite(values).sum())} of them finite",
            remedy="fetch the file again",
        )
    return values


def _flag(text: str, path: Path) -> bool:
    word = text.strip().strip(".").lower()
    if word not in {"t", "true", "1", "f", "false", "0"}:
        raise DataError("not a logical value", where=f"{path}, PP_HEADER", got=repr(text))
    return word in {"t", "true", "1"}


def _kind(header: dict[str, str], path: Path) -> str:
    # The flags win: some PAW files carry pseudo_type="US".
    if _flag(header.get("is_paw", "F"), path):
        return "paw"
    if _flag(header.get("is_ultrasoft", "F"), path):
        return "ultrasoft"
    label = _attribute(header, "pseudo_type", path).strip().upper()
    if label not in _KINDS:
        raise DataError(
            "unknown kind of pseudopotential",
            where=f"{path}, PP_HEADER pseudo_type",
            expected=", ".join(_KINDS),
            got=label,
        )
    return _KINDS[label]
