"""What real MALA says of a snapshot; runs in MALA's own environment, answers with JSON.

Arguments: folder, name of the snapshot, number of energies, lowest energy, spacing.
"""

import contextlib
import io
import json
import sys

import mala
import numpy as np


def main() -> dict:
    folder, name, energies, lowest, spacing = sys.argv[1:]
    parameters = mala.Parameters()
    parameters.verbosity = 0
    parameters.use_lammps = False
    parameters.targets.target_type = "LDOS"
    parameters.targets.ldos_gridsize = int(energies)
    parameters.targets.ldos_gridoffset_ev = float(lowest)
    parameters.targets.ldos_gridspacing_ev = float(spacing)
    parameters.descriptors.bispectrum_twojmax = 2
    parameters.descriptors.bispectrum_cutoff = 4.0
    path = f"{folder}/{name}"
    ldos = mala.LDOS.from_numpy_file(parameters, f"{path}.out.npy")
    ldos.read_additional_calculation_data(f"{path}.info.json")
    descriptors = mala.Bispectrum(parameters)
    read = descriptors.read_from_numpy_file(f"{path}.in.npy")
    own, _ = descriptors.calculate_from_json(f"{path}.info.json", folder, use_fp64=True)
    # The same snapshot, written again by MALA in all of its forms.
    np.save(f"{folder}/mala.in.npy", own)
    ldos.write_to_numpy_file(f"{folder}/mala.out.npy")
    ldos.write_additional_calculation_data(f"{folder}/mala.info.json")
    ldos.write_to_openpmd_file(f"{folder}/mala5.out.h5")
    ldos.write_additional_calculation_data(f"{folder}/mala5.info.json")
    return {
        "energy": [float(e) for e in ldos.energy_grid],
        "electrons": float(
            ldos.get_number_of_electrons(
                fermi_energy=ldos.fermi_energy_dft, temperature=ldos.temperature
            )
        ),
        "fermi_energy": ldos.fermi_energy_dft,
        "total_energy": ldos.total_energy_dft_calculation,
        "temperature": ldos.temperature,
        "grid": [int(n) for n in ldos.local_density_of_states.shape],
        "volume": float(ldos.atoms.get_volume()),
        "descriptors": list(read.shape),
    }


if __name__ == "__main__":
    with contextlib.redirect_stdout(io.StringIO()):
        answer = main()
    sys.stdout.write(json.dumps(answer) + "\n")
