/* Times as texts. What `strftime` makes of a directive differs from library to library, and the
 * guests' does as that of most Linux systems: so this is compared with the library of this
 * machine, which should be one of these. */
#include "common.h"
#include <locale.h>
#include "zones.h"

static const char directives[] = "aAbBcCdDeFgGhHIjklmMnpPrRStTuUVwWxXyYzZ%Q";
/* Without +, which musl takes for a flag and most libraries do not. */
static const char flags[] = "_-0^#";

static void operate(void) {
  const char *zone = PICK(zones);
  char text[2000], format[80], *at = format;
  struct tm parts;
  int local = chance(60);
  long long moment = some_moment();
  /* Whether the clock was changed for the summer before 1970 each library decides by itself. */
  if (local && moment < 200000)
    moment = 200000 - moment;
  time_t when = (time_t)moment;
  setenv("TZ", zone, 1);
  tzset();
  for (unsigned count = 1 + below(4); count > 0; count--) {
    *at++ = '%';
    for (unsigned more = chance(70) ? 0 : 1 + below(2); more > 0; more--)
      *at++ = flags[below(sizeof flags - 1)];
    if (chance(15))
      at += sprintf(at, "%u", below(12));
    if (chance(8))
      *at++ = chance(50) ? 'E' : 'O';
    *at = directives[below(sizeof directives - 1)];
    /* Universal time, and a zone that is none, have a name of their own in each library. */
    if (*at == 'Z' && (!local || !strcmp(zone, "nonsense")))
      *at = 'z';
    at++;
    if (chance(30))
      *at++ = ' ';
  }
  *at = 0;
  say("strftime %s %s %lld \"%s\"", local ? "local" : "universal", zone, moment, format);
  if (local ? !localtime_r(&when, &parts) : !gmtime_r(&when, &parts)) {
    say(" = %s", error_name(errno));
    return;
  }
  if (chance(5))
    parts.tm_isdst = between(-1, 1);
  size_t length = strftime(text, chance(95) ? sizeof text : 5, format, &parts);
  say(" = %u <%s>", (unsigned)length, length ? text : "");
}

int main(int count, char **words) {
  static const Program program = {60, 0, operate, 0};
  setlocale(LC_ALL, "C");
  return run(&program, count, words);
}
