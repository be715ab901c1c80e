/* There is no call of the older kind of stat: statx answers all. */
