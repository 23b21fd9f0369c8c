"""How good an encoder is at finding films of the same label: no database, no catalogue."""
