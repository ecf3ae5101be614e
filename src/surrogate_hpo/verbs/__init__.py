"""Commands for people, which belong to no rule."""
