"""Exchange and correlation."""
