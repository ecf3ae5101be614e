"""Unpack an archive and prove it."""
