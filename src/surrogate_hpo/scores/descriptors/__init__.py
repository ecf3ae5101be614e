"""ACSD and its companions: scores of descriptors."""
