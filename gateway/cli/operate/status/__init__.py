"""`gateway status`: the state of everything at this moment."""
