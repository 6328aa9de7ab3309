"""Commands that set a gateway up: init, doctor, tunnel."""
