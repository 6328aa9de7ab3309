"""The sandbox's own API: customers write, faults are set."""
