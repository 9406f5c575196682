"""A demo relying party: a checkout that asks the user through CIBA."""
