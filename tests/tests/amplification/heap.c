/*
 * Counts the bytes that a process has allocated and not freed. Preloaded into the server (ld.so(8), LD_PRELOAD), in place
 * of glibc's functions, which do the work: what is measured is what the program keeps, and not what its allocator keeps
 * for it.
 *
 * The counters are in a file that the environment variable HEAP_COUNTERS names: the bytes there are, and the most there
 * have been.
 */
#include <errno.h>
#include <fcntl.h>
#include <malloc.h>
#include <stdatomic.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <unistd.h>

extern void *__libc_malloc(size_t);
extern void *__libc_calloc(size_t, size_t);
extern void *__libc_realloc(void *, size_t);
extern void *__libc_memalign(size_t, size_t);
extern void __libc_free(void *);

struct counters {
    _Atomic int64_t live, peak;
};

static struct counters own;
static struct counters *_Atomic counters = &own;

__attribute__((constructor)) static void open_counters(void) {
    const char *path = getenv("HEAP_COUNTERS");
    int file = path ? open(path, O_RDWR | O_CLOEXEC) : -1;
    if (file < 0) return;
    void *shared = mmap(NULL, sizeof own, PROT_READ | PROT_WRITE, MAP_SHARED, file, 0);
    close(file);
    if (shared != MAP_FAILED) counters = shared;
}

static void count(int64_t bytes) {
    struct counters *to = counters;
    int64_t live = atomic_fetch_add(&to->live, bytes) + bytes;
    int64_t peak = atomic_load(&to->peak);
    while (live > peak && !atomic_compare_exchange_weak(&to->peak, &peak, live)) {
    }
}

static void *counted(void *memory) {
    if (memory) count((int64_t)malloc_usable_size(memory));
    return memory;
}

void *malloc(size_t size) { return counted(__libc_malloc(size)); }

void *calloc(size_t count_of, size_t size) { return counted(__libc_calloc(count_of, size)); }

void *memalign(size_t alignment, size_t size) { return counted(__libc_memalign(alignment, size)); }

void *aligned_alloc(size_t alignment, size_t size) { return memalign(alignment, size); }

int posix_memalign(void **memory, size_t alignment, size_t size) {
    *memory = memalign(alignment, size);
    return *memory ? 0 : ENOMEM;
}

void *realloc(void *memory, size_t size) {
    int64_t before = memory ? (int64_t)malloc_usable_size(memory) : 0;
    void *moved = __libc_realloc(memory, size);
    if (moved) {
        count((int64_t)malloc_usable_size(moved) - before);
    } else if (memory && size == 0) {
        count(-before);
    }
    return moved;
}

void free(void *memory) {
    if (memory) count(-(int64_t)malloc_usable_size(memory));
    __libc_free(memory);
}
