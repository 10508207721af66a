/* A disk that fails as a test says: loaded before libc (LD_PRELOAD), it answers some calls with an error of the system.
 *
 * VESTIBULE_FAULTS names a file with at most one line, which may change at any time: CALL PART ERRNO. Each such CALL for a
 * file whose path has PART in it fails with ERRNO. Calls are read, write, sync, truncate, open and map. */

#define _GNU_SOURCE
#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <unistd.h>

static int is_to_fail(const char *call, const char *path) {
    const char *file = getenv("VESTIBULE_FAULTS");
    char line[256], wanted[16], part[128];
    int error;
    long control = file ? syscall(SYS_openat, AT_FDCWD, file, O_RDONLY | O_CLOEXEC) : -1;
    if (control < 0) return 0;
    long length = syscall(SYS_read, control, line, sizeof line - 1);
    syscall(SYS_close, control);
    if (length <= 0) return 0;
    line[length] = 0;
    if (sscanf(line, "%15s %127s %d", wanted, part, &error) != 3) return 0;
    if (strcmp(call, wanted) || !strstr(path, part)) return 0;
    errno = error;
    return 1;
}

static int is_file_to_fail(const char *call, int file) {
    char link[64], path[4096];
    int before = errno;
    snprintf(link, sizeof link, "/proc/self/fd/%d", file);
    ssize_t length = readlink(link, path, sizeof path - 1);
    errno = before;
    if (length < 0) return 0;
    path[length] = 0;
    return is_to_fail(call, path);
}

#define REAL(name) ((__typeof__(&name))dlsym(RTLD_NEXT, #name))

/* The call NAME, which fails as CALL. */
#define WRAP(result, name, call, parameters, arguments) \
    result name parameters { return is_file_to_fail(call, file) ? -1 : REAL(name) arguments; }

WRAP(ssize_t, read, "read", (int file, void *to, size_t size), (file, to, size))
WRAP(ssize_t, pread, "read", (int file, void *to, size_t size, off_t at), (file, to, size, at))
WRAP(ssize_t, pread64, "read", (int file, void *to, size_t size, off64_t at), (file, to, size, at))
WRAP(ssize_t, write, "write", (int file, const void *from, size_t size), (file, from, size))
WRAP(ssize_t, pwrite, "write", (int file, const void *from, size_t size, off_t at), (file, from, size, at))
WRAP(ssize_t, pwrite64, "write", (int file, const void *from, size_t size, off64_t at), (file, from, size, at))
WRAP(int, fsync, "sync", (int file), (file))
WRAP(int, fdatasync, "sync", (int file), (file))
WRAP(int, ftruncate, "truncate", (int file, off_t size), (file, size))
WRAP(int, ftruncate64, "truncate", (int file, off64_t size), (file, size))

void *mmap(void *at, size_t size, int protection, int flags, int file, off_t offset) {
    if (file >= 0 && is_file_to_fail("map", file)) return MAP_FAILED;
    return REAL(mmap)(at, size, protection, flags, file, offset);
}

void *mmap64(void *at, size_t size, int protection, int flags, int file, off64_t offset) {
    if (file >= 0 && is_file_to_fail("map", file)) return MAP_FAILED;
    return REAL(mmap64)(at, size, protection, flags, file, offset);
}

#define WRAP_OPEN(name)                                    \
    int name(const char *path, int flags, ...) {           \
        va_list more;                                      \
        va_start(more, flags);                             \
        mode_t mode = va_arg(more, mode_t);                \
        va_end(more);                                      \
        if (is_to_fail("open", path)) return -1;           \
        return REAL(name)(path, flags, mode);              \
    }

WRAP_OPEN(open)
WRAP_OPEN(open64)
