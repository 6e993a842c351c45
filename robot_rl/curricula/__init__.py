"""Curricula: which task parameters the next episodes are to have. numpy only."""
