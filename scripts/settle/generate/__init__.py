"""Made data: the demo company's ten days with planted breaks, and reference days of any size."""
