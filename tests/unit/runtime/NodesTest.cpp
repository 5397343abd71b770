//===- NodesTest.cpp - ranks on two hosts ----------------------------------===//
//
// Two network namespaces with a hostname each (two-hosts): Open MPI and the runtime see two machines, joined
// by TCP alone. Collectives have the bits of one node; runs write the same bytes; a rank that dies takes the
// ranks of both hosts along. Skipped where namespaces cannot be made.
//
//===----------------------------------------------------------------------===//
#include "tests/unit/runtime/Launch.h"
#include <algorithm>
#include <filesystem>
#include <fstream>
#include <gtest/gtest.h>
#include <sstream>
#include <unistd.h>
#include <vector>

namespace rt::test {
namespace {

namespace fs = std::filesystem;

constexpr int skipped = 77; // two-hosts' exit code

/// Four ranks: `placement` "" puts 0 and 1 on the first host, "--map-by node" 0 and 2.
std::string onTwoHosts(const std::string &program, const std::string &environment = "",
                       const std::string &placement = "", int seconds = 30) {
  return "env OMP_NUM_THREADS=1 " + environment + " " TWO_HOSTS " sh -c '" + "timeout " +
         std::to_string(seconds) + " mpirun $TWO_HOSTS " + placement + " -n 4 " + program + "'";
}

std::vector<std::string> linesWith(const std::string &text, const std::string &what) {
  std::vector<std::string> lines;
  std::istringstream stream(text);
  for (std::string line; std::getline(stream, line);)
    if (line.find(what) != std::string::npos)
      lines.push_back(line);
  std::sort(lines.begin(), lines.end());
  return lines;
}

std::string contents(const fs::path &path) {
  std::ifstream file(path, std::ios::binary);
  std::ostringstream text;
  text << file.rdbuf();
  return text.str();
}

class NodesTest : public testing::Test {
protected:
  void SetUp() override {
    const Outcome outcome = runCommand(TWO_HOSTS " true");
    if (outcome.code == skipped)
      GTEST_SKIP() << outcome.text;
    ASSERT_EQ(outcome.code, 0) << outcome.text;
    dir = fs::temp_directory_path() / ("shardc-nodes-" + std::to_string(getpid()));
    fs::create_directories(dir);
    std::ofstream text(dir / "text.txt");
    for (int i = 0; i < 4000; ++i)
      text << "line " << i * 7919 % 1000 << "\n";
  }
  void TearDown() override {
    if (!dir.empty())
      fs::remove_all(dir);
  }

  std::string worker(const std::string &flags) {
    return TRAIN_WORKER " --data " + (dir / "text.txt").string() + " " + flags;
  }

  fs::path dir;
};

TEST_F(NodesTest, hostsAreNodes) {
  const Outcome outcome = runCommand(onTwoHosts("hostname"));
  EXPECT_EQ(linesWith(outcome.text, "shardc-"),
            (std::vector<std::string>{"shardc-a", "shardc-a", "shardc-b", "shardc-b"}))
      << outcome.text;
}

TEST_F(NodesTest, collectivesHaveTheBitsOfOneNode) {
  for (const char *mesh : {"2x2", "4"}) {
    const std::string program = COLLECTIVES_WORKER " " + std::string(mesh);
    const Outcome one = runCommand(mpirun(4, program, "OMP_NUM_THREADS=1"));
    const auto expected = linesWith(one.text, "hash");
    ASSERT_EQ(expected.size(), 4u) << one.text;
    for (const char *placement : {"", "--map-by node"}) {
      const Outcome two = runCommand(onTwoHosts(program, "", placement));
      EXPECT_EQ(two.code, 0) << two.text;
      EXPECT_EQ(linesWith(two.text, "hash"), expected) << mesh << " " << placement << "\n" << two.text;
    }
  }
}

/// Stages on one host each, and on both.
TEST_F(NodesTest, messagesArriveAsOnOneNode) {
  const std::string program = MESSAGES_WORKER " 2x2 0 20";
  const auto expected = linesWith(runCommand(mpirun(4, program, "OMP_NUM_THREADS=1")).text, "hash");
  ASSERT_EQ(expected.size(), 4u);
  for (const char *placement : {"", "--map-by node"}) {
    const Outcome two = runCommand(onTwoHosts(program, "", placement));
    EXPECT_EQ(two.code, 0) << two.text;
    EXPECT_EQ(linesWith(two.text, "hash"), expected) << placement << "\n" << two.text;
  }
}

/// A message that is longer than MPI sends unasked, posted in time: it travels while its sender computes.
TEST_F(NodesTest, messagesTravelWhileTheSenderComputes) {
  const Outcome outcome = runCommand(onTwoHosts(MESSAGES_WORKER " 2x2 0 0 busy"));
  EXPECT_EQ(outcome.code, 0) << outcome.text;
  EXPECT_EQ(linesWith(outcome.text, "arrived"),
            (std::vector<std::string>{"rank 0: the message arrived while its sender was busy",
                                      "rank 1: the message arrived while its sender was busy"}))
      << outcome.text;
}

// Each host has a folder of its own for status pages, as machines without a common disk have.
TEST_F(NodesTest, runsWriteTheBytesOfOneNode) {
  struct Run {
    const char *environment, *placement;
  };
  // By node the two stages are on a host each, else tp is.
  for (const Run &run :
       {Run{"MESH=2x2", ""}, Run{"MESH=1x2 STAGES=2", ""}, Run{"MESH=1x2 STAGES=2", "--map-by node"}}) {
    const std::string one = (dir / "one").string(), two = (dir / "two").string();
    for (const std::string &folder : {one, two})
      fs::remove_all(folder);
    Outcome outcome =
        runCommand(mpirun(4, worker("--dump " + one), std::string(run.environment) + " OMP_NUM_THREADS=1"));
    ASSERT_EQ(outcome.code, 0) << outcome.text;
    const std::string script = (dir / "rank").string();
    std::ofstream(script) << "exec "
                          << worker("--dump " + two + " --run-dir " + dir.string() + "/$(hostname)");
    outcome = runCommand(onTwoHosts("sh " + script, run.environment, run.placement));
    ASSERT_EQ(outcome.code, 0) << outcome.text;
    for (const char *file : {"gradients", "m", "ema", "weights"}) {
      const std::string name = std::string(file) + ".safetensors", bytes = contents(fs::path(one) / name);
      EXPECT_GT(bytes.size(), 400u);
      EXPECT_EQ(bytes, contents(fs::path(two) / name))
          << run.environment << " " << run.placement << " " << name;
    }
    for (const char *host : {"shardc-a", "shardc-b"})
      EXPECT_TRUE(fs::exists(dir / host / "operations.tsv")) << host;
  }
}

TEST_F(NodesTest, aDeadRankEndsBothHosts) {
  const Outcome outcome =
      runCommand(onTwoHosts(worker("--steps 1000"), "MESH=2x2 FAULT=\"kill 3 3\"", "-x MESH -x FAULT", 10));
  EXPECT_NE(outcome.code, 124) << outcome.text; // of timeout
  EXPECT_NE(outcome.text.find("process rank 3 with PID"), std::string::npos) << outcome.text;
  EXPECT_NE(outcome.text.find("on node shardc-b exited on signal 9"), std::string::npos) << outcome.text;
}

// Without a launcher that cleans up: neighbours see the death and tell the other host. Each rank says when it
// ends; mpirun itself would wait forever for the dead one and is ended after ten seconds.
TEST_F(NodesTest, ranksNoticeADeathOnTheOtherHost) {
  for (const char *rank : {"3", "2"}) { // 2: the one that would hear and tell for its host
    const std::string script = (dir / "rank").string();
    std::ofstream(script) << worker("--steps 1000 --run-dir " + (dir / "run").string())
                          << "\necho rank $OMPI_COMM_WORLD_RANK ended with $?\n";
    const Outcome outcome =
        runCommand(onTwoHosts("sh " + script, "MESH=2x2 FAULT=\"kill " + std::string(rank) + " 3\"",
                              "-mca orte_abort_on_non_zero_status 0 --enable-recovery -x MESH -x FAULT", 10));
    EXPECT_EQ(linesWith(outcome.text, " ended with ").size(), 4u) << outcome.text;
    const auto errors = linesWith(outcome.text, "error: ");
    ASSERT_EQ(errors.size(), 1u) << outcome.text;
    EXPECT_EQ(errors[0].find("error: rank " + std::string(rank) + " (pid "), 0u) << outcome.text;
    EXPECT_NE(errors[0].find(" died in step 4 at block: fault (model.yaml:5:7)"), std::string::npos)
        << outcome.text;
  }
}

} // namespace
} // namespace rt::test
