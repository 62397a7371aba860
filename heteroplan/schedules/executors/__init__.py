"""What systems do with a schedule: the rules of each, on the text that was written for it."""
