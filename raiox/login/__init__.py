"""How people come in: lock-out after wrong passwords, the limits of a session, a second factor."""
