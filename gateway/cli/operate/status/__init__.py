"""`gateway status`: how everything is at this moment."""
