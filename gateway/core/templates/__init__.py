"""Templates as Meta has them: what is known of each, and whether a message fits one."""
