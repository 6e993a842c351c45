"""The page in a browser from which a person drives: its server, its rules, its text."""
