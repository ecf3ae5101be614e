"""The surrogate stage."""
