"""How the second address listens, and whom it lets in."""
