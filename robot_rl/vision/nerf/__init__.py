"""Places learned from photographs: radiance fields on a CPU, and what draws them."""
