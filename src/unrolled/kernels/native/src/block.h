/* Blocks of memory that go round: a page fault costs more than the arithmetic on the page. */
#ifndef UNROLLED_BLOCK_H
#define UNROLLED_BLOCK_H

#include <stddef.h>

/* At least `bytes`, 64-byte aligned, not cleared; NULL: none to be had. Blocks of 2 MiB and more lie in huge pages. */
void *block_take(size_t bytes);
void block_give(void *block);

#endif
