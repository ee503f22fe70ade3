#define PLUS '+'
#define TIMES '*'
int calculate(const char *text, long *result);
