"""The tests: by specification and section in conformance/, by part in unit/, and under failure."""
