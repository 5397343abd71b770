//===- Life.cpp - whether a process runs ------------------------------------===//
#include "runtime/observe/Life.h"
#include <cstdio>
#include <cstring>

namespace rt {

// /proc/PID/stat: "pid (name) S ..."
Life lifeOf(int pid) {
  char path[32], text[256];
  std::snprintf(path, sizeof path, "/proc/%d/stat", pid);
  std::FILE *file = std::fopen(path, "r");
  if (!file)
    return Life::gone;
  std::size_t n = std::fread(text, 1, sizeof text - 1, file);
  std::fclose(file);
  text[n] = 0;
  const char *name = std::strrchr(text, ')');
  char state = name && name[1] ? name[2] : 'X';
  if (state == 'Z' || state == 'X')
    return Life::gone;
  return state == 'T' ? Life::stopped : Life::running;
}

} // namespace rt
