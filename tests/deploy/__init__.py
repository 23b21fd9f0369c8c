"""What stands in deploy/, tried with the programs that will read it on a server."""
