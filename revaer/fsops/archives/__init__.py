"""Extraction of archives that nobody vouches for: zip, tar, 7z and rar, in one or many volumes, nested."""
