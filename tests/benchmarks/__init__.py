"""What the hot paths cost: `make bench`."""
