<?php
// Text: expressions, sorting, formats, more than one byte a letter.
declare(strict_types=1);

$text = <<<TEXT
The quick brown fox — “Straße” and naïve café — jumps over the lazy dog.
The dog sleeps; the fox doesn't. Ελληνικά, 日本語, emoji 🎉.
TEXT;

preg_match_all('/[\p{L}\']+/u', $text, $found);
$words = array_map('mb_strtolower', $found[0]);
$counts = array_count_values($words);
uksort($counts, fn (string $a, string $b): int => $counts[$b] <=> $counts[$a] ?: strcmp($a, $b));
foreach (array_slice($counts, 0, 6, true) as $word => $count) {
    printf("%-8s|%3d|%s\n", $word, $count, str_repeat('*', $count));
}
echo mb_strtoupper('straße ελληνικά'), ' ', mb_strlen($text), ' ', strlen($text), ' ', mb_substr('日本語', 1, 1), "\n";
echo preg_replace_callback('/\b(\w)(\w*)\b/', fn ($m) => ucfirst($m[2]) . $m[1] . 'ay', 'pig latin is fun'), "\n";
var_dump(preg_match('/^(?<year>\d{4})-(?<month>\d\d)$/', '2024-07', $parts), $parts['year'], $parts['month']);
echo preg_quote('a.b*c?'), ' ', ucwords('hello big world'), ' ', wordwrap('A longer line of text', 10, "\n", true), "\n";
echo similar_text('World', 'Word'), ' ', levenshtein('kitten', 'sitting'), ' ', soundex('Robert'), ' ', metaphone('Thompson'), "\n";
echo sprintf('%05d %x %b %o %e %\'*10s %-10s| %+d %c %%', 42, 255, 5, 8, 12345.678, 'pad', 'left', 7, 65), "\n";
echo number_format(1234567.891, 2), ' ', number_format(1234567.891, 2, ',', '.'), ' ', strrev('abc'), "\n";
print_r(sscanf('age: 25 name: Ann', 'age: %d name: %s'));
print_r(str_word_count('Hello fri3nd, you look good', 1));
echo md5('a'), ' ', sha1('a'), ' ', crc32('a') & 0xffff, ' ', hash('sha256', 'a'), ' ', hash('xxh64', 'a'), "\n";
echo base64_encode("\0\1\2"), ' ', bin2hex('abc'), ' ', strtr('Hi all', ['Hi' => 'Hello', 'all' => 'world']), "\n";
echo iconv('UTF-8', 'ISO-8859-1', 'é') === "\xe9" ? 'latin' : 'other', ' ', htmlspecialchars('<a href="x">'), "\n";
