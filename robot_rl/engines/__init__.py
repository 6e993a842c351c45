"""Simulators behind one small protocol, one file each."""
