/* Data only: wasi-libc's sockaddr_un has no path in it. */
#ifndef BELLGLASS_SYS_UN_H
#define BELLGLASS_SYS_UN_H
#define __wasilibc___struct_sockaddr_un_h /* ours stands in for wasi-libc's */
#include <__typedef_sa_family_t.h>
struct sockaddr_un {
  __attribute__((aligned(__BIGGEST_ALIGNMENT__))) sa_family_t sun_family;
  char sun_path[108];
};
#include_next <sys/un.h>
#endif
