"""What is sold, and for how much (in cents)."""

STOCK = {"apples": 240, "bread": 385, "coffee": 890, "olive oil": 1250}


def price(name: str, count: int = 1) -> str:
    """The price of `count` pieces, as 12.50; five or more are a tenth cheaper."""
    cents = STOCK[name] * count
    if count >= 5:
        cents -= cents // 10
    return f"{cents // 100}.{cents % 100:02}"
