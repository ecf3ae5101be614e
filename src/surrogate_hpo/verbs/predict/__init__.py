"""Energies, density and density of states of any structure, from a surrogate file."""
