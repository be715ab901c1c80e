"""Phone bills in decimal arithmetic, after the telco benchmark."""
import decimal
import time


def main():
    base, distance = decimal.Decimal("0.0013"), decimal.Decimal("0.00894")
    tax, more_tax = decimal.Decimal("0.0675"), decimal.Decimal("0.0341")
    cent, total, taxes = decimal.Decimal("0.01"), decimal.Decimal(0), decimal.Decimal(0)
    for call in range(40000):
        seconds = call * 7919 % 10007
        price = (seconds * (distance if call & 1 else base)).quantize(cent, decimal.ROUND_HALF_EVEN)
        added = (price * tax).quantize(cent, decimal.ROUND_DOWN)
        if call & 1:
            added += (price * more_tax).quantize(cent, decimal.ROUND_DOWN)
        total, taxes = total + price + added, taxes + added
    assert total > taxes > 0


if __name__ == "__main__":
    begun = time.perf_counter()
    main()
    print(time.perf_counter() - begun)
