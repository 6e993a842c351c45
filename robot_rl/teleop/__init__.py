"""A person at the controls: devices, what they say, and the page in a browser."""
