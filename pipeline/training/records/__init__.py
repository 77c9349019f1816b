"""Trackers of experiments that follow a training beside training.csv, a file for each."""
