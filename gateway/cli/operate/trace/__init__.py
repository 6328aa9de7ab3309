"""`gateway trace`: what became of a message, a send or a customer."""
