/* What needs no terminal: the parts that only read or change a struct
 * termios, and the old functions that return a static buffer. */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <termios.h>
#include <unistd.h>

#define SPEED (B38400 | B57600)

speed_t cfgetospeed(const struct termios *t) { return t->c_ospeed; }
speed_t cfgetispeed(const struct termios *t) { return t->c_ispeed; }

int cfsetospeed(struct termios *t, speed_t speed) {
  t->c_ospeed = speed;
  t->c_cflag = (t->c_cflag & ~(tcflag_t)SPEED) | (speed & SPEED);
  return 0;
}

int cfsetispeed(struct termios *t, speed_t speed) {
  t->c_ispeed = speed;
  return 0;
}

void cfmakeraw(struct termios *t) {
  t->c_iflag &= ~(tcflag_t)(IGNBRK | BRKINT | PARMRK | ISTRIP | INLCR | IGNCR | ICRNL | IXON);
  t->c_oflag &= ~(tcflag_t)OPOST;
  t->c_lflag &= ~(tcflag_t)(ECHO | ECHONL | ICANON | ISIG | IEXTEN);
  t->c_cflag = (t->c_cflag & ~(tcflag_t)(CSIZE | PARENB)) | CS8;
  t->c_cc[VMIN] = 1;
  t->c_cc[VTIME] = 0;
}

char *ttyname(int fd) {
  static char name[64];
  int error = ttyname_r(fd, name, sizeof name);
  if (error) {
    errno = error;
    return 0;
  }
  return name;
}

char *ptsname(int fd) {
  static char name[64];
  int error = ptsname_r(fd, name, sizeof name);
  if (error) {
    errno = error;
    return 0;
  }
  return name;
}

char *ctermid(char *buffer) {
  static char name[L_ctermid];
  return strcpy(buffer ? buffer : name, "/dev/tty");
}
