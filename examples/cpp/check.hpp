// A check of the examples, which ends the program with a message.
#ifndef CHECK_HPP
#define CHECK_HPP

#include <cstdio>
#include <cstdlib>

inline void expect(bool holds, const char *condition) {
    if (!holds) {
        std::fprintf(stderr, "not true: %s\n", condition);
        std::exit(1);
    }
}

#endif
