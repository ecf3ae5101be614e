"""What the stages of a run have written down: choices, provenance, and how long they took."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from ase import Atoms

from surrogate_hpo.data.models import read_state
from surrogate_hpo.files.documents import read_document
from surrogate_hpo.files.zarr_zip import read_provenance
from surrogate_hpo.formats.structures.structures import read_structure_provenance
from surrogate_hpo.predict.transferred import Transferred
from surrogate_hpo.run.graph import STAGES
from surrogate_hpo.run.provenance import provenance
from surrogate_hpo.stages.report.arguments import RunFiles
from surrogate_hpo.stages.report.figure_time_by_size import (
    DFT,
    DFT_ELSEWHERE,
    SURROGATE,
    WITH_FORCES,
    SizeTime,
)
from surrogate_hpo.stages.report.settings import ReportSettings


def size_times(
    beyond: Sequence[Transferred], structures: Mapping[str, Atoms], costs: Sequence[Path]
) -> list[SizeTime]:
    """CPU seconds by source and number of atoms.

    Parameters
    ----------
    beyond
        Structures of the transfer stage; without any there is nothing to compare.
    structures
        Snapshots of the run by name; none if their DFT was not run here.
    costs
        Cost records of all jobs.

    Returns
    -------
    list of SizeTime
        DFT of the run, DFT of the structures beyond it where the file tells, and the surrogate
        with and without forces; small cells first.
    """
    if not beyond:
        return []
    found: dict[tuple[str, int], list[float]] = {}
    for path in costs:
        if path.parent.name == "dft" and path.stem in structures:
            seconds = read_document(path, keys=("cpu_seconds",))["cpu_seconds"]
            found.setdefault((DFT, len(structures[path.stem])), []).append(seconds)
    for one in beyond:
        atoms = len(one.species)
        if one.dft_cpu_seconds is not None:
            found.setdefault((DFT_ELSEWHERE, atoms), []).append(one.dft_cpu_seconds)
        source = SURROGATE if one.forces is None else WITH_FORCES
        found.setdefault((source, atoms), []).append(one.prediction_cpu_seconds)
    order = (DFT, DFT_ELSEWHERE, SURROGATE, WITH_FORCES)
    keys = sorted(found, key=lambda key: (order.index(key[0]), key[1]))
    return [SizeTime(atoms, source, found[source, atoms]) for source, atoms in keys]


HEADLINE = "total_free_energy"
EVALUATED = (HEADLINE, "classes", "control", "held_out_snapshots", "initialisations")
Documents = dict[str, dict[str, Any]]


def read_documents(files: RunFiles) -> Documents:
    """Read one DFT run, the choices and the errors.

    Parameters
    ----------
    files
        Of the run.

    Returns
    -------
    dict
        Stage to document.
    """
    choices = files.choices
    return {
        "dft": read_document(files.data.dft[0], keys=("provenance",)),
        "acsd": read_document(choices.acsd_choice),
        "naswot": read_document(choices.naswot_choice),
        "search": read_document(choices.search_choice),
        "evaluate": read_document(files.evaluation.summary, keys=EVALUATED),
    }


def read_records(
    settings: ReportSettings, seed: int, documents: Documents, files: RunFiles
) -> Documents:
    """Provenance of each stage that has run, in their order.

    Parameters
    ----------
    settings
        Of the report.
    seed
        Root seed of the config.
    documents
        As `read_documents` gives them.
    files
        Of the run.

    Returns
    -------
    dict
        Stage to record.
    """
    found = {
        "snapshots": read_structure_provenance(files.data.structures[0]),
        "ldos": read_provenance(files.data.ldos[0]),
        "descriptors": read_provenance(files.data.descriptors[0]),
        "train": read_state(files.networks.models[0])["provenance"],
        **{stage: document["provenance"] for stage, document in documents.items()},
    }
    records = {stage: found[stage] for stage in STAGES if stage in found}
    records["report"] = provenance("report", settings, seed, [])
    for path in files.requested.audit_verdict:
        records["audit"] = read_document(path)["provenance"]
    for path in files.requested.rounds:
        records["rounds"] = read_document(path)["provenance"]
    return records


def read_rounds(summaries: Sequence[Path]) -> dict[str, Any]:
    """Summary of the rounds stage; empty if it is not part of the run."""
    keys = ("rounds", "chosen", "stop", "notes", "warnings")
    return next((read_document(path, keys=keys) for path in summaries), {})


def read_engines(dft: Sequence[Path]) -> list[str]:
    """Versions of Quantum ESPRESSO that made the DFT runs, as far as they are known; sorted."""
    made = [read_document(path, keys=("provenance",)).get("version") for path in dft]
    return sorted({str(version) for version in made if version})


def read_warnings(summaries: Sequence[Path]) -> list[str]:
    """What a stage warns of, if it is part of the run."""
    documents = (read_document(path, keys=("warnings",)) for path in summaries)
    return [str(line) for document in documents for line in document["warnings"]]
