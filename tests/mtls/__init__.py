"""Client certificates through a real nginx, with the configuration that the documentation shows."""
