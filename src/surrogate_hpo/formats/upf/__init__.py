"""Pseudopotential files in UPF version 2."""
