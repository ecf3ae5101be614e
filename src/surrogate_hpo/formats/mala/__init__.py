"""Snapshots in MALA's form."""
