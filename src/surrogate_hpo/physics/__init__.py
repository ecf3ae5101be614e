"""From LDOS, DOS and density to Fermi energy, band energy, entropy and total free energy."""
