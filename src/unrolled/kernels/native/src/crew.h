/* A crew: threads that go through many short steps together, too short to be handed out as jobs.
 *
 * The first member leads. It begins at once, alone, and takes along, from its next step on, who has come meanwhile; so it
 * matters to the result neither whether anybody comes nor when. Within a step the members meet where one needs what the
 * others made. Members who wait spin: where the machine has other work for their processors, that costs far more than it
 * gains, so the leader counts its long waits and soon goes on alone.
 */
#ifndef UNROLLED_CREW_H
#define UNROLLED_CREW_H

#include <stdatomic.h>
#include <stddef.h>

struct crew {
    _Alignas(64) atomic_llong begun;   /* the step that may begin, counted from 1, and how many take part: in one word, */
    long long goal;                    /* since who comes late may read it while it changes; arrivals before the step */
    _Alignas(64) atomic_llong arrived; /* at all meetings together */
    _Alignas(64) atomic_llong come;    /* who has joined, the leader not counted */
};

/* One member's place: `number` of `members` in the current step. */
struct seat {
    struct crew *crew;
    ptrdiff_t number, members;
    long long begun, goal;
    int long_waits;
};

/* The leader's place; `crew` is all zeros. */
struct seat crew_lead(struct crew *crew);
/* The leader begins a step with all who have come. */
void crew_begin(struct seat *leader);
/* The leader sends the others away. */
void crew_end(struct seat *leader);

/* Another member's place. */
struct seat crew_join(struct crew *crew);
/* Wait for the next step that the member takes part in; 0: there is none. */
int crew_follow(struct seat *seat);

/* Go on when all members of the step are here. */
void crew_meet(struct seat *seat);

/* Whether the last crews did not pay, so that the next call had better do without one. */
int crew_is_worthless(void);

#endif
