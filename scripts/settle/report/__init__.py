"""The page that a finance person reads first: facts from the marts, charts as SVG, one HTML file."""
