"""Episodes: what a person showed and what a policy did, in files that survive a kill."""
