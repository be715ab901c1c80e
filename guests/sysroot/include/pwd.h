/* In the library: users, read from /etc/passwd as every POSIX system does, so
 * that whoever provides the files decides them and no call is needed. */
#ifndef BELLGLASS_PWD_H
#define BELLGLASS_PWD_H
#include <stddef.h>
#include <sys/types.h>
struct passwd {
  char *pw_name, *pw_passwd;
  uid_t pw_uid;
  gid_t pw_gid;
  char *pw_gecos, *pw_dir, *pw_shell;
};
#ifdef __cplusplus
extern "C" {
#endif
void setpwent(void);
void endpwent(void);
struct passwd *getpwent(void);
struct passwd *getpwuid(uid_t);
struct passwd *getpwnam(const char *);
int getpwuid_r(uid_t, struct passwd *, char *, size_t, struct passwd **);
int getpwnam_r(const char *, struct passwd *, char *, size_t, struct passwd **);
#ifdef __cplusplus
}
#endif
#endif
