"""What an operator does at the command line: looks at what waits and what is wrong, and acts on it."""
