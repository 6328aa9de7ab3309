"""The phone in the browser: pages of the sandbox on which a person plays its customers."""
