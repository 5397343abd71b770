// main.cpp: hands the program to the runtime. `trainer --help` lists the flags; one binary serves every rank.
#include "program.h"
#include "runtime/core/Program.h"

int main(int argc, char **argv) {
  return rt::train(trainer::program, argc, argv);
}
