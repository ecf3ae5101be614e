"""One of the jobs of the knoise stage: a snapshot's DFT and LDOS again, with a denser mesh."""

import shutil
from pathlib import Path
from typing import Annotated

from surrogate_hpo.config.project import Config
from surrogate_hpo.data.dft_results import read_dft_result
from surrogate_hpo.data.ldos_store import read_ldos
from surrogate_hpo.dft.kpoint_noise import denser_mesh, kpoint_noise
from surrogate_hpo.run.interface import Dft, Input, Output, SnapshotName, State, Structure
from surrogate_hpo.run.provenance import provenance
from surrogate_hpo.stages.dft.stage import dft as run_dft
from surrogate_hpo.stages.knoise.records import write_noise
from surrogate_hpo.stages.knoise.settings import KnoiseSettings
from surrogate_hpo.stages.ldos.stage import ldos as make_ldos


def knoise_snapshot(
    *,
    settings: KnoiseSettings,
    config: Config,
    seed: int,
    snapshot: SnapshotName,
    structure: Structure,
    dft: Dft,
    ldos: Annotated[Path, Input("LDOS store (*.zarr.zip) of the same run; 1/(eV Å³)")],
    pseudopotentials: Annotated[list[Path], Input("UPF files")],
    record: Annotated[
        Path, Output("JSON: own minus denser mesh, in meV/atom and shares of the LDOS's variance")
    ],
    state: Annotated[Path, State("folder of the second run, deleted when it has been compared")],
) -> None:
    """Run the snapshot again with a mesh that is denser along each axis, and compare.

    All but the mesh is as in the run's own calculation, so what differs is the mesh's error: the
    noise of the labels that no model can learn across cells.
    """
    own = read_dft_result(dft)
    mesh = config.dft.run(len(own.species), own.cell).kpoints
    denser = denser_mesh(mesh, settings.factor)
    work = state / snapshot
    shutil.rmtree(work, ignore_errors=True)
    work.mkdir(parents=True)
    second, save, store = work / "denser.json", work / "denser.save", work / "denser.zarr.zip"
    run_dft(
        settings=config.dft.model_copy(
            update={
                "kpoints": list(denser),
                "kpoint_spacing_per_angstrom": None,
                "forces_and_stress": False,
            }
        ),
        seed=seed,
        structure=structure,
        pseudopotentials=pseudopotentials,
        dft=second,
        save=save,
    )
    make_ldos(settings=config.ldos, seed=seed, dft=second, save=save, ldos=store)
    noise = kpoint_noise(
        snapshot,
        own,
        read_dft_result(second),
        meshes=(mesh, denser),
        ldos=(read_ldos(ldos).values, read_ldos(store).values),
    )
    inputs = [structure, dft, ldos, *pseudopotentials]
    write_noise(record, noise, provenance("knoise_snapshot", settings, seed, inputs))
    shutil.rmtree(work)
