"""Server checks: the fitness of a Redis server to store deliveries."""
