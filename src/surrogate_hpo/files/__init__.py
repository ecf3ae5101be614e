"""How files are read and written, whatever they hold: whole or not at all, and never on trust."""
