"""`settle explain`: everything that happened to one order, bill or statement line, down to file and line."""
