/* In the library: when a run begins. What the library has learnt of the machine it
 * keeps (the user, the zone of local time), and a snapshot of a started interpreter
 * holds it too; but the next run may be on another machine. So an entry that goes
 * on from a snapshot calls bellglass_begin_run before anything else. */
#ifndef BELLGLASS_RUN_H
#define BELLGLASS_RUN_H
#ifdef __cplusplus
extern "C" {
#endif
/* What was learnt while this was another number is to be asked anew. Never 0. */
extern unsigned bellglass_run_number;
/* The arguments of this run, once it has begun. */
extern int bellglass_argument_count;
extern char **bellglass_arguments;
void bellglass_begin_run(void);
#ifdef __cplusplus
}
#endif
#endif
