"""When a target has which size, by the minute."""
