"""Meta-shaped addresses: an application written for the Cloud API moves here by its base URL."""
