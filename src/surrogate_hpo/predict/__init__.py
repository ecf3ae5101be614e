"""From an LDOS to energies: what evaluate, predict and the calculator share."""
