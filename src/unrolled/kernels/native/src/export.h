/* What the shared library shows to the outside. */
#ifndef UNROLLED_EXPORT_H
#define UNROLLED_EXPORT_H

#if defined(_WIN32)
#define EXPORT __declspec(dllexport)
#else
#define EXPORT __attribute__((visibility("default")))
#endif

#endif
