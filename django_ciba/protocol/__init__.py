"""The names, parameters and errors of CIBA: plain Python, no Django."""
