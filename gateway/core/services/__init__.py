"""Calls of the operator's services: what is asked, what they answer, and what follows from it."""
