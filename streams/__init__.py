"""From a batch of stream records to diffs on every screen."""
