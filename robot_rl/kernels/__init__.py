"""Dynamics as scalar functions that numba and Warp compile from one text."""
