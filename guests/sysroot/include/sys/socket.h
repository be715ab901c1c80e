/* Delegated: the calls on sockets that WASI lacks. recv, send and shutdown
 * stay wasi-libc's, which makes them WASI's sock_recv, sock_send and
 * sock_shutdown; but recv and send with flags that WASI lacks become recvfrom
 * and sendto, in the library. Numbers are wasi-libc's where it has them (AF_INET 1,
 * AF_INET6 2, AF_UNIX 3, SOCK_DGRAM 5, SOCK_STREAM 6) and Linux's where not. */
#ifndef BELLGLASS_SYS_SOCKET_H
#define BELLGLASS_SYS_SOCKET_H
#include_next <sys/socket.h>
#include <sys/uio.h>
#include <bellglass/delegated.h>

#define AF_LOCAL AF_UNIX
#define PF_UNIX AF_UNIX
#define PF_LOCAL AF_UNIX
#define SOMAXCONN 128

#ifndef SOCK_RAW
#define SOCK_RAW 3
#endif
#ifndef SOCK_SEQPACKET
#define SOCK_SEQPACKET 7
#endif

#define SOL_IP 0
#define SOL_IPV6 41

#define SO_DEBUG 1
#define SO_REUSEADDR 2
#define SO_ERROR 4
#define SO_DONTROUTE 5
#define SO_BROADCAST 6
#define SO_SNDBUF 7
#define SO_RCVBUF 8
#define SO_KEEPALIVE 9
#define SO_OOBINLINE 10
#define SO_LINGER 13
#define SO_REUSEPORT 15
#define SO_PEERCRED 17
#define SO_RCVLOWAT 18
#define SO_SNDLOWAT 19
#define SO_ACCEPTCONN 30
#define SO_PROTOCOL 38
#define SO_DOMAIN 39
#define SO_RCVTIMEO 66
#define SO_SNDTIMEO 67

#define MSG_OOB 0x10000
#define MSG_DONTROUTE 0x20000
#define MSG_CTRUNC 0x40000
#define MSG_DONTWAIT 0x80000
#define MSG_EOR 0x100000
#define MSG_NOSIGNAL 0x200000

#define SCM_RIGHTS 1

struct cmsghdr {
  socklen_t cmsg_len;
  int cmsg_level;
  int cmsg_type;
};
#define CMSG_ALIGN(len) (((len) + sizeof(size_t) - 1) & ~(sizeof(size_t) - 1))
#define CMSG_SPACE(len) (CMSG_ALIGN(len) + CMSG_ALIGN(sizeof(struct cmsghdr)))
#define CMSG_LEN(len) (CMSG_ALIGN(sizeof(struct cmsghdr)) + (len))
#define CMSG_DATA(c) ((unsigned char *)((struct cmsghdr *)(c) + 1))
#define CMSG_FIRSTHDR(m)                                                      \
  ((size_t)(m)->msg_controllen >= sizeof(struct cmsghdr)                      \
       ? (struct cmsghdr *)(m)->msg_control : (struct cmsghdr *)0)
#define CMSG_NXTHDR(m, c)                                                     \
  ((c)->cmsg_len < sizeof(struct cmsghdr) ||                                  \
   CMSG_ALIGN((c)->cmsg_len) + sizeof(struct cmsghdr) >=                      \
       (size_t)((unsigned char *)(m)->msg_control + (m)->msg_controllen -     \
                (unsigned char *)(c))                                         \
       ? (struct cmsghdr *)0                                                  \
       : (struct cmsghdr *)((unsigned char *)(c) + CMSG_ALIGN((c)->cmsg_len)))

#ifdef __cplusplus
extern "C" {
#endif
int socket(int, int, int);
int socketpair(int, int, int, int [2]);
int connect(int, const struct sockaddr *, socklen_t);
int bind(int, const struct sockaddr *, socklen_t);
int listen(int, int);
int accept(int, struct sockaddr *__restrict, socklen_t *__restrict) BELLGLASS_DELEGATED(accept);
int accept4(int, struct sockaddr *__restrict, socklen_t *__restrict, int) BELLGLASS_DELEGATED(accept4);
int getsockname(int, struct sockaddr *__restrict, socklen_t *__restrict);
int getpeername(int, struct sockaddr *__restrict, socklen_t *__restrict);
ssize_t sendto(int, const void *, size_t, int, const struct sockaddr *, socklen_t) BELLGLASS_LIBRARY(sendto);
ssize_t recvfrom(int, void *__restrict, size_t, int, struct sockaddr *__restrict, socklen_t *__restrict)
    BELLGLASS_LIBRARY(recvfrom);
ssize_t sendmsg(int, const struct msghdr *, int) BELLGLASS_LIBRARY(sendmsg);
ssize_t recvmsg(int, struct msghdr *, int) BELLGLASS_LIBRARY(recvmsg);
ssize_t send(int, const void *, size_t, int) BELLGLASS_LIBRARY(send);
ssize_t recv(int, void *, size_t, int) BELLGLASS_LIBRARY(recv);
int getsockopt(int, int, int, void *__restrict, socklen_t *__restrict) BELLGLASS_DELEGATED(getsockopt);
int setsockopt(int, int, int, const void *, socklen_t);
#ifdef __cplusplus
}
#endif
#endif
