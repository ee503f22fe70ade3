#include "parse.h"

#include <ctype.h>
#include <stdlib.h>

#include "stack.h"

int calculate(const char *text, long *result) {
  struct stack stack = {0};
  long first, second;
  while (*text) {
    if (isdigit((unsigned char)*text)) {
      char *end;
      if (!push(&stack, strtol(text, &end, 10))) return 0;
      text = end;
    } else if (*text == PLUS || *text == TIMES) {
      if (!pop(&stack, &second) || !pop(&stack, &first)) return 0;
      push(&stack, *text == PLUS ? first + second : first * second);
      text++;
    } else {
      text++;
    }
  }
  return pop(&stack, result) && stack.size == 0;
}
