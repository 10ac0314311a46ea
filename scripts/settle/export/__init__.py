"""Excel files for people: what stands in a mart, by a layout that names its columns."""
