"""Traces: everything the store knows, from whichever end it is asked."""
