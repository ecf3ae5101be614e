"""The ados stage."""
