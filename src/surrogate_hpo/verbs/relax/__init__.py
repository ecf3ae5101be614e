"""Relax a structure with a surrogate."""
