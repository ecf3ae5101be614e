"""Molecular dynamics with a surrogate."""
