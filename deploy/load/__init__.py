"""`make load`: webhooks at a constant rate, searches and pages beside them, everything counted."""
