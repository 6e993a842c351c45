"""From a recorded flight back to the physical parameters that explain it."""
