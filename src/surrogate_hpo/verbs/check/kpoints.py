"""What `check` says of the mesh of k points: hints, for what suffices depends on the metal."""

from collections.abc import Iterator
from pathlib import Path

from surrogate_hpo.config.project import Config
from surrogate_hpo.dft.kpoint_noise import largest_spacing
from surrogate_hpo.run.size_classes import size_classes
from surrogate_hpo.stages.knoise.records import read_noise_summary

SUMMARY = Path("results/knoise/summary.json")
# At this spacing, of a supercell of 28 Å, aluminium at 5000 K is off by a few meV/atom.
WIDE_SPACING_PER_ANGSTROM = 0.225
# Noise above these shows in what a surrogate can reach.
LARGEST_LDOS_SHARE = 0.05
LARGEST_ENERGY_MEV_PER_ATOM = 1.0


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
