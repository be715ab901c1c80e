/* Asks what this run is given: the arguments, and behind their end the environment and
 * the facts, as on the stack of a process that begins. */
char **__read_arguments(void) __attribute__((__visibility__("hidden")));
