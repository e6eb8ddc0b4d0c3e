"""What owners get: files and lessons."""
