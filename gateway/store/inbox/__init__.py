"""The inbox: deliveries are stored, leased, deferred and found."""
