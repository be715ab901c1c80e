/* Users and groups, read from /etc/passwd and /etc/group on every question:
 * the files are small, and a program may see them change. */
#include <errno.h>
#include <grp.h>
#include <pwd.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define LINE 1024
#define MEMBERS 64

/* Cuts the next field out of a line; NULL when there is none. */
static char *field(char **rest, int separator) {
  char *start = *rest, *end;
  if (!start)
    return 0;
  end = strchr(start, separator);
  if (end)
    *end++ = 0;
  *rest = end;
  return start;
}

static int number(const char *text, unsigned *value) {
  char *end;
  if (!text || !*text)
    return 0;
  *value = (unsigned)strtoul(text, &end, 10);
  return !*end;
}

static int parse_passwd(char *line, struct passwd *p) {
  p->pw_name = field(&line, ':');
  p->pw_passwd = field(&line, ':');
  if (!number(field(&line, ':'), &p->pw_uid) ||
      !number(field(&line, ':'), &p->pw_gid))
    return 0;
  p->pw_gecos = field(&line, ':');
  p->pw_dir = field(&line, ':');
  p->pw_shell = field(&line, ':');
  return p->pw_shell != 0 && *p->pw_name;
}

static int parse_group(char *line, struct group *g, char **members,
                       size_t capacity) {
  g->gr_name = field(&line, ':');
  g->gr_passwd = field(&line, ':');
  if (!number(field(&line, ':'), &g->gr_gid) || !line)
    return 0;
  size_t count = 0;
  while (line && *line && count + 1 < capacity)
    members[count++] = field(&line, ',');
  members[count] = 0;
  g->gr_mem = members;
  return *g->gr_name != 0;
}

/* Reads one line without its end into a buffer; 0 at the end of the file.
 * What does not fit is an error that the _r functions report as ERANGE. */
static int read_line(FILE *file, char *buffer, size_t size) {
  if (!fgets(buffer, (int)size, file))
    return 0;
  size_t length = strlen(buffer);
  if (length && buffer[length - 1] == '\n')
    buffer[length - 1] = 0;
  else if (length + 1 == size)
    return -1;
  return 1;
}

static int find_passwd(const char *name, uid_t uid, struct passwd *p,
                       char *buffer, size_t size, struct passwd **result) {
  int state, error = 0;
  *result = 0;
  FILE *file = fopen("/etc/passwd", "re");
  if (!file)
    return errno == ENOENT ? 0 : errno;
  while (!*result && (state = read_line(file, buffer, size)) != 0) {
    if (state < 0) {
      error = ERANGE;
      break;
    }
    if (parse_passwd(buffer, p) &&
        (name ? !strcmp(name, p->pw_name) : uid == p->pw_uid))
      *result = p;
  }
  fclose(file);
  return error;
}

static int find_group(const char *name, gid_t gid, struct group *g,
                      char *buffer, size_t size, struct group **result) {
  int state, error = 0;
  *result = 0;
  /* The front of the caller's buffer holds the list of members. */
  size_t skip = -(size_t)buffer % sizeof(char *);
  size_t list = skip + MEMBERS * sizeof(char *);
  if (size <= list)
    return ERANGE;
  char **members = (char **)(buffer + skip);
  FILE *file = fopen("/etc/group", "re");
  if (!file)
    return errno == ENOENT ? 0 : errno;
  while (!*result &&
         (state = read_line(file, buffer + list, size - list)) != 0) {
    if (state < 0) {
      error = ERANGE;
      break;
    }
    if (parse_group(buffer + list, g, members, MEMBERS) &&
        (name ? !strcmp(name, g->gr_name) : gid == g->gr_gid))
      *result = g;
  }
  fclose(file);
  return error;
}

int getpwnam_r(const char *name, struct passwd *p, char *buffer, size_t size,
               struct passwd **result) {
  return find_passwd(name, 0, p, buffer, size, result);
}

int getpwuid_r(uid_t uid, struct passwd *p, char *buffer, size_t size,
               struct passwd **result) {
  return find_passwd(0, uid, p, buffer, size, result);
}

int getgrnam_r(const char *name, struct group *g, char *buffer, size_t size,
               struct group **result) {
  return find_group(name, 0, g, buffer, size, result);
}

int getgrgid_r(gid_t gid, struct group *g, char *buffer, size_t size,
               struct group **result) {
  return find_group(0, gid, g, buffer, size, result);
}

static struct passwd passwd_entry;
static char passwd_line[LINE];
static FILE *passwd_file;

struct passwd *getpwnam(const char *name) {
  struct passwd *result;
  errno = getpwnam_r(name, &passwd_entry, passwd_line, LINE, &result);
  return result;
}

struct passwd *getpwuid(uid_t uid) {
  struct passwd *result;
  errno = getpwuid_r(uid, &passwd_entry, passwd_line, LINE, &result);
  return result;
}

void endpwent(void) {
  if (passwd_file)
    fclose(passwd_file);
  passwd_file = 0;
}

void setpwent(void) { endpwent(); }

struct passwd *getpwent(void) {
  if (!passwd_file && !(passwd_file = fopen("/etc/passwd", "re")))
    return 0;
  while (read_line(passwd_file, passwd_line, LINE) > 0)
    if (parse_passwd(passwd_line, &passwd_entry))
      return &passwd_entry;
  return 0;
}

static struct group group_entry;
static char group_line[LINE + (MEMBERS + 1) * sizeof(char *)];
static FILE *group_file;

struct group *getgrnam(const char *name) {
  struct group *result;
  errno = getgrnam_r(name, &group_entry, group_line, sizeof group_line, &result);
  return result;
}

struct group *getgrgid(gid_t gid) {
  struct group *result;
  errno = getgrgid_r(gid, &group_entry, group_line, sizeof group_line, &result);
  return result;
}

void endgrent(void) {
  if (group_file)
    fclose(group_file);
  group_file = 0;
}

void setgrent(void) { endgrent(); }

struct group *getgrent(void) {
  static char *members[MEMBERS];
  if (!group_file && !(group_file = fopen("/etc/group", "re")))
    return 0;
  while (read_line(group_file, group_line, LINE) > 0)
    if (parse_group(group_line, &group_entry, members, MEMBERS))
      return &group_entry;
  return 0;
}

int getgrouplist(const char *user, gid_t base, gid_t *groups, int *count) {
  int capacity = *count, found = 0;
  struct group *entry;
  if (found < capacity)
    groups[found] = base;
  found++;
  setgrent();
  while ((entry = getgrent())) {
    if (entry->gr_gid == base)
      continue;
    for (char **member = entry->gr_mem; *member; member++)
      if (!strcmp(*member, user)) {
        if (found < capacity)
          groups[found] = entry->gr_gid;
        found++;
        break;
      }
  }
  endgrent();
  *count = found;
  return found > capacity ? -1 : found;
}

int initgroups(const char *user, gid_t base) {
  gid_t groups[MEMBERS];
  int count = MEMBERS;
  if (getgrouplist(user, base, groups, &count) < 0)
    return -1;
  return setgroups((size_t)count, groups);
}

char *getlogin(void) {
  struct passwd *entry = getpwuid(getuid());
  if (!entry && !errno)
    errno = ENXIO;
  return entry ? entry->pw_name : 0;
}
