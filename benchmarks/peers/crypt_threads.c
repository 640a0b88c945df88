/* Print how many passwords a second crypt(3) checks on this number of threads:
 *
 *     crypt_threads FILE THREADS SECONDS
 *
 * FILE has lines name:stored. The time does not depend on the password. */
#define _GNU_SOURCE
#include <crypt.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

enum { MOST_LINES = 1000, MOST_THREADS = 256 };

static char *settings[MOST_LINES];
static size_t lines;
static double until;

static double now(void)
{
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return (double)t.tv_sec + (double)t.tv_nsec * 1e-9;
}

static void *compute(void *checked)
{
    struct crypt_data *data = calloc(1, sizeof *data);
    size_t n = 0;
    for (; data && now() < until; n++)
        if (!crypt_r("Pw0123456789", settings[n % lines], data))
            exit(1);
    free(data);
    *(size_t *)checked = n;
    return NULL;
}

int main(int argc, char **argv)
{
    if (argc != 4)
        return 2;
    FILE *file = fopen(argv[1], "r");
    char line[1024];
    while (file && lines < MOST_LINES && fgets(line, sizeof line, file)) {
        char *stored = strchr(line, ':');
        if (stored)
            settings[lines++] = strdup(strtok(stored + 1, "\n"));
    }
    int threads = atoi(argv[2]);
    if (!lines || threads < 1 || threads > MOST_THREADS)
        return 2;
    pthread_t thread[MOST_THREADS];
    size_t checked[MOST_THREADS], sum = 0;
    double began = now();
    until = began + atof(argv[3]);
    for (int i = 0; i < threads; i++)
        if (pthread_create(&thread[i], NULL, compute, &checked[i]))
            return 1;
    for (int i = 0; i < threads; i++) {
        pthread_join(thread[i], NULL);
        sum += checked[i];
    }
    printf("%f\n", (double)sum / (now() - began));
    return 0;
}
