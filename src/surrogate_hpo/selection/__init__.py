"""Which structures to compute next: chosen by their descriptors alone, or with a model."""
