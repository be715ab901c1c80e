/* See sharing.c. */
#ifndef BELLGLASS_SHARING_H
#define BELLGLASS_SHARING_H

/* Makes immortal what does not change. Gives -1 with an exception set if it cannot. */
int make_objects_immortal(void);

/* Takes all free memory that lies between what is used, for good. */
void fill_memory(void);

#endif
