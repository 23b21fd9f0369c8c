"""`make bench`: each target beside its baseline, measured in one run."""
