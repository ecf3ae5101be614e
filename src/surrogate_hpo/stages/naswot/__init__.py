"""The naswot stage."""
