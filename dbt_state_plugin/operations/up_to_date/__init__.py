"""Up-to-date check: skip planning when nothing has changed."""
