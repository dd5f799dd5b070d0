/* A short list of blocks that were given back, up to a limit in bytes; beyond it they return to the system. */
#include "block.h"

#include <stdlib.h>

#include "threads.h"
#if defined(__linux__)
#include <sys/mman.h>
#elif defined(_WIN32)
#include <malloc.h>
#endif

#define KEPT 16
#define KEPT_BYTES ((size_t)1 << 30)
#define PAGE ((size_t)2 << 20)
#define HEADER 64 /* before every block: its size */

struct header {
    size_t bytes; /* with the header */
};

static lock_t guard = LOCK_INIT;
static struct header *kept[KEPT];
static size_t kept_bytes;

static void forget_lock(void) { guard = (lock_t)LOCK_INIT; }
__attribute__((constructor)) static void expect_forks(void) { on_fork_in_child(forget_lock); }

static struct header *system_take(size_t bytes) {
#if defined(_WIN32)
    struct header *header = _aligned_malloc(bytes, HEADER);
#else
    void *header = NULL;
    if (posix_memalign(&header, bytes >= PAGE ? PAGE : HEADER, bytes)) return NULL;
#if defined(__linux__) && defined(MADV_HUGEPAGE)
    if (bytes >= PAGE) madvise(header, bytes, MADV_HUGEPAGE);
#endif
#endif
    if (header) ((struct header *)header)->bytes = bytes;
    return header;
}

static void system_give(struct header *header) {
#if defined(_WIN32)
    _aligned_free(header);
#else
    free(header);
#endif
}

/* The smallest kept block that holds `bytes` and does not waste more than as much again. */
static struct header *reuse(size_t bytes) {
    int best = -1;
    for (int i = 0; i < KEPT; ++i) {
        if (!kept[i] || kept[i]->bytes < bytes || kept[i]->bytes > 2 * bytes + PAGE) continue;
        if (best < 0 || kept[i]->bytes < kept[best]->bytes) best = i;
    }
    if (best < 0) return NULL;
    struct header *header = kept[best];
    kept[best] = NULL;
    kept_bytes -= header->bytes;
    return header;
}

/* Puts the block in the list; returns the one that had to go instead, or NULL. */
static struct header *keep(struct header *header) {
    if (kept_bytes + header->bytes > KEPT_BYTES) return header;
    int place = 0;
    for (int i = 1; i < KEPT && kept[place]; ++i) {
        if (!kept[i] || kept[i]->bytes < kept[place]->bytes) place = i;
    }
    struct header *out = kept[place];
    if (out) kept_bytes -= out->bytes;
    kept[place] = header;
    kept_bytes += header->bytes;
    return out;
}

void *block_take(size_t bytes) {
    bytes += HEADER;
    lock(&guard);
    struct header *header = reuse(bytes);
    unlock(&guard);
    if (!header) header = system_take(bytes);
    return header ? (char *)header + HEADER : NULL;
}

void block_give(void *block) {
    if (!block) return;
    struct header *header = (struct header *)((char *)block - HEADER);
    lock(&guard);
    header = keep(header);
    unlock(&guard);
    if (header) system_give(header);
}
