"""The bispectrum with torch."""
