"""One of the jobs of the evaluate stage: all energies of one held-out snapshot."""

from pathlib import Path
from typing import Annotated

from surrogate_hpo.data.models import read_model
from surrogate_hpo.formats.structures.structures import read_temperature
from surrogate_hpo.formats.upf.reader import read_upf
from surrogate_hpo.predict.energies import reference_energies
from surrogate_hpo.predict.held_out import HeldOut, energies_by_source, read_snapshot
from surrogate_hpo.predict.held_out_forces import HeldOutForces
from surrogate_hpo.predict.snapshot_forces import SnapshotForces
from surrogate_hpo.run.interface import Dft, Input, Output, Structure
from surrogate_hpo.run.provenance import provenance
from surrogate_hpo.stages.evaluate.evaluated import write_evaluated
from surrogate_hpo.stages.evaluate.ldos_samples import LdosSample, sampled_points
from surrogate_hpo.stages.evaluate.settings import EvaluateSettings


def evaluate_snapshot(
    *,
    settings: EvaluateSettings,
    seed: int,
    threads: int,
    models: Annotated[list[Path], Input("trained models (*.pt), one per initialisation")],
    structure: Structure,
    dft: Dft,
    descriptors: Annotated[Path, Input("SNAP descriptor store (*.zarr.zip); dimensionless")],
    ldos: Annotated[Path, Input("LDOS store (*.zarr.zip); 1/(eV Å³)")],
    pseudopotentials: Annotated[list[Path], Input("UPF files")],
    energies: Annotated[
        Path,
        Output("JSON: energies in eV per cell, density of states, some LDOS, forces, per source"),
    ],
) -> None:
    """Predict the LDOS of a held-out snapshot and integrate it to total free energies.

    Every network predicts; the *reference* LDOS is integrated in the same way. Where the DFT run
    tells forces, those of every network are computed, too: an LDOS without a network has none.
    """
    trained = {f"seed-{number}": read_model(path) for number, path in enumerate(models)}
    potentials = {p.element: p for p in map(read_upf, pseudopotentials)}
    snapshot = read_snapshot(structure, dft, descriptors, ldos)
    points = sampled_points(snapshot.ldos.values)
    samples: dict[str, dict[str, list[float]]] = {label: {} for label in points}
    rows = [reference_energies(snapshot.name, snapshot.result, read_temperature(structure))]
    block, gpu = settings.block_points, settings.use_gpu
    derivatives = None
    if settings.forces and snapshot.result.forces is not None:
        derivatives = HeldOutForces(
            snapshot, potentials, block_points=block, threads=threads, use_gpu=gpu
        )
    for found, values in energies_by_source(
        snapshot, trained, potentials, block_points=block, use_gpu=gpu
    ):
        rows.append(found)
        for label, index in points.items():
            samples[label][found.source] = values[index].tolist()
        if derivatives is not None and found.source in trained:
            derivatives.add(trained[found.source], found, values)
    inputs = [*models, structure, dft, descriptors, ldos, *pseudopotentials]
    write_evaluated(
        energies,
        rows,
        [LdosSample(label, points[label], ldos) for label, ldos in samples.items()],
        provenance("evaluate_snapshot", settings, seed, inputs),
        forces=None if derivatives is None else _beside_dft(snapshot, derivatives),
    )


def _beside_dft(snapshot: HeldOut, derivatives: HeldOutForces) -> SnapshotForces:
    """Forces and stress of the networks beside those of DFT."""
    known = snapshot.result.forces
    assert known is not None  # noqa: S101 - looked at before they were computed
    forces, stress = derivatives.forces_and_stress()
    return SnapshotForces(
        species=tuple(snapshot.atoms.get_chemical_symbols()),
        dft=known,
        networks=forces,
        dft_stress=snapshot.result.stress,
        network_stresses=stress,
    )
