"""The knoise stage."""
