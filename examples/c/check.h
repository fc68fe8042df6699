/* What the examples have in common: stop with the library's message. */
#ifndef CHECK_H
#define CHECK_H

#include <stdio.h>
#include <stdlib.h>

#include "plimsoll.h"

/* Ends the program if a call failed. */
static inline void check(int32_t status, const char *what) {
    char message[1024] = "";
    size_t size = 0;
    if (status == PLIMSOLL_OK) {
        return;
    }
    plimsoll_last_error(message, sizeof message, &size);
    fprintf(stderr, "%s: status %d: %s\n", what, (int)status, message);
    exit(1);
}

/* Ends the program if what it must be is not. */
static inline void expect(int holds, const char *what) {
    if (!holds) {
        fprintf(stderr, "not so: %s\n", what);
        exit(1);
    }
}

#endif
