/* See sharing.c. */
#ifndef BELLGLASS_SHARING_H
#define BELLGLASS_SHARING_H

/* Makes immortal what does not change, and notes which modules there are beside the
 * program's own one. Gives -1 if it cannot, mostly with an exception set. */
int keep_objects(PyObject *own);

/* Takes all free memory that lies between what is used, for good. */
void fill_memory(void);

#endif
