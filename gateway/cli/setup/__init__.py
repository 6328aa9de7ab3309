"""Commands that set up a gateway: init, doctor, tunnel."""
