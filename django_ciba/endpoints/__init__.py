"""The addresses of a realm: one file an endpoint, thin."""
