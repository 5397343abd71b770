//===- Launch.h - start ranks and read what they say -----------------------===//
#pragma once
#include <array>
#include <cstdio>
#include <string>
#include <sys/wait.h>

namespace rt::test {

struct Outcome {
  int code;         // of mpirun (or of the only rank)
  std::string text; // standard output and error together
};

inline Outcome runCommand(const std::string &command) {
  std::FILE *pipe = popen((command + " 2>&1").c_str(), "r");
  std::string text;
  std::array<char, 4096> buffer;
  while (std::size_t n = std::fread(buffer.data(), 1, buffer.size(), pipe))
    text.append(buffer.data(), n);
  const int status = pclose(pipe);
  return {WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status), text};
}

/// `environment`: "NAME=value ..." in front of mpirun. mpirun itself may miss the end of a rank and wait for
/// ever: it is killed after `seconds`.
inline std::string mpirun(int ranks, const std::string &program, const std::string &environment = "",
                          int seconds = 120) {
  return "env " + environment + " timeout -s KILL " + std::to_string(seconds) +
         " mpirun -mca odls_base_sigkill_timeout 0 --allow-run-as-root --oversubscribe "
         "--bind-to none -n " +
         std::to_string(ranks) + " " + program;
}

} // namespace rt::test
