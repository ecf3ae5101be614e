"""The descriptors stage."""
