"""The transfer stage."""
