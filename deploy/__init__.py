"""Running Raiox on machines of its own; the programs here are no part of the service."""
