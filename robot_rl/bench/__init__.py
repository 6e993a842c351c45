"""Measurements, statistics and reports."""
