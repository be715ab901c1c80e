<?php
// What goes wrong is told, and the exit code says so.
set_error_handler(function (int $level, string $message): bool {
    echo "handled: $message\n";
    return true;
});
echo $undefined ?? 'default', ' ', "$missing", "\n";
restore_error_handler();
register_shutdown_function(fn () => print("at the end\n"));
ini_set('memory_limit', '8M');
try {
    assert(false, 'never');
} catch (AssertionError $error) {
    echo get_class($error), "\n";
}
function deep(int $n): int
{
    return $n ? deep($n - 1) + 1 : 0;
}
echo deep(5000), "\n";
throw new LogicException('nobody catches this', 7);
