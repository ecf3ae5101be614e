"""What a structure file says beyond elements, cell and positions: refused, or told."""

import re
from collections.abc import Iterator, Mapping
from pathlib import Path

import numpy as np
from ase import Atoms

from surrogate_hpo.errors import DataError

# Key of `info`: what a file says that no DFT run here takes up.
UNUSED = "unused"
CONSTRAINTS = "constraints"
_MOMENTS, _CHARGES = "magnetic moments", "charges"
# Where the formats that ASE reads, and people in extended xyz, put them.
_ARRAYS = {
    _MOMENTS: ("initial_magmoms", "magmom", "magmoms", "magnetic_moments", "spin"),
    _CHARGES: ("initial_charges", "charge", "charges"),
    CONSTRAINTS: ("move_mask",),
}
_TOTALS = {
    _MOMENTS: ("magmom", "total_magnetization"),
    _CHARGES: ("charge", "total_charge", "tot_charge", "net_charge"),
}
_NONE = 1e-6
# What ASE's readers leave out, by format.
_SETTINGS = {
    "espresso-in": {
        _MOMENTS: r"nspin\s*=\s*[24]|noncolin\s*=\s*\.t",
        _CHARGES: r"tot_charge\s*=\s*[-+]?(?:0*\.0*)?0*[1-9]",
    },
    "cif": {_MOMENTS: r"^_atom_site_moment"},
}
_HEAD_CHARACTERS = 100_000


def refuse_types_without_elements(path: Path, source: str) -> None:
    """Refuse LAMMPS files that number the types of atoms: ASE takes the numbers for elements.

    Parameters
    ----------
    path
        The file.
    source
        What to name in the message.

    Raises
    ------
    DataError
        The file names no elements.
    """
    kind = _form(path)
    if kind not in ("lammps-dump-text", "lammps-dump-binary", "lammps-data"):
        return
    head = "" if kind == "lammps-dump-binary" else _head(path)
    columns = re.search(r"^ITEM: ATOMS\s*(.*)$", head, re.MULTILINE)
    if columns and {"element", "mass"} & set(columns[1].split()):
        return
    if kind == "lammps-data" and re.search(r"^\s*(Masses|Atom Type Labels)\b", head, re.MULTILINE):
        return
    raise DataError(
        "the LAMMPS file names no elements: its types are numbers",
        where=source,
        expected="a column `element`" if kind != "lammps-data" else "a section Masses",
        got=f"columns {columns[1].strip()}" if columns else kind,
        remedy="write it again with the elements of the types (`dump ... element x y z`, "
        "`dump_modify ... element Al`), or convert it to extended xyz",
    )


def _form(path: Path) -> str | None:
    """ASE's name of a file's form; None where it will say itself that it cannot read it."""
    from ase.io.formats import UnknownFileTypeError, filetype  # noqa: PLC0415 - half of SciPy

    try:
        return str(filetype(str(path)))
    except (UnknownFileTypeError, OSError, UnicodeDecodeError):
        return None


def _head(path: Path) -> str:
    from ase.io.formats import open_with_compression  # noqa: PLC0415

    with open_with_compression(str(path), "rt") as stream:
        return str(stream.read(_HEAD_CHARACTERS))


def refuse_disorder(atoms: Atoms, where: str) -> None:
    """Refuse sites that are partly empty or shared by elements: ASE keeps one atom on each.

    Parameters
    ----------
    atoms
        As ASE read them, Å.
    where
        What to name in the message.

    Raises
    ------
    DataError
        Naming the first such site and its atoms, or an occupancy that is no number.
    """
    for index, site in _sites(atoms, where):
        whole = len(site) == 1 and abs(sum(site.values()) - 1) < _NONE
        if site and not whole:
            shares = ", ".join(f"{share:.4g} {symbol}" for symbol, share in site.items())
            place = ", ".join(f"{x:.4g}" for x in atoms.get_scaled_positions()[index])
            raise DataError(
                "a site of the structure is partly occupied; DFT needs an ordered cell",
                where=f"{where}, atom {index} at ({place})",
                expected="one element on each site, with occupancy 1",
                got=f"occupied by {shares}",
                remedy="make ordered supercells of it, or a special quasirandom structure, and "
                "give those",
            )


def _sites(atoms: Atoms, where: str) -> Iterator[tuple[int, dict[str, float]]]:
    """Occupancies by element, of each site of which the file says any."""
    kinds = atoms.info.get("occupancy")
    labels = atoms.arrays.get("spacegroup_kinds")
    if isinstance(kinds, dict):
        for kind, site in kinds.items():
            try:
                first = 0 if labels is None else int(np.argmax(labels == int(kind)))
                by_symbol = {symbol: float(share) for symbol, share in site.items()}
            except (AttributeError, TypeError, ValueError) as error:
                # ASE hands on whatever word stands in the column.
                raise DataError(
                    "an occupancy of the structure is no number",
                    where=where,
                    expected="a number from 0 to 1 for each site",
                    got=f"site {kind}: {site}",
                    remedy="mend the column of occupancies, or leave it out if each site is full",
                ) from error
            yield first, by_symbol
    for name in ("occupancy", "occupancies", "occupation"):
        shares = np.asarray(atoms.arrays.get(name, []))
        # Of all zeros some programs mean nothing.
        if shares.ndim == 1 and np.issubdtype(shares.dtype, np.floating) and shares.any():
            for index, share in enumerate(shares):
                yield index, {str(atoms.symbols[index]): float(share)}


def unused_contents(atoms: Atoms) -> tuple[str, ...]:
    """What of a structure is not taken up, of what would change its energy or its motion.

    Parameters
    ----------
    atoms
        As ASE read them.

    Returns
    -------
    tuple of str
        Of magnetic moments, charges and constraints those that are there and not zero.
    """
    found = {name for name, keys in _ARRAYS.items() if _any(atoms.arrays, keys)}
    found |= {name for name, keys in _TOTALS.items() if _any(atoms.info, keys)}
    results = getattr(atoms.calc, "results", {})
    if _any(results, ("magmoms", "magmom")):
        found.add(_MOMENTS)
    if atoms.constraints:
        found.add(CONSTRAINTS)
    return tuple(sorted(found))


def left_out(path: Path) -> tuple[str, ...]:
    """The same of what ASE does not read: namelists of pw.x, moments of a magnetic CIF.

    Parameters
    ----------
    path
        A structure file of any format.

    Returns
    -------
    tuple of str
        Empty for formats that ASE reads whole.
    """
    settings = _SETTINGS.get(_form(path) or "", {})
    try:
        text = re.sub(r"!.*", "", _head(path)).lower() if settings else ""
    except (OSError, UnicodeDecodeError):
        return ()
    found = (name for name, setting in settings.items() if re.search(setting, text, re.MULTILINE))
    return tuple(sorted(found))


def _any(holder: Mapping[str, object], keys: tuple[str, ...]) -> bool:
    """Whether one of the keys holds a number that is not zero."""
    for key in keys:
        try:
            values = np.asarray(holder.get(key, 0.0), dtype=np.float64)
        except (TypeError, ValueError):
            continue
        if (abs(values) > _NONE).any():
            return True
    return False
