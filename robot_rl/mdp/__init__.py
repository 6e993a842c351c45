"""Batched torch functions that tasks are made of."""
