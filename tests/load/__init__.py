"""`make load` and `make bench` on a small scale: that they run, and that they can fail."""
