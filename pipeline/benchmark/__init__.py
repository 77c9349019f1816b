"""The benchmark: every figure beside a named peer that does the same work in the same run."""
