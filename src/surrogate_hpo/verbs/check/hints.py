"""What `check` hints at: the mesh of k points, and DFT that a change of the LDOS will repeat."""

from collections.abc import Iterator
from pathlib import Path

from surrogate_hpo.config.project import Config
from surrogate_hpo.data.ldos_store import read_ldos
from surrogate_hpo.dft.kpoint_noise import largest_spacing
from surrogate_hpo.run.case import case_of, size_classes, wavefunction_bytes
from surrogate_hpo.run.left_out import reason_of
from surrogate_hpo.run.request import request
from surrogate_hpo.stages.knoise.records import read_noise_summary
from surrogate_hpo.stages.ldos.settings import LdosSettings

_FIRST_PLANE = slice(0, 1)
SUMMARY = Path("results/knoise/summary.json")
# At this spacing, of a supercell of 28 Å, aluminium at 5000 K is off by a few meV/atom.
WIDE_SPACING_PER_ANGSTROM = 0.225
# Noise above these shows in what a surrogate can reach.
LARGEST_LDOS_SHARE = 0.05
LARGEST_ENERGY_MEV_PER_ATOM = 1.0


def repeated_dft(config: Config) -> Iterator[str]:
    """Say what another LDOS will cost where the wavefunctions of the present one are gone.

    Parameters
    ----------
    config
        The whole config.

    Yields
    ------
    str
        A sentence for the log.
    """
    if config.snapshots.finished:
        return
    names = [name for name in config.all_names() if _needs_dft(config.ldos, name)]
    if not names:
        return
    case = case_of(config)
    asked = [request("dft", case.of(name)) for name in names]
    hours = sum(one.expected_seconds * one.threads for one in asked) / 3600
    _, together = wavefunction_bytes(case)
    yield (
        f"the ldos section has changed, and the wavefunctions of {len(names)} snapshots were not "
        f"kept: their DFT will run again, {hours:.2g} core hours by the estimate; with "
        f"dft.keep_wavefunctions: true ({together / 2**20:,.0f} MiB) the next change will not"
    )


def _needs_dft(settings: LdosSettings, name: str) -> bool:
    """Whether the LDOS of a snapshot is of other settings, and no wavefunctions are left."""
    store = Path(f"results/ldos/{name}.zarr.zip")
    kept = Path(f"results/dft/{name}.save").exists()
    if not store.exists() or reason_of(store) is not None or kept:
        return False
    return not read_ldos(store, _FIRST_PLANE).axis.agrees(settings.axis())


def kpoint_hints(config: Config) -> Iterator[str]:
    """Say where the k noise was found to be large, or where nobody has looked and it may be.

    Parameters
    ----------
    config
        The whole config.

    Yields
    ------
    str
        A sentence for the log.
    """
    if config.snapshots.finished:
        return
    if SUMMARY.exists():
        for noise in read_noise_summary(SUMMARY):
            energy = noise.total_free_energy_mev_per_atom
            if noise.ldos_share > LARGEST_LDOS_SHARE or abs(energy) > LARGEST_ENERGY_MEV_PER_ATOM:
                yield (
                    f"k noise of cells of {noise.atoms} atoms with {noise.mesh} k points: "
                    f"{noise.ldos_share:.1%} of the LDOS's variance and {energy:+.1f} meV/atom; "
                    f"above {LARGEST_LDOS_SHARE:.0%} or {LARGEST_ENERGY_MEV_PER_ATOM:g} meV/atom "
                    "it limits what a surrogate can learn: make the mesh denser"
                )
        return
    for atoms in size_classes(config).values():
        mesh = config.dft.run(len(atoms), atoms.cell[:]).kpoints
        spacing = largest_spacing(atoms.cell[:], mesh)
        if spacing > WIDE_SPACING_PER_ANGSTROM:
            yield (
                f"k points of cells of {len(atoms)} atoms are up to {spacing:.2f} 1/Å apart; a "
                "metal like aluminium at 5000 K needs about 0.2 for labels that cells of other "
                "sizes share; `snakemake knoise` measures it (docs/concepts/kpoints.md)"
            )
