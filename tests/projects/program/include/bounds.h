/* How much fits. */
#define MOST 8
