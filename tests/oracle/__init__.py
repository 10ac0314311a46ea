"""An independent, sequential reading of the rules (docs/decisions/0003), and random worlds for the comparison."""
