"""A host whose every setting stands in our way."""
