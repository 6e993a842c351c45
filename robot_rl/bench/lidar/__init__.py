"""Speed of the batched lidar world beside IR-SIM, in places that both see alike."""
