"""Derivatives of the SNAP bispectrum."""
