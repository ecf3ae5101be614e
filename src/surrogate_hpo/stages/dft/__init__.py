"""The dft stage."""
