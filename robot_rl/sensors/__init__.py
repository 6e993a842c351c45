"""How a measurement differs from the truth."""
