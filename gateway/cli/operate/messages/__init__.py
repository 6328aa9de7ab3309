"""Messages from the shell: sent, shown, listed and cancelled."""
