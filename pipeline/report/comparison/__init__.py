"""Runs side by side: what differs in their configurations, their accuracies with paired tests, their costs."""
