"""Images of cameras: scenes, renderers and what is done to images."""
