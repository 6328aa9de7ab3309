"""`gateway trace`: the history of a message, a send or a customer."""
