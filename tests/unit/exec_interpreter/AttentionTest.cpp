//===- AttentionTest.cpp - attention by hand, its gradient by differences -===//

#include "tests/unit/exec_interpreter/Support.h"

#include <cmath>

using namespace shardc::interpreter;
using namespace shardc::interpreter::test;

using Numbers = std::vector<double>;

namespace {

/// Two queries, two keys, dimension 1, value dimension 2.
std::string small(const std::string &attributes) {
  return ExecProgram::step(R"(
    exec.global @q "q" : !exec.buffer<f32[seq=2, d=1]>
    exec.global @k "k" : !exec.buffer<f32[key_seq=2, d=1]>
    exec.global @v "v" : !exec.buffer<f32[key_seq=2, e=2]>
    exec.global @o "o" : !exec.buffer<f32[seq=2, e=2]>
    exec.global @l "l" : !exec.buffer<f32[seq=2]>)",
                           R"(
    %q = exec.address @q : !exec.buffer<f32[seq=2, d=1]>
    %k = exec.address @k : !exec.buffer<f32[key_seq=2, d=1]>
    %v = exec.address @v : !exec.buffer<f32[key_seq=2, e=2]>
    %o = exec.address @o : !exec.buffer<f32[seq=2, e=2]>
    %l = exec.address @l : !exec.buffer<f32[seq=2]>
    exec.attention %q, %k, %v -> %o, %l batch [1: 0, 0, 0, 0, 0] kv_head [1: 0, 0, 0, 0, 0] group [1: 0, 0, 0, 0, 0]
      query [seq=2: 1, 0, 0, 2, 1] key [key_seq=2: 0, 1, 2, 0, 0] dim [1: 0, 0, 0, 0, 0] value_dim [e=2: 0, 0, 1, 1, 0]
      {scale = 0.5 : f64, groups = 1 : i64, query_size = 2 : i64, key_size = 2 : i64)" +
                               attributes + R"(}
      : !exec.buffer<f32[seq=2, d=1]>, !exec.buffer<f32[key_seq=2, d=1]>, !exec.buffer<f32[key_seq=2, e=2]>, !exec.buffer<f32[seq=2, e=2]>, !exec.buffer<f32[seq=2]>)");
}

/// Scores of row 1 are 0.5 * 2 * {0, ln 3}: weights 1/4 and 3/4.
TEST(ExecAttention, isASoftmaxOfScaledProducts) {
  ExecProgram program(small(", causal = true"));
  program.set("q", {5, 2}), program.set("k", {0, std::log(3)}), program.set("v", {1, 2, 5, 10});
  ASSERT_TRUE(program.run()) << program.errors;
  Numbers expected = {1, 2, 4, 8}, out = program.get("o"), lse = program.get("l");
  for (size_t i = 0; i < 4; ++i)
    EXPECT_NEAR(out[i], expected[i], 1e-14);
  EXPECT_NEAR(lse[0], 0, 1e-15);
  EXPECT_NEAR(lse[1], std::log(4), 1e-15);
}

/// The row of a query at global position 0 whose keys all lie behind it is zero.
TEST(ExecAttention, placesMaskByGlobalPosition) {
  ExecProgram program(small(", causal = true, key_start = #exec.rank<1>"));
  program.set("q", {5, 2}), program.set("k", {0, 1}), program.set("v", {1, 2, 5, 10});
  ASSERT_TRUE(program.run()) << program.errors;
  EXPECT_EQ(program.get("o"), (Numbers{0, 0, 1, 2}));
}

TEST(ExecAttention, windowAndChunkLimitWhatIsSeen) {
  for (const char *limit : {", window = 1 : i64", ", chunk = 1 : i64"}) {
    ExecProgram program(small(limit));
    program.set("q", {5, 2}), program.set("k", {0, 1}), program.set("v", {1, 2, 5, 10});
    ASSERT_TRUE(program.run()) << program.errors;
    EXPECT_EQ(program.get("o"), (Numbers{1, 2, 5, 10}));
  }
}

/// [batch=2, kv_head=2, group=2, seq=3, d=2] with keys of 4 positions and values of 3 dimensions; everything
/// is switched on.
struct Large {
  static constexpr const char *q = "!exec.buffer<f32[batch=2, seq=3, kv_heads=2, group=2, d=2]>";
  static constexpr const char *k = "!exec.buffer<f32[batch=2, key_seq=4, kv_heads=2, d=2]>";
  static constexpr const char *v = "!exec.buffer<f32[batch=2, key_seq=4, kv_heads=2, e=3]>";
  static constexpr const char *o = "!exec.buffer<f32[batch=2, seq=3, kv_heads=2, group=2, e=3]>";
  static constexpr const char *l = "!exec.buffer<f32[batch=2, kv_heads=2, group=2, seq=3]>";

  static std::string text() {
    std::string aliases =
        std::string("!q = ") + q + "\n!k = " + k + "\n!v = " + v + "\n!o = " + o + "\n!l = " + l;
    std::string globals, body;
    for (auto [name, type] : {std::pair("q", "q"),
                              {"k", "k"},
                              {"v", "v"},
                              {"o", "o"},
                              {"l", "l"},
                              {"do", "o"},
                              {"dq", "q"},
                              {"dk", "k"},
                              {"dv", "v"}}) {
      globals += std::string("exec.global @") + name + " \"g\" : !" + type + "\n";
      body += std::string("%") + name + " = exec.address @" + name + " : !" + type + "\n";
    }
    std::string attributes =
        R"({scale = 0.7 : f64, causal = true, window = 3 : i64, soft_cap = 2.0 : f64, dropout = 0.3 : f64, site = 4 : i32,
            query_start = #exec.rank<1>, kv_head_start = #exec.rank<2>, batch_start = #exec.rank<6>,
            groups = 2 : i64, query_size = 4 : i64, key_size = 4 : i64})";
    body += R"(
      %zero = exec.buffer : !exec.buffer<i64[]>
      exec.iota -> %zero loops start [0] : !exec.buffer<i64[]>
      %key = exec.key %zero, %zero : !exec.buffer<i64[]>, !exec.buffer<i64[]>
      exec.attention %q, %k, %v random %key -> %o, %l batch [batch=2: 24, 16, 24, 36, 12] kv_head [kv_heads=2: 4, 2, 3, 6, 6]
        group [group=2: 2, 0, 0, 3, 3] query [seq=3: 8, 0, 0, 12, 1] key [key_seq=4: 0, 4, 6, 0, 0] dim [d=2: 1, 1, 0, 0, 0]
        value_dim [e=3: 0, 0, 1, 1, 0] )" +
            attributes + R"( : !q, !k, !v, !o, !l
      exec.attention_backward %q, %k, %v, %o, %l, %do random %key -> %dq, %dk, %dv
        batch [batch=2: 24, 16, 24, 36, 12, 36, 24, 16, 24] kv_head [kv_heads=2: 4, 2, 3, 6, 6, 6, 4, 2, 3]
        group [group=2: 2, 0, 0, 3, 3, 3, 2, 0, 0] query [seq=3: 8, 0, 0, 12, 1, 12, 8, 0, 0]
        key [key_seq=4: 0, 4, 6, 0, 0, 0, 0, 4, 6] dim [d=2: 1, 1, 0, 0, 0, 0, 1, 1, 0] value_dim [e=3: 0, 0, 1, 1, 0, 1, 0, 0, 1] )" +
            attributes + R"( : !q, !k, !v, !o, !l, !o, !q, !k, !v)";
    return aliases + "\n" + ExecProgram::step(globals, body);
  }
};

Numbers randomNumbers(size_t count, uint32_t site) {
  Numbers numbers;
  for (size_t i = 0; i < count; ++i)
    numbers.push_back(2 * rt::uniform(3, {}, site, 0, i) - 1);
  return numbers;
}

/// L = sum of do * o; dL along a direction u of one input is the gradient's product with u, up to h^2 = 1e-10
/// and the rounding 1e-16 / h = 1e-11 of the quotient.
TEST(ExecAttention, gradientsAreThoseOfDifferences) {
  ExecProgram program(Large::text());
  std::map<std::string, Numbers> at = {{"q", randomNumbers(48, 0)},
                                       {"k", randomNumbers(32, 1)},
                                       {"v", randomNumbers(48, 2)},
                                       {"do", randomNumbers(72, 3)}};
  auto loss = [&] {
    for (auto &[name, values] : at)
      program.set(name, values);
    EXPECT_TRUE(program.run()) << program.errors;
    Numbers out = program.get("o");
    double sum = 0;
    for (size_t i = 0; i < out.size(); ++i)
      sum += out[i] * at["do"][i];
    return sum;
  };
  loss();
  std::map<std::string, Numbers> gradients = {
      {"q", program.get("dq")}, {"k", program.get("dk")}, {"v", program.get("dv")}};
  const double h = 1e-5;
  for (auto &[name, gradient] : gradients) {
    Numbers direction = randomNumbers(gradient.size(), 9), start = at[name];
    double along = 0, size = 0;
    for (size_t i = 0; i < gradient.size(); ++i)
      along += gradient[i] * direction[i], size += std::fabs(gradient[i] * direction[i]);
    auto moved = [&](double by) {
      for (size_t i = 0; i < start.size(); ++i)
        at[name][i] = start[i] + by * direction[i];
      return loss();
    };
    double difference = (moved(h) - moved(-h)) / (2 * h);
    at[name] = start;
    EXPECT_GT(size, 0.1) << name;
    EXPECT_NEAR(along, difference, 1e-8 * size) << name;
  }
}

} // namespace
