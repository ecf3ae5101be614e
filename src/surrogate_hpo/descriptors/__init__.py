"""SNAP bispectrum descriptors at arbitrary points."""
