"""What owners get: files, lessons and licence keys."""
