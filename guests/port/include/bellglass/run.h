/* When a run begins. What a program is given at its start lies in its memory, and a
 * snapshot of a started interpreter holds it too; but the next run has arguments, an
 * environment, a process number and a time zone of its own. So an entry that goes on from
 * a snapshot calls bellglass_begin_run before anything else. */
#ifndef BELLGLASS_RUN_H
#define BELLGLASS_RUN_H
#ifdef __cplusplus
extern "C" {
#endif
/* The arguments of this run. */
extern int bellglass_argument_count;
extern char **bellglass_arguments;
void bellglass_begin_run(void);
#ifdef __cplusplus
}
#endif
#endif
