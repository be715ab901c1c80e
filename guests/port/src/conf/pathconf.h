/* What pathconf and fpathconf tell, once the file is there. EINVAL for a name that is
 * none. */
long __limit_of_files(int name);
