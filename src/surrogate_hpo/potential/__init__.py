"""Potentials: energies and forces from the neighbourhoods of the atoms, without a network."""
