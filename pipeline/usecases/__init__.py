"""Plain functions, one per command: no printing, no terminal."""
