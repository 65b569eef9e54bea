/* Quantiles of samples, for the benchmarks that print them. */
#ifndef SAMPLES_H
#define SAMPLES_H

#include <stdio.h>
#include <stdlib.h>
#include <time.h>

static inline double now_us(void)
{
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC, &now);
    return (double)now.tv_sec * 1e6 + (double)now.tv_nsec / 1e3;
}

static inline int compare_samples(const void *left, const void *right)
{
    double a = *(const double *)left, b = *(const double *)right;
    return (a > b) - (a < b);
}

/* Sorts the samples and prints `"p25":…,"p50":…,"p75":…,"p99":…` in microseconds. */
static inline void print_quantiles(double *samples, long count)
{
    static const double quantiles[] = {0.25, 0.5, 0.75, 0.99};
    qsort(samples, (size_t)count, sizeof *samples, compare_samples);
    for (int i = 0; i < 4; i++)
        printf("%s\"p%d\":%.2f", i ? "," : "", (int)(quantiles[i] * 100 + 0.5),
               samples[(long)(quantiles[i] * (double)count)]);
}

#endif
