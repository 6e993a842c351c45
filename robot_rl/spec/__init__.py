"""What things are: signals, robots, tasks, contracts. numpy and the standard library only."""
