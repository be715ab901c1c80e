/* Sets of signals. */
#include "signals.h"
#include <string.h>

int sigemptyset(sigset_t *set) {
  memset(set, 0, sizeof *set);
  return 0;
}
int sigfillset(sigset_t *set) {
  memset(set, 0xff, sizeof *set);
  return 0;
}
int sigaddset(sigset_t *set, int signal) {
  if (!known(signal))
    return -1;
  *word(set, signal) |= bit(signal);
  return 0;
}
int sigdelset(sigset_t *set, int signal) {
  if (!known(signal))
    return -1;
  *word(set, signal) &= ~bit(signal);
  return 0;
}
int sigismember(const sigset_t *set, int signal) {
  if (!known(signal))
    return -1;
  return (*word((sigset_t *)set, signal) & bit(signal)) != 0;
}
int sigisemptyset(const sigset_t *set) { return !set->__bits[0] && !set->__bits[1]; }
int sigorset(sigset_t *to, const sigset_t *one, const sigset_t *other) {
  for (int i = 0; i < 2; i++)
    to->__bits[i] = one->__bits[i] | other->__bits[i];
  return 0;
}
int sigandset(sigset_t *to, const sigset_t *one, const sigset_t *other) {
  for (int i = 0; i < 2; i++)
    to->__bits[i] = one->__bits[i] & other->__bits[i];
  return 0;
}
