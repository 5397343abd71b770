//===- Launch.cpp - start every rank of a trainer, and say what became of it ===//
//
//   shardc run -- mpirun -- rank 0, rank 1, ...
//                    |          each maps a status page (step, operation) in the run directory
//                    stderr: ranks' own lines pass; mpirun's banners are kept back
//
// A rank that dies takes the others with it: mpirun notices within a fraction of a second, ranks that wait
// for the dead one notice by themselves, and whoever is left after `patience` is killed. So is an mpirun that
// does not end after its ranks have: of some 30 that had a stopped rank to kill one hangs in PMIx, on its way
// out.
//
//===----------------------------------------------------------------------===//

#include "compiler/driver/Launch.h"

#include "runtime/observe/Life.h"
#include "runtime/observe/StatusPage.h"

#include "fmt/format.h"
#include "llvm/Support/Program.h"
#include <algorithm>
#include <chrono>
#include <csignal>
#include <cstring>
#include <fcntl.h>
#include <poll.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <thread>
#include <unistd.h>

using namespace shardc;
using Clock = std::chrono::steady_clock;

namespace {
constexpr std::chrono::milliseconds patience{3000}; // between a rank's death and the end of the others

volatile std::sig_atomic_t signalled = 0, signals = 0; // the last one, and how many
void noteSignal(int signal) {
  signalled = signal;
  signals = signals + 1;
}

bool isAlive(int pid) {
  return pid > 0 && rt::lifeOf(pid) != rt::Life::gone;
}

/// The status pages of one launch, in a directory that goes with it.
class RunDirectory {
public:
  RunDirectory() {
    std::string pattern = (std::filesystem::temp_directory_path() / "shardc-run-XXXXXX").string();
    if (const char *made = mkdtemp(pattern.data()))
      path = made;
  }
  ~RunDirectory() {
    std::error_code ignored;
    if (!path.empty())
      std::filesystem::remove_all(path, ignored);
  }
  std::string path;
};

/// mpirun's stderr: passes the ranks' lines on, keeps back mpirun's banners and reads from them who died how.
class ErrorStream {
public:
  explicit ErrorStream(int fd) : fd(fd) { fcntl(fd, F_SETFL, fcntl(fd, F_GETFL) | O_NONBLOCK); }

  /// Reads what is there. False at the end.
  bool drain() {
    char buffer[4096];
    for (;;) {
      ssize_t count = read(fd, buffer, sizeof buffer);
      if (count > 0)
        take(std::string_view(buffer, count));
      else
        return count != 0;
    }
  }
  int deadRank = -1, deadSignal = 0;
  std::string banner; // what mpirun said, for failures that no rank explains

private:
  void take(std::string_view text) {
    for (char c : text) {
      pending += c;
      if (c == '\n') {
        takeLine(pending);
        pending.clear();
      }
    }
  }
  void takeLine(const std::string &line) {
    if (line.starts_with("-----")) {
      inBanner = !inBanner;
      return;
    }
    if (size_t at = line.find("process rank "); at != std::string::npos)
      deadRank = std::atoi(line.c_str() + at + std::strlen("process rank "));
    if (size_t at = line.find("exited on signal "); at != std::string::npos)
      deadSignal = std::atoi(line.c_str() + at + std::strlen("exited on signal "));
    if (inBanner || line.find("mpirun") != std::string::npos || isMpi(line))
      banner += line;
    else
      fmt::print(stderr, "{}", line);
  }
  /// "[[23195,1],1] ...", "[host:4711] *** Process received signal ***", "[warn] Epoll MOD(1) on fd 26
  /// failed." (libevent's, when mpirun closes a stream that has just ended)
  static bool isMpi(const std::string &line) {
    size_t end = line.find(']');
    return line.starts_with("[[") || line.starts_with("[warn] Epoll ") ||
           (line.starts_with("[") && end != std::string::npos &&
            line.substr(0, end).find(':') != std::string::npos);
  }
  int fd;
  std::string pending;
  bool inBanner = false;
};

std::vector<std::string> commandLine(const LaunchOptions &options, const std::string &mpirun,
                                     const std::string &runDir) {
  std::vector<std::string> words = {
      mpirun, "--oversubscribe",           "--bind-to", "none", "-q",
      "-mca", "odls_base_sigkill_timeout", "0",         "-n",   std::to_string(options.ranks)};
  if (geteuid() == 0)
    words.insert(words.begin() + 1, "--allow-run-as-root");
  words.push_back(options.trainer.string());
  words.insert(words.end(), {"--run-dir", runDir});
  words.insert(words.end(), options.arguments.begin(), options.arguments.end());
  return words;
}

/// Starts `words` with its stderr in a pipe; returns the pid, or -1.
int start(const std::vector<std::string> &words, int &errorPipe) {
  int ends[2];
  if (pipe2(ends, O_CLOEXEC) != 0)
    return -1;
  int pid = fork();
  if (pid == 0) {
    setpgid(0, 0); // a terminal's Ctrl-C is for shardc: mpirun would kill the ranks at once
    prctl(PR_SET_PDEATHSIG, SIGTERM);
    dup2(open("/dev/null", O_RDONLY), STDIN_FILENO);
    dup2(ends[1], STDERR_FILENO);
    std::vector<char *> argv;
    for (const std::string &word : words)
      argv.push_back(const_cast<char *>(word.c_str()));
    argv.push_back(nullptr);
    execv(argv[0], argv.data());
    _exit(127);
  }
  close(ends[1]);
  errorPipe = ends[0];
  return pid;
}

/// Whether there is no such process, not even a dead one that its parent has not noticed.
bool isNoticed(int pid) {
  return kill(pid, 0) != 0 && errno != EPERM;
}

/// The rank that died without a word: its page says it runs, its process is gone. mpirun notices the first
/// death, then kills the others: whose end it has not noticed yet is not the cause.
const rt::RankStatus *silentlyDead(const std::vector<rt::RankStatus> &ranks) {
  for (const rt::RankStatus &rank : ranks)
    if ((rank.state == rt::RankState::running || rank.state == rt::RankState::starting) &&
        isNoticed(rank.pid))
      return &rank;
  return nullptr;
}

/// Every rank has come to its end, one way or the other.
bool allEnded(const std::vector<rt::RankStatus> &ranks) {
  return !ranks.empty() &&
         std::ranges::none_of(ranks, [](const rt::RankStatus &rank) { return isAlive(rank.pid); });
}

std::string signalText(int signal) {
  if (signal == 0)
    return "died";
  const char *name = strsignal(signal);
  return fmt::format("was ended by signal {} ({})", signal, name ? name : "unknown");
}

/// Every rank has done all that it was to do.
bool allFinished(const std::vector<rt::RankStatus> &ranks, int64_t count) {
  return static_cast<int64_t>(ranks.size()) == count &&
         std::ranges::all_of(
             ranks, [](const rt::RankStatus &rank) { return rank.state == rt::RankState::finished; });
}

void killRanks(const std::vector<rt::RankStatus> &ranks) {
  for (const rt::RankStatus &rank : ranks)
    if (isAlive(rank.pid))
      kill(rank.pid, SIGKILL);
}
} // namespace

int shardc::launch(const LaunchOptions &options) {
  auto mpirun = llvm::sys::findProgramByName("mpirun");
  if (!mpirun) {
    fmt::print(stderr, "shardc: error: mpirun was not found; scripts/setup installs Open MPI\n");
    return 1;
  }
  RunDirectory runDir;
  if (runDir.path.empty()) {
    fmt::print(stderr, "shardc: error: no directory for status pages can be made in {}\n",
               std::filesystem::temp_directory_path().string());
    return 1;
  }
  std::signal(SIGINT, noteSignal);
  std::signal(SIGTERM, noteSignal);
  int errorPipe = -1;
  int child = start(commandLine(options, *mpirun, runDir.path), errorPipe);
  if (child < 0) {
    fmt::print(stderr, "shardc: error: mpirun can't be started: {}\n", std::strerror(errno));
    return 1;
  }

  ErrorStream errors(errorPipe);
  std::optional<rt::RankStatus> dead;
  std::optional<Clock::time_point> deadline;
  int status = 0;
  int forwarded = 0;
  while (waitpid(child, &status, WNOHANG) == 0) {
    pollfd ready{errorPipe, POLLIN, 0};
    poll(&ready, 1, 100);
    errors.drain();
    std::vector<rt::RankStatus> ranks = rt::readStatus(runDir.path);
    if (signals > forwarded) { // the first lets ranks finish their step and write, the second does not
      forwarded = signals;
      for (const rt::RankStatus &rank : ranks)
        if (isAlive(rank.pid))
          kill(rank.pid, signalled);
      if (forwarded > 1 || ranks.empty())
        deadline = Clock::now() + patience;
    }
    const rt::RankStatus *found = dead ? nullptr : silentlyDead(ranks);
    if (found)
      dead = *found;
    if (!deadline && (found || allEnded(ranks))) // mpirun does not always notice its end
      deadline = Clock::now() + patience;
    if (deadline && Clock::now() > *deadline) {
      killRanks(ranks);
      kill(child, SIGKILL);
    }
  }
  errors.drain();
  close(errorPipe);

  std::vector<rt::RankStatus> ranks = rt::readStatus(runDir.path);
  killRanks(ranks); // nobody is left behind
  if (signalled && !dead) {
    fmt::print(stderr, "shardc: stopped by signal {} ({})\n", int(signalled), strsignal(signalled));
    return 128 + signalled;
  }
  const bool hung = WIFSIGNALED(status) && deadline; // mpirun, after its ranks had ended
  if (hung ? allFinished(ranks, options.ranks) : WIFEXITED(status) && WEXITSTATUS(status) == 0)
    return 0;
  const bool named = errors.deadRank >= 0 && errors.deadRank < static_cast<int>(ranks.size());
  if (named) // by mpirun: the first that a signal ended
    dead = ranks[errors.deadRank];
  for (const rt::RankStatus &rank : ranks)
    if (!named && rank.state == rt::RankState::failed && !rank.message.empty()) {
      fmt::print(stderr, "shardc: error: rank {} stopped {}: {}\n", rank.rank, rt::describe(rank),
                 rank.message);
      return 1;
    }
  if (dead)
    fmt::print(stderr, "shardc: error: rank {} {} {}; the other ranks were stopped\n", dead->rank,
               signalText(errors.deadSignal), rt::describe(*dead));
  else
    fmt::print(stderr, "{}shardc: error: the trainer ended with {}\n", errors.banner,
               hung                ? "an error, and mpirun did not end"
               : WIFEXITED(status) ? fmt::format("code {}", WEXITSTATUS(status))
                                   : fmt::format("code {}", 128 + WTERMSIG(status)));
  return 1;
}
