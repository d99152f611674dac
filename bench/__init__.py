"""Benchmarks: ours beside what people would use instead, in the same run on the same machine."""
