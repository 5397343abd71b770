//===- TrainTest.cpp - whole runs: what they write and how they end --------===//
#include "runtime/observe/StatusPage.h"
#include "tests/unit/runtime/Launch.h"
#include <chrono>
#include <csignal>
#include <cstring>
#include <filesystem>
#include <fstream>
#include <future>
#include <gtest/gtest.h>
#include <map>
#include <numeric>
#include <set>
#include <sstream>
#include <thread>
#include <unistd.h>
#include <vector>

namespace rt::test {
namespace {

namespace fs = std::filesystem;

std::string contents(const fs::path &path) {
  std::ifstream file(path, std::ios::binary);
  std::ostringstream text;
  text << file.rdbuf();
  return text.str();
}

int count(const std::string &text, const std::string &what) {
  int n = 0;
  for (auto at = text.find(what); at != std::string::npos; at = text.find(what, at + 1))
    ++n;
  return n;
}

bool running(int pid) {
  const std::string stat = contents("/proc/" + std::to_string(pid) + "/stat");
  return !stat.empty() && stat[stat.rfind(')') + 2] != 'Z';
}

bool goneBy(int pid, std::chrono::steady_clock::time_point deadline) {
  while (running(pid))
    if (std::chrono::steady_clock::now() > deadline)
      return false;
    else
      std::this_thread::sleep_for(std::chrono::milliseconds(10));
  return true;
}

class TrainTest : public testing::Test {
protected:
  void SetUp() override {
    dir = fs::temp_directory_path() / ("shardc-train-" + std::to_string(getpid()));
    fs::create_directories(dir);
    std::ofstream text(dir / "text.txt");
    for (int i = 0; i < 4000; ++i)
      text << "line " << i * 7919 % 1000 << "\n";
  }
  void TearDown() override { fs::remove_all(dir); }

  std::string path(const std::string &name) { return (dir / name).string(); }

  Outcome train(const std::string &mesh, int ranks, const std::string &flags,
                const std::string &environment = "", int seconds = 120) {
    const bool data = flags.find("--data") == std::string::npos;
    return runCommand(
        mpirun(ranks, std::string(TRAIN_WORKER) + (data ? " --data " + path("text.txt") : "") + " " + flags,
               "MESH=" + mesh + " OMP_NUM_THREADS=1 " + environment, seconds));
  }

  /// A run that ends with code 1 and says `message` exactly once.
  void expectError(const Outcome &outcome, const std::string &message) {
    EXPECT_EQ(outcome.code, 1) << outcome.text;
    EXPECT_EQ(count(outcome.text, "error: "), 1) << outcome.text;
    EXPECT_NE(outcome.text.find(message), std::string::npos) << outcome.text;
  }

  fs::path dir;
};

TEST_F(TrainTest, everyPlanWritesTheSameBytes) {
  struct Run {
    const char *name, *mesh;
    int ranks;
    const char *environment;
  };
  for (const Run &run :
       {Run{"one", "1x1", 1, ""}, Run{"dp", "2x1", 2, ""}, Run{"tp", "1x2", 2, ""}, Run{"grid", "2x2", 4, ""},
        Run{"nodes", "2x2", 4, "SHARDC_FORCE_REMOTE=1"}, Run{"pairs", "2x2", 4, "SHARDC_FORCE_REMOTE=2"},
        Run{"stages", "1x1", 2, "STAGES=2"}, Run{"grids", "2x2", 8, "STAGES=2"},
        Run{"far-stages", "1x2", 4, "STAGES=2 SHARDC_FORCE_REMOTE=1"},
        Run{"near-stages", "2x1", 4, "STAGES=2 SHARDC_FORCE_REMOTE=2"}}) {
    const std::string out = path(run.name);
    Outcome outcome = train(run.mesh, run.ranks, "--output " + out + " --dump " + out, run.environment);
    ASSERT_EQ(outcome.code, 0) << outcome.text;
    EXPECT_EQ(count(outcome.text, "step 6/6"), 2) << outcome.text; // one of them the evaluation
    for (const char *file : {"model", "gradients", "m", "ema", "weights"}) {
      const std::string name = std::string(file) + ".safetensors";
      const std::string bytes = contents(fs::path(out) / name);
      EXPECT_GT(bytes.size(), 400u) << run.name << " " << name;
      EXPECT_EQ(bytes, contents(dir / "one" / name)) << run.name << " " << name;
    }
    EXPECT_EQ(count(contents(fs::path(out) / "metrics.jsonl"), "\"loss\""), 6);
    EXPECT_EQ(count(contents(fs::path(out) / "metrics.jsonl"), "\"eval_loss\""), 2);
  }
}

TEST_F(TrainTest, theFileHoldsWhatTheWeightsAre) {
  ASSERT_EQ(train("2x2", 4, "--steps 0 --output " + path("out")).code, 0);
  // Initial weights are their global index; embed.weight is the file's first tensor, its padding row left
  // out.
  const std::string bytes = contents(dir / "out" / "model.safetensors");
  std::uint64_t header;
  std::memcpy(&header, bytes.data(), 8);
  const auto *values = reinterpret_cast<const float *>(bytes.data() + 8 + header);
  for (int i = 0; i < 66; ++i)
    EXPECT_EQ(values[i], i);
  for (int i = 0; i < 48; ++i)
    EXPECT_EQ(values[66 + i], i % 16) << "part " << i / 16 << " of the fused weight";
  EXPECT_EQ(bytes.size(), 8 + header + (66 + 48) * 4);
}

/// An average is written beside the weights, once there is one; no other state is.
TEST_F(TrainTest, theAverageIsSaved) {
  for (int steps : {0, 1}) {
    const std::string out = path("out" + std::to_string(steps));
    const Outcome outcome = train("2x2", 4, "--steps " + std::to_string(steps) + " --output " + out);
    ASSERT_EQ(outcome.code, 0) << outcome.text;
    EXPECT_EQ(fs::exists(fs::path(out) / "ema.safetensors"), steps > 0);
    EXPECT_EQ(count(outcome.text, "ema of the weights: " + out + "/ema.safetensors"), steps);
    EXPECT_FALSE(fs::exists(fs::path(out) / "m.safetensors"));
  }
}

/// Steps, the tasks in them, and what is waited for, of each rank: an event a line.
TEST_F(TrainTest, aTraceHasTheTasksOfAllRanks) {
  for (const char *nodes : {"", " SHARDC_FORCE_REMOTE=1"}) {
    const Outcome outcome = train("1x2", 4, "--steps 4 --trace-steps 2 --trace " + path("trace.json"),
                                  std::string("STAGES=2 LATE_MS=50") + nodes);
    ASSERT_EQ(outcome.code, 0) << outcome.text;
    const std::string text = contents(dir / "trace.json");
    EXPECT_EQ(text.find("{\"displayTimeUnit\": \"ms\", \"traceEvents\": [\n"), 0u) << text;
    EXPECT_EQ(text.substr(text.size() - 5), "}\n]}\n");
    std::istringstream lines(text);
    std::map<std::string, int> found; // by category and rank
    for (std::string line; std::getline(lines, line);) {
      char category[16], name[64];
      int stage, rank, number;
      double begin, length;
      if (std::sscanf(
              line.c_str(),
              R"({"ph": "X", "cat": "%15[a-z]", "name": "%63[^"]", "pid": %d, "tid": %d, "ts": %lf, "dur": %lf, "args": {"step": %d)",
              category, name, &stage, &rank, &begin, &length, &number) != 7)
        continue;
      EXPECT_EQ(stage, rank % 2) << line;
      EXPECT_TRUE(number == 1 || number == 2) << line;
      EXPECT_GE(length, 0) << line;
      ++found[std::string(category) + " " + name + " " + std::to_string(rank)];
    }
    for (int rank = 0; rank < 4; ++rank)
      for (const char *what : {"step step 1", "step step 2"})
        EXPECT_EQ(found[std::string(what) + " " + std::to_string(rank)], 1) << text;
    for (int rank = 0; rank < 4; ++rank)
      for (const char *what : {"task F0", "task update"})
        EXPECT_EQ(found[std::string(what) + " " + std::to_string(rank)], 2) << text;
    // The second stage is late: the first waits until what it sent is taken or, over a network, for the loss.
    const std::string wait = *nodes ? "receive loss from" : "send embed to";
    EXPECT_EQ(found["message step: " + wait + " stage 1 0"], 2) << text;
    EXPECT_NE(text.find("\"place\": \"job.yaml:2:1\""), std::string::npos);
  }
  expectError(train("1x1", 1, "--trace /nowhere/trace.json"),
              "error: /nowhere/trace.json: cannot be written");
}

/// Pauses take as long in all as the flags say, whatever the machine does meanwhile: after one that was too
/// long, as on a busy machine, the next is shorter.
TEST_F(TrainTest, aRehearsalTakesAsLongAsPlanned) {
  struct Case {
    const char *flags;
    double milliseconds; // of a forward
  };
  for (const Case &one : {Case{"--gflops 0.1", 30}, Case{"--forward-ms 12.5", 12.5}}) {
    const Outcome outcome =
        train("1x1", 2, std::string("--steps 3 --trace ") + path("trace.json") + " " + one.flags,
              "STAGES=2 REHEARSE=1");
    ASSERT_EQ(outcome.code, 0) << outcome.text;
    EXPECT_EQ(count(outcome.text, "; a rehearsal: nothing is computed"), 1) << outcome.text;
    std::istringstream lines(contents(dir / "trace.json"));
    std::map<int, std::vector<double>> lengths; // of each rank's forwards, milliseconds
    for (std::string line; std::getline(lines, line);)
      if (line.find("\"F0\"") != std::string::npos)
        lengths[std::atoi(line.c_str() + line.find("\"tid\": ") + 7)].push_back(
            std::atof(line.c_str() + line.find("\"dur\": ") + 7) / 1000);
    EXPECT_EQ(lengths.size(), 2u);
    for (const auto &[rank, all] : lengths) {
      EXPECT_EQ(all.size(), 3u);
      const double sum = std::accumulate(all.begin(), all.end(), 0.0);
      EXPECT_GE(sum, 3 * one.milliseconds - 0.01) << "rank " << rank; // each is written to a microsecond
    }
  }
  expectError(train("1x1", 1, "--forward-ms 10"), "error: --gflops and --forward-ms are of rehearsals");
  expectError(train("1x1", 1, "--gflops 0"), "error: --gflops is '0'");
}

/// Wherever ranks dawdle, they write the same bytes.
TEST_F(TrainTest, delaysChangeNothing) {
  ASSERT_EQ(train("1x2", 4, "--dump " + path("one"), "STAGES=2").code, 0);
  for (const char *environment :
       {"SHARDC_DELAYS=1", "SHARDC_DELAYS=2:3000", "SHARDC_DELAYS=3:200 SHARDC_FORCE_REMOTE=2"}) {
    const Outcome outcome = train("1x2", 4, "--dump " + path("late"), std::string("STAGES=2 ") + environment);
    ASSERT_EQ(outcome.code, 0) << outcome.text;
    EXPECT_EQ(contents(dir / "one" / "weights.safetensors"), contents(dir / "late" / "weights.safetensors"));
  }
  for (const char *wrong :
       {"SHARDC_DELAYS=", "SHARDC_DELAYS=x", "SHARDC_DELAYS=1:", "SHARDC_DELAYS=1:5000000"})
    expectError(train("1x1", 1, "", wrong), "error: SHARDC_DELAYS is '");
}

TEST_F(TrainTest, arenaAndAllocationsAreCounted) {
  for (const char *plan : {"2x2", "1x2"}) { // one of two stages, whose arenas are unlike
    const bool hasStages = plan[0] == '1';
    const Outcome outcome = train(plan, 4, "--check-arena", hasStages ? "STAGES=2" : "");
    ASSERT_EQ(outcome.code, 0) << outcome.text;
    EXPECT_EQ(count(outcome.text, "0 own, 0 in libraries"), 4) << outcome.text;
    std::set<std::string> sizes;
    std::istringstream lines(outcome.text);
    for (std::string line; std::getline(lines, line);)
      if (char planned[32], touched[32];
          std::sscanf(line.c_str(), "rank %*d: arena %31s bytes planned, %31s touched", planned, touched) ==
          2) {
        EXPECT_STREQ(planned, touched);
        sizes.insert(planned);
      }
    EXPECT_EQ(sizes.size(), hasStages ? 2u : 1u);
  }
  Outcome outcome = train("2x2", 4, "--check-arena", "FAULT='allocate 1 3'");
  EXPECT_EQ(count(outcome.text, "0 own, 0 in libraries"), 3) << outcome.text;
  EXPECT_EQ(count(outcome.text, "1 own, 0 in libraries"), 1) << outcome.text;
  expectError(train("2x2", 4, "--check-arena", "FAULT='overrun 1 3'"), "whose planned peak is");
}

TEST_F(TrainTest, wrongWorldsAreErrors) {
  expectError(train("2x2", 3, ""), "error: the plan's mesh needs 4 ranks, 3 were started\n"
                                   "note: use shardc run, or mpirun -n 4\n");
  Outcome alone = runCommand("env MESH=2x2 WORLD_SIZE=4 " TRAIN_WORKER);
  expectError(alone, "error: WORLD_SIZE is 4, but this process is alone in its MPI world\n");
}

TEST_F(TrainTest, badFlagsAreErrors) {
  expectError(train("2x1", 2, "--step 3"), "error: flag '--step' is not known\nnote: '--steps' is near");
  expectError(train("2x1", 2, "--steps many"),
              "error: --steps is 'many'\nnote: a whole number from 0 is valid\n");
  expectError(train("2x1", 2, "--steps"), "error: flag '--steps' needs a value\n");
}

TEST_F(TrainTest, badDataAndFoldersAreErrors) {
  expectError(train("2x2", 4, "--data " + path("nothing.txt")), "nothing.txt");
  std::ofstream(path("empty.txt"));
  expectError(train("2x2", 4, "--data " + path("empty.txt")), "empty.txt");
  expectError(train("2x2", 4, "--output " + path("text.txt")), "folder cannot be made");
  expectError(train("2x2", 4, "--metrics /dev/full"),
              "/dev/full: cannot be written: No space left on device");
}

TEST_F(TrainTest, failuresInAStepEndAllRanks) {
  expectError(train("2x2", 4, "", "FAULT='throw 2 3'"), "error: token 300 is not in the vocabulary of 256\n");
  for (const char *nodes : {"1", "2"})
    expectError(train("2x2", 4, "", std::string("SHARDC_FORCE_REMOTE=") + nodes + " FAULT='throw 2 3'"),
                "error: token 300 is not");
  expectError(train("2x2", 4, "--output " + path("out"), "FAULT=nan3"), "error: the loss of step 4 is nan\n");
  EXPECT_FALSE(fs::exists(dir / "out" / "model.safetensors"));
}

TEST_F(TrainTest, aDeadOrStoppedRankEndsAllWithinFiveSeconds) {
  struct Fault {
    std::string what, mesh, environment;
  };
  for (const auto &[what, mesh, environment] :
       {Fault{"kill", "2x2", ""}, Fault{"stop", "2x2", ""}, Fault{"kill", "1x2", "STAGES=2 "}})
    for (int rank : {0, 3}) {
      const std::string runDir = path("run");
      fs::remove_all(runDir);
      const auto deadline =
          std::chrono::steady_clock::now() + std::chrono::milliseconds(5500); // 0.5 to start
      auto run = std::async(std::launch::async, [&] {
        return train(mesh, 4, "--steps 1000 --run-dir " + runDir,
                     environment + "FAULT='" + what + " " + std::to_string(rank) + " 3'", 10);
      });
      while (readStatus(runDir).size() < 4u && std::chrono::steady_clock::now() < deadline)
        std::this_thread::sleep_for(std::chrono::milliseconds(10));
      for (const RankStatus &status : readStatus(runDir))
        EXPECT_TRUE(goneBy(status.pid, deadline)) << "rank " << status.rank;
      const Outcome outcome = run.get();
      EXPECT_NE(outcome.code, 0);
      const auto ranks = readStatus(runDir);
      ASSERT_EQ(ranks.size(), 4u) << outcome.text;
      const std::string where = "in step 4 at block: fault (model.yaml:5:7)";
      if (what == "kill") { // mpirun wakes a stopped rank to end it: it moves on
        EXPECT_EQ(describe(ranks[rank]), where);
        EXPECT_EQ(ranks[rank].state, RankState::running);
      } else {
        EXPECT_NE(outcome.text.find(" was stopped " + where), std::string::npos) << outcome.text;
        EXPECT_EQ(count(ranks[1].message + ranks[2].message + ranks[3 - rank].message, where), 1);
      }
    }
}

TEST_F(TrainTest, aRankNoticesItsPeersDeathItself) {
  // Without a launcher that cleans up after it: what the other ranks say.
  Outcome outcome = runCommand(
      "env MESH=2x1 FAULT='kill 1 3' timeout 60 mpirun --allow-run-as-root --oversubscribe "
      "--bind-to none -mca orte_abort_on_non_zero_status 0 --enable-recovery -n 2 " TRAIN_WORKER " --data " +
      path("text.txt") + " --run-dir " + path("run"));
  EXPECT_NE(outcome.text.find("died in step 4 at block: fault (model.yaml:5:7)"), std::string::npos)
      << outcome.text;
}

TEST_F(TrainTest, ctrlCFinishesTheStepAndWritesWhatIsThere) {
  const std::string flags = " --steps 1000 --output " + path("out") + " --data " + path("text.txt");
  const pid_t child = fork();
  if (child == 0) {
    setenv("STEP_MS", "20", 1);
    execl("/bin/sh", "sh", "-c", ("exec " TRAIN_WORKER + flags + " >/dev/null 2>&1").c_str(), nullptr);
    _exit(127);
  }
  std::this_thread::sleep_for(std::chrono::seconds(2));
  kill(child, SIGINT);
  int status = 0;
  waitpid(child, &status, 0);
  ASSERT_TRUE(WIFEXITED(status));
  EXPECT_EQ(WEXITSTATUS(status), 130);
  EXPECT_TRUE(fs::exists(dir / "out" / "model.safetensors"));
  for (const auto &entry : fs::directory_iterator(dir / "out"))
    EXPECT_EQ(entry.path().string().find(".partial"), std::string::npos);
}

} // namespace
} // namespace rt::test
