#include "stack.h"

int push(struct stack *stack, long value) {
  if (stack->size == MOST) return 0;
  stack->values[stack->size++] = value;
  return 1;
}

int pop(struct stack *stack, long *value) {
  if (stack->size == 0) return 0;
  *value = stack->values[--stack->size];
  return 1;
}
