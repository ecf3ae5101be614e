"""All networks of a surrogate at once: sums of what they predict, and derivatives."""
