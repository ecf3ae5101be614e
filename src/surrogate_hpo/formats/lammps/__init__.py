"""LAMMPS, the reference of the bispectrum."""
