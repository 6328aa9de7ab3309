"""Stories of traces: what happened, in order and in words, for the terminal and the console."""
