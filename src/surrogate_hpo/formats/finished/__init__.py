"""Finished DFT calculations of any origin, read behind one interface."""
