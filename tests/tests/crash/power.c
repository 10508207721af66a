/* A disk that loses power: loaded before libc (LD_PRELOAD), it writes down every change that the program makes to files
 * below its working directory, and every sync. The test works out from that what a disk may hold.
 *
 * POWER_JOURNAL names the file for the records, which is elsewhere. If there is a file of that name with ".cut" behind it,
 * with a number in it, the program is killed before it has written to or synced its database so many times: in the middle
 * of copying the log into it, which takes a moment and is otherwise hardly ever hit.
 *
 * A record is a struct head, then `size` bytes: a path, two paths with a zero byte between them, or what is written:
 *
 *   o  a file that exists was opened       c  a file was created     d  a folder was created
 *   w  bytes are about to be written       t  a file is cut or grown to `at`
 *   b  a sync begins                       e  that sync of the same thread has succeeded
 *   r  renamed from one path to another    l  linked likewise        u  a name was removed
 *
 * Writes are recorded before they happen: a write that a kill prevents is one that a later kill would have lost. */

#define _GNU_SOURCE
#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/uio.h>
#include <unistd.h>

#define REAL(name) ((__typeof__(&name))dlsym(RTLD_NEXT, #name))

struct head {
    uint64_t kind, thread, file, at, size;
};

static char folder[4096];

__attribute__((constructor)) static void note_folder(void) {
    if (!getcwd(folder, sizeof folder)) abort();
}

static int is_below(const char *path) {
    return path && !strncmp(path, folder, strlen(folder));
}

/* Every record is one write to a file that is opened for appending, so that threads do not mix theirs. */
static void record(char kind, uint64_t file, uint64_t at, const void *first, size_t size, const char *second) {
    static int journal = -1;
    int before = errno;
    if (journal < 0) {
        const char *path = getenv("POWER_JOURNAL");
        int opened = path ? syscall(SYS_openat, AT_FDCWD, path, O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0600) : -1;
        if (opened < 0) abort();
        /* Another thread may have opened it meanwhile: then this one stays open, unused. */
        int none = -1;
        __atomic_compare_exchange_n(&journal, &none, opened, 0, __ATOMIC_SEQ_CST, __ATOMIC_SEQ_CST);
    }
    size_t rest = second ? strlen(second) + 1 : 0;
    struct head head = {kind, syscall(SYS_gettid), file, at, size + rest};
    struct iovec parts[4] = {{&head, sizeof head}, {(void *)first, size}, {"", rest ? 1 : 0}, {(void *)second, rest ? rest - 1 : 0}};
    size_t all = sizeof head + size + rest;
    if (syscall(SYS_writev, journal, parts, 4) != (long)all) abort();
    errno = before;
}

static void kill_at_cut(void) {
    static int left;
    int before = errno;
    if (left == 0) {
        char path[4096], text[16];
        snprintf(path, sizeof path, "%s.cut", getenv("POWER_JOURNAL"));
        long file = syscall(SYS_openat, AT_FDCWD, path, O_RDONLY | O_CLOEXEC);
        if (file >= 0) {
            long length = syscall(SYS_read, file, text, sizeof text - 1);
            text[length > 0 ? length : 0] = 0;
            left = atoi(text);
            syscall(SYS_close, file);
        }
    }
    if (left > 0 && --left == 0) raise(SIGKILL);
    errno = before;
}

static void record_path(char kind, uint64_t file, const char *path) {
    record(kind, file, 0, path, strlen(path), NULL);
}

/* Whether a descriptor is a file or a folder of the data, and its inode. */
static int is_ours(int file, uint64_t *inode) {
    struct stat found;
    char link[64], path[4096];
    int before = errno;
    int is_known = 0;
    if (!fstat(file, &found) && (S_ISREG(found.st_mode) || S_ISDIR(found.st_mode))) {
        snprintf(link, sizeof link, "/proc/self/fd/%d", file);
        ssize_t length = readlink(link, path, sizeof path - 1);
        path[length > 0 ? length : 0] = 0;
        is_known = is_below(path);
        /* Only one thread writes to the database. */
        const char *name = strrchr(path, '/');
        if (is_known && name && !strcmp(name, "/vestibule.db")) kill_at_cut();
        *inode = found.st_ino;
    }
    errno = before;
    return is_known;
}

ssize_t write(int file, const void *from, size_t size) {
    uint64_t inode;
    if (is_ours(file, &inode)) record('w', inode, lseek(file, 0, SEEK_CUR), from, size, NULL);
    return REAL(write)(file, from, size);
}

ssize_t pwrite(int file, const void *from, size_t size, off_t at) {
    uint64_t inode;
    if (is_ours(file, &inode)) record('w', inode, at, from, size, NULL);
    return REAL(pwrite)(file, from, size, at);
}

ssize_t pwrite64(int file, const void *from, size_t size, off64_t at) {
    uint64_t inode;
    if (is_ours(file, &inode)) record('w', inode, at, from, size, NULL);
    return REAL(pwrite64)(file, from, size, at);
}

int ftruncate(int file, off_t size) {
    uint64_t inode;
    if (is_ours(file, &inode)) record('t', inode, size, NULL, 0, NULL);
    return REAL(ftruncate)(file, size);
}

int ftruncate64(int file, off64_t size) {
    uint64_t inode;
    if (is_ours(file, &inode)) record('t', inode, size, NULL, 0, NULL);
    return REAL(ftruncate64)(file, size);
}

#define WRAP_SYNC(name)                                                  \
    int name(int file) {                                                 \
        uint64_t inode;                                                  \
        int is_known = is_ours(file, &inode);                            \
        if (is_known) record('b', inode, 0, NULL, 0, NULL);              \
        int result = REAL(name)(file);                                   \
        if (is_known && !result) record('e', inode, 0, NULL, 0, NULL);   \
        return result;                                                   \
    }

WRAP_SYNC(fsync)
WRAP_SYNC(fdatasync)

static void record_open(const char *path, int flags, int was_there, int file) {
    struct stat found;
    if (file < 0 || !is_below(path) || fstat(file, &found)) return;
    record_path(was_there ? 'o' : 'c', found.st_ino, path);
    if (was_there && (flags & O_TRUNC)) record('t', found.st_ino, 0, NULL, 0, NULL);
}

#define WRAP_OPEN(name)                                             \
    int name(const char *path, int flags, ...) {                    \
        va_list more;                                               \
        va_start(more, flags);                                      \
        mode_t mode = va_arg(more, mode_t);                         \
        va_end(more);                                               \
        int was_there = !syscall(SYS_faccessat, AT_FDCWD, path, F_OK); \
        int file = REAL(name)(path, flags, mode);                   \
        record_open(path, flags, was_there, file);                  \
        return file;                                                \
    }

WRAP_OPEN(open)
WRAP_OPEN(open64)

int mkdir(const char *path, mode_t mode) {
    int result = REAL(mkdir)(path, mode);
    if (!result && is_below(path)) record_path('d', 0, path);
    return result;
}

int unlink(const char *path) {
    int result = REAL(unlink)(path);
    if (!result && is_below(path)) record_path('u', 0, path);
    return result;
}

int rename(const char *from, const char *to) {
    int result = REAL(rename)(from, to);
    if (!result && is_below(to)) record('r', 0, 0, from, strlen(from), to);
    return result;
}

int linkat(int from_folder, const char *from, int to_folder, const char *to, int flags) {
    int result = REAL(linkat)(from_folder, from, to_folder, to, flags);
    if (!result && is_below(to)) record('l', 0, 0, from, strlen(from), to);
    return result;
}
