"""The rules' examples as data, and what reads, packs and checks them."""
