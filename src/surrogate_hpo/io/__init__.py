"""The only place that knows file formats and converts units."""
