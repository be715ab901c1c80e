/* Zones of all kinds, and moments that lie about everywhere. */
#include <time.h>

static const char *const zones[] = {"UTC0", "CET-1CEST,M3.5.0,M10.5.0/3", "EST5EDT,M3.2.0,M11.1.0", "<+0330>-3:30", "NZST-12NZDT,M9.5.0,M4.1.0/3", "<-03>3<-02>,M3.5.0/-2,M10.5.0/-1", "IST-2IDT,M3.4.4/26,M10.5.0", "AEST-10AEDT,M10.1.0,M4.1.0/3", "XXX5YYY,J60/1,J300", "XXX-5YYY,59/0,299/24", "", "nonsense"};

static long long some_moment(void) {
  long long moment;
  switch (below(5)) {
  case 0: return (long long)(next_random() >> 32);
  case 1: return -(long long)(next_random() >> 32);
  /* About a change of the clock. */
  case 2: return 1711846800 + between(-7200, 7200);
  case 3: moment = 1729990800 + between(-7200, 7200); return moment + (long long)between(-40, 40) * 31556952;
  default: return (long long)(next_random() >> 26) - ((long long)1 << 37);
  }
}

