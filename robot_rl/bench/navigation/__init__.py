"""Navigation compared: planners in arenas, scores, statistics, a report."""
