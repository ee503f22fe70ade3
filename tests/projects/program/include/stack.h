#include "bounds.h"
struct stack { int size; long values[MOST]; };
int push(struct stack *stack, long value);
int pop(struct stack *stack, long *value);
