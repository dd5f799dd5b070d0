/* Steps and meetings by three counters. */
#include "crew.h"

#include "threads.h"

#define SPINS 4000     /* before a wait gives its processor away */
#define LONG_WAIT 1000 /* spins, some ten microseconds: steps take less, so somebody was not running */
#define PATIENCE 4     /* long waits after which the leader goes on alone */
#define REST 64        /* calls without a crew after that */

#define MEMBERS 256    /* begun = step * MEMBERS + members */
#define OVER (-1)

static atomic_int rest;

static void pause_after(int spins) {
    if (spins >= SPINS) {
        yield_thread();
        return;
    }
#if defined(__x86_64__)
    __builtin_ia32_pause();
#elif defined(__aarch64__)
    __asm__ volatile("yield");
#endif
}

struct seat crew_lead(struct crew *crew) { return (struct seat){.crew = crew, .members = 1}; }

void crew_begin(struct seat *leader) {
    struct crew *crew = leader->crew;
    if (leader->long_waits > PATIENCE) {
        if (leader->members > 1) {
            crew_end(leader);
            atomic_store(&rest, REST);
        }
        leader->members = 1;
        return;
    }
    leader->members = 1 + (ptrdiff_t)atomic_load(&crew->come);
    leader->begun = (leader->begun / MEMBERS + 1) * MEMBERS + leader->members;
    crew->goal = leader->goal;
    atomic_store_explicit(&crew->begun, leader->begun, memory_order_release);
}

void crew_end(struct seat *leader) { atomic_store(&leader->crew->begun, OVER); }

struct seat crew_join(struct crew *crew) {
    return (struct seat){.crew = crew, .number = 1 + (ptrdiff_t)atomic_fetch_add(&crew->come, 1)};
}

int crew_follow(struct seat *seat) {
    struct crew *crew = seat->crew;
    do {
        long long begun;
        for (int spins = 0; (begun = atomic_load_explicit(&crew->begun, memory_order_acquire)) == seat->begun; ++spins) pause_after(spins);
        if (begun == OVER) return 0;
        seat->begun = begun;
        seat->members = (ptrdiff_t)(begun % MEMBERS);
    } while (seat->number >= seat->members);
    seat->goal = crew->goal;
    return 1;
}

void crew_meet(struct seat *seat) {
    if (seat->members == 1) return;
    seat->goal += seat->members;
    atomic_fetch_add(&seat->crew->arrived, 1);
    int spins = 0;
    for (; atomic_load_explicit(&seat->crew->arrived, memory_order_acquire) < seat->goal; ++spins) pause_after(spins);
    seat->long_waits += spins > LONG_WAIT;
}

int crew_is_worthless(void) {
    int left = atomic_load(&rest);
    return left > 0 && atomic_compare_exchange_strong(&rest, &left, left - 1);
}
