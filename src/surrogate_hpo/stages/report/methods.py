"""What the methods section of a run must know, gathered from its files: its material, too."""

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from ase import Atoms

from surrogate_hpo.files.tables import read_table
from surrogate_hpo.formats.upf.reader import read_upf_origin
from surrogate_hpo.report.error_summary import QuantityError
from surrogate_hpo.report.methods import MethodsSection, write_methods
from surrogate_hpo.stages.report.records import Documents

Document = Mapping[str, Any]


def composition(structures: Sequence[Atoms]) -> str:
    """Elements of the cells, with their numbers of atoms or the range of them.

    Parameters
    ----------
    structures
        The configurations.

    Returns
    -------
    str
        `4 Al`, `2 Al, 2 Ti`, or of cells of several sizes `4 to 16 Al`.
    """
    first = Counter(structures[0].symbols)
    if all(Counter(atoms.symbols) == first for atoms in structures):
        return ", ".join(f"{number} {symbol}" for symbol, number in first.items())
    elements = dict.fromkeys(symbol for atoms in structures for symbol in atoms.symbols)
    return f"{_range(len(atoms) for atoms in structures)} {', '.join(elements)}"


def volume_per_atom(structures: Sequence[Atoms]) -> str:
    """Volume per atom in Å³, or the range of it."""
    return _range((atoms.get_volume() / len(atoms) for atoms in structures), digits=3)


def temperatures(structures: Sequence[Atoms], settings: Document) -> str:
    """Temperature of the ions in K, or the range of it; empty where it is not known.

    Parameters
    ----------
    structures
        The configurations; what each says itself counts first.
    settings
        Of the snapshots.

    Returns
    -------
    str
        `298 K` or `200 to 600 K`.
    """
    known = [atoms.info.get("temperature_kelvin") for atoms in structures]
    values = [kelvin for kelvin in known if kelvin is not None]
    if not values and settings["method"] not in ("files", "finished"):
        values = [settings["temperature_kelvin"]]
    return f"{_range(values, 4)} K" if values else ""


def strains(structures: Sequence[Atoms]) -> str:
    """Range of the strains in %; empty where none is strained."""
    values = [atoms.info.get("strain_percent", 0.0) for atoms in structures]
    random = max(atoms.info.get("random_strain_percent", 0.0) for atoms in structures)
    said = []
    if any(values):
        said.append(f"{_range(values)} %")
    if random:
        said.append(f"{random:g} % at random (standard deviation)")
    return " and ".join(said)


def _range(values: Iterable[float], digits: int = 6) -> str:
    every = list(values)
    first, last = (f"{value:.{digits}g}" for value in (min(every), max(every)))
    return first if first == last else f"{first} to {last}"


VALIDATION, CHOSEN = "descriptors/validation-", "descriptors/round"


def methods(
    documents: Documents,
    records: Documents,
    pseudopotentials: Sequence[Path],
    structures: Sequence[Atoms],
    *,
    candidates: tuple[Path, Path],
    error: QuantityError,
) -> MethodsSection:
    """Describe the run in the words of a methods section.

    Parameters
    ----------
    documents
        One DFT run, the choices and the errors.
    records
        Provenance per stage.
    pseudopotentials
        UPF files.
    structures
        Configurations of the run.
    candidates
        CSV of the scored descriptors, and of the scored architectures.
    error
        Of the total free energy.

    Returns
    -------
    MethodsSection
        Paragraphs with citations.
    """
    evaluated = documents["evaluate"]
    settings = {stage: record["settings"] for stage, record in records.items()}
    return write_methods(
        settings=settings | {"snapshots": _snapshots(settings["snapshots"], structures)},
        dft=_dft(documents["dft"], records, pseudopotentials, structures),
        material=_material(structures),
        snapshots={
            "training": evaluated["training_snapshots"],
            "validation": sum(VALIDATION in name for name in records["train"]["inputs"]),
            "test": evaluated["held_out_snapshots"],
            "chosen": sum(CHOSEN in name for name in records["train"]["inputs"]),
        },
        acsd=documents["acsd"],
        naswot=documents["naswot"],
        search=documents["search"],
        descriptor_candidates=len(read_table(candidates[0])),
        architectures=len(read_table(candidates[1])),
        error=error,
        seeds=evaluated["initialisations"],
        software=records["report"]["package"],
    )


def _dft(
    result: Mapping[str, Any],
    records: Documents,
    pseudopotentials: Sequence[Path],
    structures: Sequence[Atoms],
) -> dict[str, Any]:
    """What is known of the DFT runs and common to them; the rest is None."""
    alike = all(np.allclose(atoms.cell[:], structures[0].cell[:]) for atoms in structures)
    return {
        "run": records["snapshots"]["settings"]["method"] != "finished",
        "version": result.get("version"),
        "functional": result.get("functional"),
        "fft_grid": result.get("fft_grid") if alike else None,
        "pseudopotentials": {path.name: read_upf_origin(path) for path in pseudopotentials},
    }


def _snapshots(settings: Mapping[str, Any], structures: Sequence[Atoms]) -> dict[str, Any]:
    """Settings of the snapshots, with what differs between them."""
    return {
        **settings,
        "temperatures": temperatures(structures, settings),
        "strains": strains(structures),
    }


def _material(structures: Sequence[Atoms]) -> str:
    volume = volume_per_atom(structures)
    return f"{composition(structures)} atoms per periodic cell ({volume} Å³ per atom)"
