"""What all figures share, and the report: its page, its words, its references."""
