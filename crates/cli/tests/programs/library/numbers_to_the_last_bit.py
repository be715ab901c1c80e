import cmath, decimal, fractions, math, statistics, random
# Not here: the functions in which the C libraries themselves differ in the last bit (sinh, asinh, erfc,
# cbrt, atan2, and with them cmath.asin, acos and atan).
xs = [0.1, 0.5, 1.0, 1.5, 2.718281828459045, 10.0, 123.456, 1e-8, 1e-300, 5e-324, 1e8, 1e300]
for name in ("sqrt exp expm1 log log2 log10 log1p sin cos tan asin acos atan cosh tanh acosh atanh erf gamma lgamma exp2 ulp degrees radians fabs floor ceil trunc").split():
    f = getattr(math, name); row = []
    for x in xs:
        for v in (x, -x):
            try: r = f(v); row.append(r.hex() if isinstance(r, float) else str(r))
            except (ValueError, OverflowError) as error: row.append(type(error).__name__[0])
    print(name, " ".join(row))
for name in ("pow fmod hypot copysign remainder ldexp nextafter").split():
    f = getattr(math, name); row = []
    for x in xs[:8]:
        for y in (0.3, -2.5, 7.0):
            try: row.append(f(x, int(y) if name == "ldexp" else y).hex())
            except (ValueError, OverflowError) as error: row.append(type(error).__name__[0])
    print(name, " ".join(row))
print(math.fsum([0.1] * 10), sum([0.1] * 10), math.prod(range(1, 25)), math.comb(100, 50), math.perm(20, 5), math.isqrt(10**41), math.gcd(2**60, 6**30), math.lcm(*range(1, 30)), math.dist((1, 2), (4, 6)), math.frexp(1e-310), math.modf(-3.7), math.sumprod([1.5, 2], [3, 4]), math.fma(0.1, 10, -1))
for z in (1 + 2j, -1.5 - 0.5j, 1e-10j):
    print(*[getattr(cmath, n)(z) for n in "sqrt exp log sin cos tan sinh tanh phase".split()])
print(0.1 + 0.2, 1e16, 1e22, 1.7976931348623157e308, 5e-324, float("1e-400"), float.fromhex("0x1.8p-3"), (0.1).as_integer_ratio(), repr(1 / 3), round(2.675, 2), float("nan"), -0.0, 1e400, int(1e23), 2.5 // 0.3, -2.5 % 0.3, 0.1 ** 0.5, (-8) ** (1 / 3))
decimal.getcontext().prec = 50
print(decimal.Decimal(2).sqrt(), decimal.Decimal(1) / 7, decimal.Decimal("1.10") + decimal.Decimal("2.205").quantize(decimal.Decimal("0.01"), decimal.ROUND_HALF_EVEN), decimal.Decimal(10).ln(), decimal.Decimal("0.5").exp(), decimal.Decimal(0.1))
try: decimal.Decimal(1) / 0
except decimal.DivisionByZero as error: print(repr(error))
print(decimal.getcontext().flags[decimal.Inexact], fractions.Fraction(3.14159).limit_denominator(1000), fractions.Fraction("1/3") + fractions.Fraction(0.25), sum(fractions.Fraction(1, n) for n in range(1, 30)))
print(statistics.mean([1, 2, 3.5]), statistics.stdev([2, 4, 4, 4, 5, 5, 7, 9]), statistics.median_grouped([1, 2, 2, 3]), statistics.quantiles(range(11)), statistics.NormalDist(1, 2).cdf(2.5), statistics.linear_regression([1, 2, 3], [2, 4.1, 6]), statistics.fmean([0.1] * 3), statistics.correlation([1, 2, 3], [3, 1, 2]))
random.seed(2024); print(random.random(), random.randrange(10**20), random.gauss(0, 1), random.sample(range(100), 5), random.choices("abc", [1, 2, 3], k=5), random.expovariate(1.5), random.betavariate(2, 3), random.getrandbits(70)); random.seed("text"); print(random.random(), random.randbytes(4).hex()); l = list(range(8)); random.shuffle(l); print(l, random.Random(1).triangular(), random.Random(7).normalvariate())
