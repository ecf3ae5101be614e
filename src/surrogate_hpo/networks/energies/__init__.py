"""What energies and forces of whole snapshots add to a training."""
