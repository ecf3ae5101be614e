"""Constants (CODATA 2018) behind the package's one set of units.

Inside the package: energies eV, lengths Å, temperatures K, densities 1/Å³,
LDOS 1/(eV Å³), DOS 1/eV. Foreign units are converted once, where a file is read.
"""

BOLTZMANN_EV_PER_KELVIN = 8.617333262e-5
RYDBERG_EV = 13.605693122994
HARTREE_EV = 2 * RYDBERG_EV
BOHR_ANGSTROM = 0.529177210903
GIGAPASCAL_PER_EV_PER_CUBIC_ANGSTROM = 160.2176634
