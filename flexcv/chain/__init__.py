"""From what a chain says to what is run, and running it."""
