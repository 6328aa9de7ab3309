"""The inbox: deliveries are written, leased, deferred and found."""
