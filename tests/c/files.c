/*
 * Writes to links and devices, and checks the modes of files. POSIX only.
 */
#define _XOPEN_SOURCE 700
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "../../examples/c/check.h"

static char folder[] = "/tmp/plimsoll-files-XXXXXX";

static const char *in_folder(const char *name) {
    static char paths[2][128];
    static int next;
    next = !next;
    sprintf(paths[next], "%s/%s", folder, name);
    return paths[next];
}

static void make(const char *name, mode_t mode) {
    FILE *file = fopen(in_folder(name), "w");
    expect(file != NULL && fputs("old", file) >= 0 && fclose(file) == 0, "a file is made");
    expect(chmod(in_folder(name), mode) == 0, "its mode is set");
}

static int length(const char *name) {
    struct stat found;
    return stat(in_folder(name), &found) == 0 ? (int)found.st_size : -1;
}

static mode_t mode(const char *name) {
    struct stat found;
    expect(lstat(in_folder(name), &found) == 0, name);
    return found.st_mode;
}

int main(void) {
    static const char *const names[] = {"private", "new", "real", "link", "nowhere", "dangling", "null"};
    const plimsoll_buffer buffer = {64, 16, PLIMSOLL_NONE, 0, 2};
    plimsoll_problem *problem;
    plimsoll_plan *plan;
    char message[256];
    size_t i, size;

    check(plimsoll_problem_new(&buffer, sizeof(plimsoll_buffer), 1, NULL, &problem), "problem");
    check(plimsoll_problem_plan(problem, NULL, &plan), "plan");
    expect(mkdtemp(folder) != NULL, "a folder is made");
    umask(027);
    make("private", 0600);
    make("real", 0664);
    expect(symlink("real", in_folder("link")) == 0, "a link");
    expect(symlink("nowhere", in_folder("dangling")) == 0, "a link to nothing");
    expect(symlink("/dev/null", in_folder("null")) == 0, "a link to a device");

    check(plimsoll_plan_write(plan, PLIMSOLL_EXPORT_C, in_folder("private")), "private");
    check(plimsoll_plan_write(plan, PLIMSOLL_EXPORT_C, in_folder("new")), "new");
    check(plimsoll_plan_write(plan, PLIMSOLL_EXPORT_C, in_folder("link")), "link");
    check(plimsoll_plan_write(plan, PLIMSOLL_EXPORT_C, in_folder("dangling")), "dangling");
    check(plimsoll_plan_write(plan, PLIMSOLL_EXPORT_C, in_folder("null")), "device");

    expect((mode("private") & 0777) == 0600 && (mode("real") & 0777) == 0664, "modes are kept");
    expect((mode("new") & 0777) == 0640 && (mode("nowhere") & 0777) == 0640, "new files: the umask");
    expect(S_ISLNK(mode("link")) && S_ISLNK(mode("dangling")) && S_ISLNK(mode("null")), "links stay");
    expect(length("new") > 3 && length("private") == length("new"), "replaced whole");
    expect(length("real") == length("new") && length("nowhere") == length("new"), "links are followed");
    expect(S_ISCHR(mode("../../dev/null")), "a device stays a device");

    expect(plimsoll_plan_write(plan, PLIMSOLL_EXPORT_C, folder) == PLIMSOLL_ERROR_IO, "a folder");
    check(plimsoll_last_error(message, sizeof message, &size), "message");
    expect(strncmp(message, folder, strlen(folder)) == 0 && strstr(message, "is a directory") != NULL, message);
    expect(plimsoll_plan_write(plan, PLIMSOLL_EXPORT_C, "") == PLIMSOLL_ERROR_IO, "no name");

    for (i = 0; i < sizeof names / sizeof *names; i++) {
        expect(remove(in_folder(names[i])) == 0, names[i]);
    }
    expect(rmdir(folder) == 0, "nothing else is left in the folder");
    plimsoll_plan_free(plan);
    plimsoll_problem_free(problem);
    return 0;
}
