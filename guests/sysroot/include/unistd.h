/* Delegated: everything declared here is an external call. wasi-libc's
 * <unistd.h> hides these because WASI has no such calls.
 * In the library: getlogin, ttyname, the forms of exec that take a list,
 * getdtablesize, get_current_dir_name; pause, which runs handlers; and sysconf, for it says how many
 * processors there are, which get_nprocs asks. */
#ifndef BELLGLASS_UNISTD_H
#define BELLGLASS_UNISTD_H
#ifndef _WASI_EMULATED_GETPID
#define _WASI_EMULATED_GETPID 1 /* only so that getpid is declared plainly */
#endif
#include_next <unistd.h>
#include <bellglass/delegated.h>

#ifdef __cplusplus
extern "C" {
#endif

int pipe(int [2]);
int pipe2(int [2], int);
int dup(int);
int dup2(int, int);
int dup3(int, int, int);

int chdir(const char *) BELLGLASS_LIBRARY(chdir);
int chown(const char *, uid_t, gid_t);
int fchown(int, uid_t, gid_t);
int lchown(const char *, uid_t, gid_t);
int fchownat(int, const char *, uid_t, gid_t, int);
int chroot(const char *);
int lockf(int, int, off_t);
void sync(void);
int syncfs(int);

unsigned alarm(unsigned);
int pause(void) BELLGLASS_LIBRARY(pause);

pid_t fork(void);
pid_t vfork(void);
int execve(const char *, char *const [], char *const []);
int execv(const char *, char *const []);
int execvp(const char *, char *const []);
int fexecve(int, char *const [], char *const []);
int execl(const char *, const char *, ...);
int execlp(const char *, const char *, ...);
int execle(const char *, const char *, ...);
pid_t getpid(void);
pid_t getppid(void);
pid_t getpgrp(void);
pid_t getpgid(pid_t);
int setpgid(pid_t, pid_t);
pid_t setpgrp(void);
pid_t setsid(void);
pid_t getsid(pid_t);
int nice(int);

int ttyname_r(int, char *, size_t);
char *ttyname(int);
pid_t tcgetpgrp(int);
int tcsetpgrp(int, pid_t);

uid_t getuid(void);
uid_t geteuid(void);
gid_t getgid(void);
gid_t getegid(void);
int getgroups(int, gid_t []);
int setgroups(size_t, const gid_t *);
int setuid(uid_t);
int seteuid(uid_t);
int setgid(gid_t);
int setegid(gid_t);
int setreuid(uid_t, uid_t);
int setregid(gid_t, gid_t);
int setresuid(uid_t, uid_t, uid_t);
int setresgid(gid_t, gid_t, gid_t);
int getresuid(uid_t *, uid_t *, uid_t *);
int getresgid(gid_t *, gid_t *, gid_t *);

int getdtablesize(void);
char *get_current_dir_name(void);
long sysconf(int) BELLGLASS_LIBRARY(sysconf);
int get_nprocs(void) BELLGLASS_DELEGATED(get_nprocs);
int gethostname(char *, size_t);
int sethostname(const char *, size_t);

#ifdef __cplusplus
}
#endif
#endif
