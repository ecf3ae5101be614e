"""Files of other programs: the only place that knows their forms and converts their units."""
