/* The rows of a sparse matrix dealt into chunks of about equal work, the same whatever the number of threads. */
#ifndef UNROLLED_CHUNKS_H
#define UNROLLED_CHUNKS_H

#include <stddef.h>
#include <stdint.h>

#define MOST_CHUNKS 256
#define CHUNK_WORK 2048 /* entries and rows; less is not worth a task */

static inline int64_t work_before(const int32_t *pointer, int64_t row) { return pointer[row] + 2 * row; }

static inline ptrdiff_t chunk_count(const int32_t *pointer, int64_t rows) {
    int64_t wanted = work_before(pointer, rows) / CHUNK_WORK;
    return wanted < 1 ? 1 : wanted > MOST_CHUNKS ? MOST_CHUNKS : (ptrdiff_t)wanted;
}

/* The first row of chunk number `chunk`; rows of chunk `chunks` begin at the end. */
static inline int64_t chunk_start(const int32_t *pointer, int64_t rows, ptrdiff_t chunk, ptrdiff_t chunks) {
    int64_t work = work_before(pointer, rows), aim = work / chunks * chunk + work % chunks * chunk / chunks;
    int64_t low = 0, high = rows;
    if (chunk >= chunks) return rows;
    while (low < high) {
        int64_t middle = low + (high - low) / 2;
        if (work_before(pointer, middle) < aim) low = middle + 1;
        else high = middle;
    }
    return low;
}

#endif
