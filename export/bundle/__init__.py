"""The bundle: a network in one folder, sealed with hashes."""
