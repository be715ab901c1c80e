/* The line is made here; one external call hands it over. With LOG_PERROR it is
 * written to stderr as well. */
#include <stdio.h>
#include <string.h>
#include <syslog.h>
#include <unistd.h>

#include <bellglass/delegated.h>

void env_syslog(int priority, const char *text, size_t length) BELLGLASS_DELEGATED(syslog);

static char ident[64];
static int options, facility = LOG_USER, mask = 0xff;

void openlog(const char *name, int option, int default_facility) {
  ident[0] = 0;
  if (name)
    strncat(ident, name, sizeof ident - 1);
  options = option;
  facility = default_facility;
}

void closelog(void) {}

int setlogmask(int new_mask) {
  int old = mask;
  if (new_mask)
    mask = new_mask;
  return old;
}

void vsyslog(int priority, const char *format, va_list args) {
  char text[1024];
  int length = 0, more;
  if (!(mask & LOG_MASK(LOG_PRI(priority))))
    return;
  if (!(priority & LOG_FACMASK))
    priority |= facility;
  if (ident[0])
    length = snprintf(text, sizeof text,
                      options & LOG_PID ? "%s[%d]: " : "%s: ", ident,
                      options & LOG_PID ? (int)getpid() : 0);
  more = vsnprintf(text + length, sizeof text - (size_t)length, format, args);
  if (more < 0)
    return;
  length += more;
  if (length >= (int)sizeof text)
    length = sizeof text - 1;
  if (options & LOG_PERROR)
    dprintf(STDERR_FILENO, "%.*s%s", length, text, length && text[length - 1] == '\n' ? "" : "\n");
  env_syslog(priority, text, (size_t)length);
}

void syslog(int priority, const char *format, ...) {
  va_list args;
  va_start(args, format);
  vsyslog(priority, format, args);
  va_end(args);
}
