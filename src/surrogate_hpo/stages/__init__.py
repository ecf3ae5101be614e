"""One module per stage: load, guard, compute, save."""
