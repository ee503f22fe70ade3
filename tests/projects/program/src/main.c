#include <stdio.h>

#include "parse.h"
#include "version.h"

int main(void) {
  char line[200];
  long result;
  printf("calc %s\n", VERSION);
  while (fgets(line, sizeof line, stdin)) {
    if (calculate(line, &result))
      printf("%ld\n", result);
    else
      printf("wrong\n");
  }
  return 0;
}
