"""Around a DFT run: thermal configurations, potentials, the LDOS of its wavefunctions."""
