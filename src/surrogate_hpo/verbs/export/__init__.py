"""Write the snapshots of a run in MALA's form: sidecar, LDOS and descriptors as arrays."""
