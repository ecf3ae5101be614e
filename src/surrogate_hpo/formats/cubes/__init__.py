"""Gaussian cube files."""
