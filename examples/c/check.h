/* Checks of the examples: each ends the program with a message. */
#ifndef CHECK_H
#define CHECK_H

#include <stdio.h>
#include <stdlib.h>

#include "plimsoll.h"

/* Ends the program with the library's message if a call failed. */
static inline void check(int32_t status, const char *call) {
    char message[1024] = "";
    size_t size = 0;
    if (status == PLIMSOLL_OK) {
        return;
    }
    plimsoll_last_error(message, sizeof message, &size);
    fprintf(stderr, "%s: status %d: %s\n", call, (int)status, message);
    exit(1);
}

/* Ends the program if a condition does not hold. */
static inline void expect(int holds, const char *condition) {
    if (!holds) {
        fprintf(stderr, "not true: %s\n", condition);
        exit(1);
    }
}

#endif
