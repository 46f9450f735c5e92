import re
import unittest

from shop.stock import STOCK, price


class Prices(unittest.TestCase):
    def test_one_piece_costs_its_price(self):
        assert price("bread") == "3.85"

    def test_five_pieces_are_a_tenth_cheaper(self):
        assert price("olive oil", 5) == "56.25"

    def test_cents_have_two_digits(self):
        for name in STOCK:
            for count in range(1, 2000):
                assert re.fullmatch(r"\d+\.\d\d", price(name, count))
