<?php
// Arithmetic: the same digits, and the same kinds of numbers below 2^31.
function fannkuch(int $n): array
{
    $p = range(0, $n - 1);
    $count = array_fill(0, $n, 0);
    [$flips, $sum, $sign] = [0, 0, 1];
    while (true) {
        if ($p[0]) {
            $q = $p;
            for ($times = 1; $q[$q[0]] !== 0 || $q[0] !== 0; $times++) {
                $first = $q[0];
                if (!$q[$first]) {
                    break;
                }
                $head = array_reverse(array_slice($q, 0, $first + 1));
                $q = [...$head, ...array_slice($q, $first + 1)];
            }
            $flips = max($flips, $times);
            $sum += $sign * $times;
        }
        if ($sign === 1) {
            [$p[0], $p[1], $sign] = [$p[1], $p[0], -1];
            continue;
        }
        [$p[1], $p[2], $sign] = [$p[2], $p[1], 1];
        for ($i = 2; $i < $n && ++$count[$i] > $i; $i++) {
            $count[$i] = 0;
            if ($i === $n - 1) {
                return [$sum, $flips];
            }
            $first = array_shift($p);
            array_splice($p, $i + 1, 0, [$first]);
        }
    }
}
[$sum, $flips] = fannkuch(7);
echo "$sum $flips\n";

$energy = 0.0;
for ($i = 1; $i <= 1000; $i++) {
    $energy += sqrt($i) * sin($i) / ($i + 0.5);
}
printf("%.10f %.6e %s %s\n", $energy, M_PI ** 20, 0.1 + 0.2, 1e100);
var_dump(round(2.5), round(-1.955, 2), floor(-1.5), intdiv(-7, 2), -7 % 3, fmod(-7, 3), 7 <=> 7.0, '10' == '1e1', 0 == 'a');
var_dump((int) '12abc', is_numeric('1e5'), PHP_FLOAT_EPSILON, 1 / 3, (string) 1.0, 1e15, 123456789.12345678);
echo bcadd('99999999999999999999', '1'), ' ', bcpow('2', '100'), ' ', bcdiv('1', '7', 30), ' ', bcsqrt('2', 20), "\n";
echo base_convert('ff', 16, 2), ' ', bindec('1011'), ' ', dechex(48879), ' ', array_sum([1, 2.5]), ' ', array_product([2, '3']), "\n";
mt_srand(42);
echo mt_rand(1, 1000), ' ', mt_rand(1, 1000), ' ', implode(',', (new Random\Randomizer(new Random\Engine\Xoshiro256StarStar(str_repeat('s', 32))))->shuffleArray([1, 2, 3, 4, 5])), "\n";
$date = new DateTimeImmutable('2024-02-29 13:30', new DateTimeZone('Europe/Berlin'));
echo $date->modify('+1 year')->format(DATE_ATOM), ' ', $date->setTimezone(new DateTimeZone('America/New_York'))->format('D, d M Y H:i T'), "\n";
echo (new DateTime('2024-01-31'))->diff(new DateTime('2024-03-01'))->format('%m months %d days, %a in all'), ' ', date('N jS z t L', 951782400), "\n";
foreach (new DatePeriod(new DateTime('2024-01-29'), new DateInterval('P1W'), 2) as $day) {
    echo $day->format('W/o '), '';
}
echo "\n", cal_days_in_month(CAL_GREGORIAN, 2, 2023), ' ', easter_days(2024), "\n";
