"""Robots, one file each."""
