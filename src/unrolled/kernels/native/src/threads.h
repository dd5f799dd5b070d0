/* The few things a pool needs of an operating system: POSIX threads, or Windows's own. */
#ifndef UNROLLED_THREADS_H
#define UNROLLED_THREADS_H

#if defined(_WIN32)
#define WIN32_LEAN_AND_MEAN
#include <windows.h>
typedef SRWLOCK lock_t;
typedef CONDITION_VARIABLE signal_t;
#define LOCK_INIT SRWLOCK_INIT
#define SIGNAL_INIT CONDITION_VARIABLE_INIT
#define THREAD_BODY static DWORD WINAPI
#define THREAD_END return 0
static inline void lock(lock_t *l) { AcquireSRWLockExclusive(l); }
static inline int try_lock(lock_t *l) { return TryAcquireSRWLockExclusive(l); }
static inline void unlock(lock_t *l) { ReleaseSRWLockExclusive(l); }
static inline void wait_for(signal_t *s, lock_t *l) { SleepConditionVariableSRW(s, l, INFINITE, 0); }
static inline void wake_all(signal_t *s) { WakeAllConditionVariable(s); }
static inline int start_thread(LPTHREAD_START_ROUTINE body, void *argument) {
    HANDLE thread = CreateThread(NULL, 0, body, argument, 0, NULL);
    if (thread) CloseHandle(thread);
    return thread != NULL;
}
static inline void yield_thread(void) { SwitchToThread(); }
static inline void on_fork_in_child(void (*reset)(void)) { (void)reset; }
#else
#include <pthread.h>
#include <sched.h>
typedef pthread_mutex_t lock_t;
typedef pthread_cond_t signal_t;
#define LOCK_INIT PTHREAD_MUTEX_INITIALIZER
#define SIGNAL_INIT PTHREAD_COND_INITIALIZER
#define THREAD_BODY static void *
#define THREAD_END return NULL
static inline void lock(lock_t *l) { pthread_mutex_lock(l); }
static inline int try_lock(lock_t *l) { return pthread_mutex_trylock(l) == 0; }
static inline void unlock(lock_t *l) { pthread_mutex_unlock(l); }
static inline void wait_for(signal_t *s, lock_t *l) { pthread_cond_wait(s, l); }
static inline void wake_all(signal_t *s) { pthread_cond_broadcast(s); }
static inline int start_thread(void *(*body)(void *), void *argument) {
    pthread_t thread;
    if (pthread_create(&thread, NULL, body, argument)) return 0;
    pthread_detach(thread);
    return 1;
}
static inline void yield_thread(void) { sched_yield(); }
static inline void on_fork_in_child(void (*reset)(void)) { pthread_atfork(NULL, NULL, reset); }
#endif

#endif
