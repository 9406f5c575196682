"""The commands that an operator runs."""
