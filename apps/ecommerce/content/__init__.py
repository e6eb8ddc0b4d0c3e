"""The content for owners: files, lessons and licence keys."""
