//===- CollectivesWorker.cpp - one rank of CollectivesTest -----------------===//
//
// usage: CollectivesWorker MESH [slow]       (MESH: "2x4"; slow: ranks dawdle after each meeting)
//
// Runs every collective over every group of the mesh on many shapes. Inputs are a function of rank and index,
// so that each rank knows what the others hold and can compute its expected result the plain way. As soon as
// a collective returns, its source is overwritten: a peer that still reads it gets rubbish. Rank 0 prints a
// hash of all results.
//
//===----------------------------------------------------------------------===//
#include "runtime/comm/Collectives.h"
#include "runtime/comm/Sync.h"
#include "runtime/comm/World.h"
#include <cstdio>
#include <cstring>
#include <deque>
#include <random>
#include <string>
#include <unistd.h>
#include <vector>

using namespace rt;

namespace {

constexpr std::int64_t capacity = 1 << 20; // elements of a source or a result

World *world;
float *in, *out;
std::uint64_t hash = 14695981039346656037u;
int cases = 0;

/// What rank r holds at i: many different exponents, so that the order of a sum shows.
float held(int rank, std::int64_t i) {
  std::uint32_t x =
      static_cast<std::uint32_t>(i) * 2654435761u ^ static_cast<std::uint32_t>(rank + 1) * 40503u;
  x ^= x >> 15;
  x *= 2246822519u;
  x ^= x >> 13;
  const float magnitude = static_cast<float>(1 << (x & 15));
  return (static_cast<float>(x >> 8) / (1 << 24) - 0.5f) * magnitude;
}

void fill(std::int64_t n) {
  for (std::int64_t i = 0; i < n; ++i)
    in[i] = held(world->rank(), i);
}

void spoil(float *x, std::int64_t n) {
  std::memset(x, 0xFF, n * sizeof(float));
}

void judge(const char *what, const Group &group, const float *got, const std::vector<float> &expected) {
  ++cases;
  for (std::size_t i = 0; i < expected.size(); ++i) {
    if (std::memcmp(&got[i], &expected[i], sizeof(float)) != 0) {
      std::printf("rank %d: %s, group of %d, case %d: element %zu is %.9g, expected %.9g\n", world->rank(),
                  what, group.size, cases, i, got[i], expected[i]);
      std::fflush(stdout);
      world->report("a collective is wrong");
      world->leave(1);
    }
  }
  for (std::size_t i = 0; i < expected.size(); ++i) {
    std::uint32_t bits;
    std::memcpy(&bits, &got[i], sizeof bits);
    hash = (hash ^ bits) * 1099511628211u;
  }
}

float folded(const std::vector<int> &ranks, std::int64_t i, Fold fold) {
  float total = held(ranks[0], i);
  for (std::size_t q = 1; q < ranks.size(); ++q) {
    const float x = held(ranks[q], i);
    total = fold == Fold::sum ? total + x : (x > total ? x : total);
  }
  return total;
}

void testAllReduce(Group &group, const std::vector<int> &ranks, std::int64_t n, Fold fold, bool inPlace) {
  std::vector<float> expected(n);
  for (std::int64_t i = 0; i < n; ++i)
    expected[i] = folded(ranks, i, fold);
  fill(n);
  if (inPlace)
    allReduce(group, in, n, fold);
  else
    allReduce(group, in, out, n, fold);
  const std::vector<float> got(inPlace ? in : out, (inPlace ? in : out) + n);
  spoil(in, n);
  spoil(out, n);
  judge(inPlace ? "allReduce in place" : "allReduce", group, got.data(), expected);
}

/// A plain walk over a tile: visit(source element, result element).
template <class Visit> void eachElement(const Tile &t, const Visit &visit) {
  for (std::int64_t a = 0; a < t.size[0]; ++a)
    for (std::int64_t b = 0; b < t.size[1]; ++b)
      for (std::int64_t c = 0; c < t.size[2]; ++c)
        for (std::int64_t d = 0; d < t.size[3]; ++d)
          for (std::int64_t e = 0; e < t.size[4]; ++e)
            visit(a * t.from[0] + b * t.from[1] + c * t.from[2] + d * t.from[3] + e * t.from[4],
                  a * t.to[0] + b * t.to[1] + c * t.to[2] + d * t.to[3] + e * t.to[4]);
}

void testChunks(Group &group, const std::vector<int> &ranks, Chunks c) {
  const std::int64_t part = c.outer * c.chunk, whole = part * group.size;
  std::vector<float> expected(whole);
  for (std::int64_t o = 0; o < c.outer; ++o)
    for (int q = 0; q < group.size; ++q)
      for (std::int64_t i = 0; i < c.chunk; ++i)
        expected[(o * group.size + q) * c.chunk + i] = held(ranks[q], o * c.chunk + i);
  fill(part);
  allGather(group, in, out, c);
  spoil(in, part);
  judge("allGather", group, out, expected);

  expected.resize(part);
  for (std::int64_t o = 0; o < c.outer; ++o)
    for (std::int64_t i = 0; i < c.chunk; ++i)
      expected[o * c.chunk + i] = folded(ranks, (o * group.size + group.index) * c.chunk + i, Fold::sum);
  fill(whole);
  reduceScatter(group, in, out, c);
  spoil(in, whole);
  judge("reduceScatter", group, out, expected);

  // The same bytes as integers.
  expected.resize(whole);
  for (std::int64_t o = 0; o < c.outer; ++o)
    for (int q = 0; q < group.size; ++q)
      for (std::int64_t i = 0; i < c.chunk; ++i)
        expected[(o * group.size + q) * c.chunk + i] = held(ranks[q], o * c.chunk + i);
  fill(part);
  allGather(group, reinterpret_cast<std::int32_t *>(in), reinterpret_cast<std::int32_t *>(out), c);
  spoil(in, part);
  judge("allGather i32", group, out, expected);
}

/// Strides of axes stored in the given order (outermost first); returns the number of elements.
std::int64_t strides(const int *order, const std::int64_t *sizes, std::int64_t *result) {
  std::int64_t n = 1;
  for (int i = 4; i >= 0; --i) {
    result[order[i]] = n;
    n *= sizes[order[i]];
  }
  return n;
}

/// Five axes in any storage order on both sides; axis `cut` is placed in the source and whole in the result
/// (gather), or the other way round (scatter), or two axes change places (all-to-all).
void testTile(Group &group, const std::vector<int> &ranks, std::mt19937 &random) {
  std::int64_t size[5], source[5], result[5];
  int sourceOrder[5] = {0, 1, 2, 3, 4}, resultOrder[5] = {0, 1, 2, 3, 4};
  for (std::int64_t &s : size)
    s = 1 + random() % 6;
  std::shuffle(sourceOrder, sourceOrder + 5, random);
  std::shuffle(resultOrder, resultOrder + 5, random);
  const int gathered = random() % 5, scattered = (gathered + 1 + random() % 4) % 5;
  for (int kind = 0; kind < 3; ++kind) { // gather, scatter with a fold, all-to-all
    std::copy(size, size + 5, source);
    std::copy(size, size + 5, result);
    if (kind != 1)
      result[gathered] *= group.size;
    if (kind != 0)
      source[scattered] *= group.size;
    Tile tile;
    std::copy(size, size + 5, tile.size);
    const std::int64_t sourceCount = strides(sourceOrder, source, tile.from);
    const std::int64_t resultCount = strides(resultOrder, result, tile.to);
    if (kind != 1)
      tile.toStep = size[gathered] * tile.to[gathered];
    if (kind != 0)
      tile.fromStep = size[scattered] * tile.from[scattered];
    std::vector<float> expected(resultCount);
    const std::int64_t mine = group.index * tile.fromStep;
    if (kind == 1)
      eachElement(tile, [&](auto from, auto to) { expected[to] = folded(ranks, mine + from, Fold::max); });
    else
      for (int q = 0; q < group.size; ++q)
        eachElement(
            tile, [&](auto from, auto to) { expected[q * tile.toStep + to] = held(ranks[q], mine + from); });
    fill(sourceCount);
    if (kind == 0)
      allGather(group, in, out, tile);
    else if (kind == 1)
      reduceScatter(group, in, out, tile, Fold::max);
    else
      allToAll(group, in, out, tile);
    spoil(in, sourceCount);
    judge(kind == 0   ? "allGather of tiles"
          : kind == 1 ? "reduceScatter of tiles"
                      : "allToAll",
          group, out, expected);
    if (kind == 2) {
      fill(sourceCount);
      expected.assign(1, 0);
      std::vector<float> slice(resultCount), want(resultCount);
      eachElement(tile, [&](auto from, auto to) { want[to] = in[mine + from]; });
      shardSlice(group, in, slice.data(), tile);
      judge("shardSlice", group, slice.data(), want);
    }
  }
}

/// Parts of a bucket, one behind the other in `in` and in `out`, with a gap between: chunks, and a tile that
/// turns two axes around.
struct Layout {
  std::int64_t in, out, rows, columns;
  bool isTile;
};

std::vector<Layout> layoutsOf(std::initializer_list<std::int64_t> sizes, std::int64_t inTimes,
                              std::int64_t outTimes) {
  std::vector<Layout> layouts;
  std::int64_t in = 0, out = 0;
  for (std::int64_t n : sizes) {
    const bool isTile = layouts.size() % 2 == 1;
    layouts.push_back({in, out, isTile ? n : 1, isTile ? 3 : n, isTile});
    in += layouts.back().rows * layouts.back().columns * inTimes + 5;
    out += layouts.back().rows * layouts.back().columns * outTimes + 5;
  }
  return layouts;
}

/// Four parts with one collective; each must be what it would be alone, and nothing between them be touched.
void testBucket(Group &group, const std::vector<int> &ranks, std::initializer_list<std::int64_t> sizes) {
  const auto members = static_cast<std::int64_t>(ranks.size());
  for (int kind = 0; kind < 4; ++kind) { // gather, scatter, all-to-all, all-reduce
    const bool cutIn = kind == 1 || kind == 2, cutOut = kind == 0 || kind == 2;
    const std::vector<Layout> layouts = layoutsOf(sizes, cutIn ? members : 1, cutOut ? members : 1);
    std::vector<Tile> tiles(layouts.size());
    std::vector<Part> parts;
    std::vector<float> expected;
    for (std::size_t i = 0; i < layouts.size(); ++i) {
      const Layout &l = layouts[i];
      const std::int64_t n = l.rows * l.columns;
      tiles[i] = {.size = {1, 1, 1, l.rows, l.columns},
                  .from = {0, 0, 0, l.columns, 1},
                  .to = {0, 0, 0, 1, l.rows},
                  .fromStep = cutIn ? n : 0,
                  .toStep = cutOut ? n : 0};
      const bool isTile = kind == 2 || (kind < 2 && l.isTile);
      parts.push_back({in + l.in, out + l.out, {.chunk = n}, isTile ? &tiles[i] : nullptr});
      expected.resize(l.out + n * (cutOut ? members : 1) + 5, 7);
      for (std::int64_t q = 0; q < (cutOut ? members : 1); ++q)
        for (std::int64_t row = 0; row < l.rows; ++row)
          for (std::int64_t column = 0; column < l.columns; ++column) {
            const std::int64_t from = l.in + row * l.columns + column + (cutIn ? group.index * n : 0);
            const std::int64_t to = isTile ? column * l.rows + row : row * l.columns + column;
            expected[l.out + q * n + to] =
                cutOut ? held(ranks[q], from) : folded(ranks, from, kind == 1 ? Fold::max : Fold::sum);
          }
    }
    const Layout &last = layouts.back();
    const std::int64_t all = last.in + last.rows * last.columns * (cutIn ? members : 1) + 5;
    fill(all);
    std::fill(out, out + expected.size(), 7.0F);
    const Bucket bucket{parts[0], parts[1], parts[2], parts[3]};
    if (kind == 0)
      allGather(group, bucket);
    else if (kind == 1)
      reduceScatter(group, bucket, Fold::max);
    else if (kind == 2)
      allToAll(group, bucket);
    else
      allReduce(group, bucket);
    spoil(in, all);
    judge("bucket", group, out, expected);
  }
}

void testBroadcast(Group &group, const std::vector<int> &ranks, std::int64_t n, int root) {
  std::vector<float> expected(n);
  for (std::int64_t i = 0; i < n; ++i)
    expected[i] = held(ranks[root], i);
  fill(n);
  broadcast(group, in, n, root);
  const std::vector<float> got(in, in + n);
  spoil(in, n);
  judge("broadcast", group, got.data(), expected);
}

void dawdle() {
  static std::minstd_rand random(getpid());
  if (random() % 3 == 0)
    usleep(random() % 400);
}

/// All non-empty lists of distinct mesh axes, in every order.
void listGroups(int axes, MeshAxes chosen, std::vector<GroupSpec> &specs) {
  if (chosen.size() > 0)
    specs.push_back({"group", chosen});
  for (int axis = 0; axis < axes; ++axis) {
    if (std::find(chosen.begin(), chosen.end(), axis) != chosen.end())
      continue;
    MeshAxes longer = chosen;
    longer.items[longer.count++] = static_cast<std::int8_t>(axis);
    listGroups(axes, longer, specs);
  }
}

/// The members of this rank's group, counted the plain way: over all ranks, sorted by their place on the
/// axes.
std::vector<int> plainMembers(const std::vector<MeshAxis> &mesh, const MeshAxes &axes, int rank) {
  auto coordinate = [&](int r, int axis) {
    for (int a = static_cast<int>(mesh.size()) - 1; a > axis; --a)
      r /= mesh[a].size;
    return r % mesh[axis].size;
  };
  std::vector<std::pair<std::vector<int>, int>> members;
  for (int r = 0; r < world->size(); ++r) {
    bool same = true;
    for (int a = 0; a < static_cast<int>(mesh.size()); ++a)
      if (std::find(axes.begin(), axes.end(), a) == axes.end())
        same &= coordinate(r, a) == coordinate(rank, a);
    if (!same)
      continue;
    std::vector<int> key;
    for (int a : axes)
      key.push_back(coordinate(r, a));
    members.push_back({key, r});
  }
  std::sort(members.begin(), members.end());
  std::vector<int> ranks;
  for (auto &[key, r] : members)
    ranks.push_back(r);
  return ranks;
}

} // namespace

int main(int argc, char **argv) {
  World theWorld(argc, argv);
  world = &theWorld;
  std::vector<MeshAxis> mesh;
  for (const char *p = argv[1]; *p; p += *p == 'x')
    mesh.push_back({"axis", static_cast<int>(std::strtol(p, const_cast<char **>(&p), 10))});
  std::vector<GroupSpec> specs;
  listGroups(static_cast<int>(mesh.size()), {}, specs);
  try {
    Context &context = world->build({mesh, specs, 2 * capacity * static_cast<std::int64_t>(sizeof(float))});
    in = context.at<float>(0);
    out = in + capacity;
    if (argc > 2)
      afterMeeting = dawdle;
    std::mt19937 random(7);
    for (std::size_t g = 0; g < specs.size(); ++g) {
      Group &group = context.group(static_cast<int>(g));
      const auto ranks = plainMembers(mesh, specs[g].axes, world->rank());
      const bool all = g < 2; // the other groups see one of each kind
      const auto lengths = all ? std::vector<std::int64_t>{1, 3, 100, 2048, 2049, 5000, 100003}
                               : std::vector<std::int64_t>{3, 2049, 20003};
      for (std::int64_t n : lengths)
        for (bool inPlace : {false, true})
          testAllReduce(group, ranks, n, n % 2 ? Fold::sum : Fold::max, inPlace);
      const auto chunks = all ? std::vector<std::int64_t>{1, 5, 64, 1000} : std::vector<std::int64_t>{5, 64};
      for (std::int64_t outer : {1, 7})
        for (std::int64_t chunk : chunks)
          testChunks(group, ranks, {outer, chunk});
      if (all) // long enough for all threads
        testChunks(group, ranks, {.outer = 1, .chunk = capacity / 8});
      testBucket(group, ranks, {1, 7, 64, 20});
      if (all)
        testBucket(group, ranks, {1000, 33, 5000, 7});
      for (int i = 0; i < (all ? 12 : 4); ++i)
        testTile(group, ranks, random);
      for (int root = 0; root < group.size; ++root)
        testBroadcast(group, ranks, 777, root);
    }
  } catch (const std::exception &error) {
    std::printf("rank %d: %s\n", world->rank(), error.what());
    world->leave(1);
  } catch (...) {
    world->leave(1);
  }
  for (int rank = 0; rank < world->size(); ++rank) {
    if (rank == world->rank())
      std::printf("rank %d: %d cases, hash %016lx\n", rank, cases, hash);
    std::fflush(stdout);
    world->agree(0);
  }
  world->leave(0);
}
