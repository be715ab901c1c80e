/* The older functions of <netdb.h>, made of getaddrinfo and getnameinfo, and
 * the tables of services and protocols. */
#include <arpa/inet.h>
#include <errno.h>
#include <netdb.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>

int h_errno;

void freeaddrinfo(struct addrinfo *list) { free(list); }

const char *gai_strerror(int error) {
  switch (error) {
  case EAI_BADFLAGS: return "Invalid flags";
  case EAI_NONAME: return "Name or service not known";
  case EAI_AGAIN: return "Temporary failure in name resolution";
  case EAI_FAIL: return "Non-recoverable failure in name resolution";
  case EAI_NODATA: return "No address associated with hostname";
  case EAI_FAMILY: return "ai_family not supported";
  case EAI_SOCKTYPE: return "ai_socktype not supported";
  case EAI_SERVICE: return "Servname not supported for ai_socktype";
  case EAI_MEMORY: return "Memory allocation failure";
  case EAI_SYSTEM: return "System error";
  case EAI_OVERFLOW: return "Argument buffer overflow";
  default: return "Unknown error";
  }
}

const char *hstrerror(int error) {
  switch (error) {
  case 0: return "Resolver Error 0 (no error)";
  case HOST_NOT_FOUND: return "Unknown host";
  case TRY_AGAIN: return "Host name lookup failure";
  case NO_RECOVERY: return "Unknown server error";
  case NO_DATA: return "No address associated with name";
  default: return "Unknown resolver error";
  }
}

in_addr_t inet_addr(const char *text) {
  struct in_addr address;
  return inet_aton(text, &address) ? address.s_addr : (in_addr_t)-1;
}

char *inet_ntoa(struct in_addr address) {
  static char text[16];
  return (char *)inet_ntop(AF_INET, &address, text, sizeof text);
}

/* wasi-libc's own, which know no other flags than WASI. */
ssize_t libc_send(int, const void *, size_t, int) __asm__("send");
ssize_t libc_recv(int, void *, size_t, int) __asm__("recv");

ssize_t send(int fd, const void *bytes, size_t length, int flags) {
  if (!(flags & (MSG_DONTWAIT | MSG_NOSIGNAL)))
    return libc_send(fd, bytes, length, flags);
  return sendto(fd, bytes, length, flags, 0, 0);
}

ssize_t recv(int fd, void *bytes, size_t length, int flags) {
  if (!(flags & (MSG_DONTWAIT | MSG_NOSIGNAL)))
    return libc_recv(fd, bytes, length, flags);
  return recvfrom(fd, bytes, length, flags, 0, 0);
}

#define ADDRESSES 16
static struct hostent host;
static char host_name[NI_MAXHOST];
static char *host_aliases[1];
static char host_bytes[ADDRESSES][16];
static char *host_list[ADDRESSES + 1];

struct hostent *gethostbyname(const char *name) {
  struct addrinfo hints = {.ai_family = AF_INET, .ai_socktype = SOCK_STREAM,
                           .ai_flags = AI_CANONNAME};
  struct addrinfo *list, *entry;
  int count = 0, error = getaddrinfo(name, 0, &hints, &list);
  if (error) {
    h_errno = error == EAI_AGAIN ? TRY_AGAIN
              : error == EAI_NODATA ? NO_DATA
              : error == EAI_NONAME ? HOST_NOT_FOUND
                                    : NO_RECOVERY;
    return 0;
  }
  snprintf(host_name, sizeof host_name, "%s",
           list->ai_canonname ? list->ai_canonname : name);
  for (entry = list; entry && count < ADDRESSES; entry = entry->ai_next)
    if (entry->ai_family == AF_INET) {
      memcpy(host_bytes[count], &((struct sockaddr_in *)entry->ai_addr)->sin_addr, 4);
      host_list[count] = host_bytes[count];
      count++;
    }
  host_list[count] = 0;
  freeaddrinfo(list);
  host = (struct hostent){host_name, host_aliases, AF_INET, 4, host_list};
  return &host;
}

struct hostent *gethostbyaddr(const void *bytes, socklen_t length, int family) {
  union {
    struct sockaddr any;
    struct sockaddr_in v4;
    struct sockaddr_in6 v6;
  } address;
  memset(&address, 0, sizeof address);
  address.any.sa_family = (sa_family_t)family;
  if (family == AF_INET && length == 4)
    memcpy(&address.v4.sin_addr, bytes, 4);
  else if (family == AF_INET6 && length == 16)
    memcpy(&address.v6.sin6_addr, bytes, 16);
  else {
    h_errno = NO_RECOVERY;
    return 0;
  }
  if (getnameinfo(&address.any,
                  family == AF_INET ? sizeof address.v4 : sizeof address.v6,
                  host_name, sizeof host_name, 0, 0, NI_NAMEREQD)) {
    h_errno = HOST_NOT_FOUND;
    return 0;
  }
  memcpy(host_bytes[0], bytes, length);
  host_list[0] = host_bytes[0];
  host_list[1] = 0;
  host = (struct hostent){host_name, host_aliases, family, (int)length, host_list};
  return &host;
}

/* A line of /etc/services or /etc/protocols: a name, a number (with a protocol
 * for services), other names. */
#define WORDS 16
static char table_line[256];
static char *table_words[WORDS + 1];

static int next_row(FILE *file) {
  while (fgets(table_line, sizeof table_line, file)) {
    int count = 0;
    char *rest = 0, *word;
    table_line[strcspn(table_line, "#\n")] = 0;
    for (word = strtok_r(table_line, " \t", &rest); word && count < WORDS;
         word = strtok_r(0, " \t", &rest))
      table_words[count++] = word;
    table_words[count] = 0;
    if (count >= 2)
      return 1;
  }
  return 0;
}

static int named(const char *name) {
  for (int i = 0; table_words[i]; i++)
    if (i != 1 && !strcmp(table_words[i], name))
      return 1;
  return 0;
}

static struct servent *find_service(const char *name, int port, const char *protocol) {
  static struct servent service;
  struct servent *found = 0;
  FILE *file = fopen("/etc/services", "re");
  if (!file)
    return 0;
  while (!found && next_row(file)) {
    char *slash = strchr(table_words[1], '/');
    if (!slash)
      continue;
    *slash = 0;
    if (protocol && strcmp(protocol, slash + 1))
      continue;
    int number = htons((uint16_t)atoi(table_words[1]));
    if (name ? named(name) : number == port) {
      service = (struct servent){table_words[0], table_words + 2, number, slash + 1};
      found = &service;
    }
  }
  fclose(file);
  return found;
}

struct servent *getservbyname(const char *name, const char *protocol) {
  return find_service(name, 0, protocol);
}

struct servent *getservbyport(int port, const char *protocol) {
  return find_service(0, port, protocol);
}

static struct protoent *find_protocol(const char *name, int number) {
  static struct protoent protocol;
  struct protoent *found = 0;
  FILE *file = fopen("/etc/protocols", "re");
  if (!file)
    return 0;
  while (!found && next_row(file))
    if (name ? named(name) : atoi(table_words[1]) == number) {
      protocol = (struct protoent){table_words[0], table_words + 2, atoi(table_words[1])};
      found = &protocol;
    }
  fclose(file);
  return found;
}

struct protoent *getprotobyname(const char *name) { return find_protocol(name, 0); }
struct protoent *getprotobynumber(int number) { return find_protocol(0, number); }
