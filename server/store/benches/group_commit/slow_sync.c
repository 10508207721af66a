/* A disk on which a sync takes SLOW_SYNC_US microseconds: loaded before libc (LD_PRELOAD). What a real sync takes counts. */

#define _GNU_SOURCE
#include <dlfcn.h>
#include <errno.h>
#include <stdlib.h>
#include <time.h>

static int slowly(const char *name, int file) {
    struct timespec begun, now;
    const char *setting = getenv("SLOW_SYNC_US");
    long left = setting ? atol(setting) : 0;
    clock_gettime(CLOCK_MONOTONIC, &begun);
    int result = ((int (*)(int))dlsym(RTLD_NEXT, name))(file);
    int error = errno;
    clock_gettime(CLOCK_MONOTONIC, &now);
    left -= (now.tv_sec - begun.tv_sec) * 1000000 + (now.tv_nsec - begun.tv_nsec) / 1000;
    if (left > 0) {
        struct timespec wait = {left / 1000000, left % 1000000 * 1000};
        nanosleep(&wait, NULL);
    }
    errno = error;
    return result;
}

int fsync(int file) { return slowly("fsync", file); }
int fdatasync(int file) { return slowly("fdatasync", file); }
