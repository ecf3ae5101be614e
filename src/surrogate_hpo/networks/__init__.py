"""Networks from descriptors to LDOS: architecture, scaling, training."""
