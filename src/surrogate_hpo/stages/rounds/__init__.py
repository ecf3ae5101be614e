"""The rounds stage."""
