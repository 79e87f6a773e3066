"""The demonstration: real commands to a real stack, and what came of them."""
