//===- AttentionDropoutTest.cpp - masks are functions of global indices ---===//
//
// With q = 0 every visible key has the same probability, and with v the identity out[query, key] shows each
// key's dropout factor alone.
//
//===----------------------------------------------------------------------===//
#include "AttentionReference.h"

#include <gtest/gtest.h>
#include <omp.h>

using namespace attention_test;

namespace {

constexpr int64_t kBatch = 4, kSeq = 40, kKvHeads = 4, kGroup = 2;
constexpr float kProbability = 0.25f;
const AttentionRandom kRandom{1234, {7, 5000, 99}, 3};

/// What part of the whole [kBatch, kSeq, kKvHeads, kGroup] a rank holds.
struct Shard {
  int64_t batch0 = 0, batch = kBatch, query0 = 0, queries = kSeq, key0 = 0, keys = kSeq, head0 = 0,
          heads = kKvHeads, group0 = 0, group = kGroup;
};

/// The mask [batch, queries, heads, group, keys] as the forward kernel applies it: 1 where kept.
std::vector<int> maskOf(const Shard &shard) {
  int64_t rows = shard.batch * shard.queries * shard.heads * shard.group;
  Strided q({shard.batch, shard.queries, shard.heads, shard.group, 1}, kBatchFirst);
  Strided k({shard.batch, shard.keys, shard.heads, 1, 1}, kBatchFirst);
  Strided v({shard.batch, shard.keys, shard.heads, 1, shard.keys}, kBatchFirst);
  Strided out({shard.batch, shard.queries, shard.heads, shard.group, shard.keys}, kBatchFirst);
  Strided lse = q;
  q.set(Tensor(rows, 0));
  k.set(Tensor(shard.batch * shard.keys * shard.heads, 0));
  Tensor identity(v.data.size());
  v.forEach([&](int64_t dense, int64_t) {
    identity[dense] = dense / (shard.keys * shard.heads) % shard.keys == dense % shard.keys;
  });
  v.set(identity);
  AttentionShape s{shard.batch, shard.queries, shard.keys, shard.heads, shard.group, 1,
                   shard.keys,  q.at,          k.at,       v.at,        out.at,      lse.at,
                   1.0f,        false,         0,          0,           kProbability};
  AttentionPlace place{shard.batch0, shard.head0, shard.group0, shard.query0, shard.key0, kGroup, kSeq, kSeq};
  std::vector<float> scratch(attentionScratchBytes(s, omp_get_max_threads()) / sizeof(float));
  attentionForward(s, place, kRandom, q.data.data(), k.data.data(), v.data.data(), out.data.data(),
                   lse.data.data(), scratch.data());
  std::vector<int> mask;
  for (double value : out.get()) {
    // 1 / (keys (1 - p)) with three roundings, or nothing
    EXPECT_TRUE(value == 0 || std::abs(value * double(shard.keys) * (1 - kProbability) - 1) < 4 * 0x1p-24);
    mask.push_back(value != 0);
  }
  return mask;
}

TEST(AttentionDropout, KeepsTheRightShare) {
  std::vector<int> mask = maskOf({});
  double kept = std::accumulate(mask.begin(), mask.end(), 0.0), n = double(mask.size());
  // Binomial: five deviations of sqrt(n p (1 - p)).
  EXPECT_NEAR(kept, n * (1 - kProbability), 5 * std::sqrt(n * kProbability * (1 - kProbability)));
}

TEST(AttentionDropout, IsTheDocumentedFunction) {
  std::vector<int> mask = maskOf({});
  size_t at = 0;
  for (int64_t b = 0; b < kBatch; ++b)
    for (int64_t i = 0; i < kSeq; ++i)
      for (int64_t head = 0; head < kKvHeads * kGroup; ++head)
        for (int64_t j = 0; j < kSeq; ++j) {
          float drawn = uniform(1234, {7, 0, 99}, 3, 5000 + b, (head * kSeq + i) * kSeq + j);
          ASSERT_EQ(mask[at++], drawn >= kProbability);
        }
}

TEST(AttentionDropout, AShardsMaskIsASliceOfTheWhole) {
  std::vector<int> whole = maskOf({});
  for (Shard shard :
       {Shard{.batch0 = 1, .batch = 2}, Shard{.query0 = 23, .queries = 17}, Shard{.key0 = 16, .keys = 24},
        Shard{.head0 = 2, .heads = 2}, Shard{.group0 = 1, .group = 1},
        Shard{.batch0 = 3,
              .batch = 1,
              .query0 = 8,
              .queries = 9,
              .key0 = 5,
              .keys = 11,
              .head0 = 1,
              .heads = 1,
              .group0 = 1,
              .group = 1}}) {
    std::vector<int> part = maskOf(shard);
    size_t at = 0;
    for (int64_t b = 0; b < shard.batch; ++b)
      for (int64_t i = 0; i < shard.queries; ++i)
        for (int64_t h = 0; h < shard.heads; ++h)
          for (int64_t g = 0; g < shard.group; ++g)
            for (int64_t j = 0; j < shard.keys; ++j) {
              int64_t row = ((shard.batch0 + b) * kSeq + shard.query0 + i) * kKvHeads + shard.head0 + h;
              ASSERT_EQ(part[at++], whole[(row * kGroup + shard.group0 + g) * kSeq + shard.key0 + j]);
            }
  }
}

} // namespace
