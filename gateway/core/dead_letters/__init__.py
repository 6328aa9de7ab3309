"""What the operator has to look at: dead letters and deferred deliveries."""
