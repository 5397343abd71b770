//===- StatusPage.cpp - where each rank is, readable from outside ----------===//
#include "runtime/observe/StatusPage.h"
#include <algorithm>
#include <cerrno>
#include <cstdlib>
#include <cstring>
#include <fcntl.h>
#include <filesystem>
#include <fstream>
#include <map>
#include <new>
#include <stdexcept>
#include <sys/mman.h>
#include <unistd.h>

namespace rt {
namespace {

constexpr char magic[8] = {'s', 'h', 'a', 'r', 'd', 'c', '0', '1'};

std::string pagePath(const std::string &runDir, int rank) {
  return runDir + "/rank-" + std::to_string(rank) + ".status";
}

std::map<std::int32_t, OperationRow> readOperations(const std::string &runDir) {
  std::map<std::int32_t, OperationRow> rows;
  std::ifstream file(runDir + "/operations.tsv");
  std::string id, name, place;
  while (std::getline(file, id, '\t') && std::getline(file, name, '\t') && std::getline(file, place)) {
    const auto number = static_cast<std::int32_t>(std::strtol(id.c_str(), nullptr, 10));
    rows[number] = {number, name, place};
  }
  return rows;
}

void nameOperation(RankStatus &status, const std::map<std::int32_t, OperationRow> &rows) {
  switch (status.operation) {
  case opStarting:
    status.operationName = "start";
    return;
  case opReadingData:
    status.operationName = "reading data";
    return;
  case opReadingWeights:
    status.operationName = "reading weights";
    return;
  case opWritingFiles:
    status.operationName = "writing files";
    return;
  }
  auto row = rows.find(status.operation);
  if (row == rows.end()) {
    status.operationName = "operation " + std::to_string(status.operation);
    return;
  }
  status.operationName = row->second.name;
  status.operationPlace = row->second.place;
}

} // namespace

StatusPage *createStatusPage(const std::string &runDir, int rank, int world) {
  const std::string path = pagePath(runDir, rank);
  int file = open(path.c_str(), O_RDWR | O_CREAT | O_TRUNC | O_CLOEXEC, 0644);
  if (file < 0 || ftruncate(file, sizeof(StatusPage)) != 0) {
    const int reason = errno;
    if (file >= 0)
      close(file);
    throw std::runtime_error(path + ": cannot be written: " + std::strerror(reason));
  }
  void *memory = mmap(nullptr, sizeof(StatusPage), PROT_READ | PROT_WRITE, MAP_SHARED, file, 0);
  close(file);
  if (memory == MAP_FAILED)
    throw std::runtime_error(path + ": cannot be mapped: " + std::strerror(errno));
  auto *page = new (memory) StatusPage{};
  page->rank = rank;
  page->world = world;
  page->pid = getpid();
  page->operation = opStarting;
  std::atomic_thread_fence(std::memory_order_release);
  std::memcpy(page->magic, magic, sizeof magic);
  return page;
}

void writeOperations(const std::string &runDir, const std::vector<OperationRow> &rows, int rank) {
  const std::string path = runDir + "/operations.tsv", partial = path + ".partial-" + std::to_string(rank);
  std::ofstream file(partial, std::ios::trunc);
  for (const OperationRow &row : rows)
    file << row.id << '\t' << row.name << '\t' << row.place << '\n';
  file.close();
  if (!file || std::rename(partial.c_str(), path.c_str()) != 0)
    throw std::runtime_error(path + ": cannot be written: " + std::strerror(errno));
}

std::vector<RankStatus> readStatus(const std::string &runDir) {
  std::vector<RankStatus> result;
  const auto rows = readOperations(runDir);
  std::error_code ignored;
  for (const auto &entry : std::filesystem::directory_iterator(runDir, ignored)) {
    if (entry.path().extension() != ".status")
      continue;
    alignas(StatusPage) char bytes[sizeof(StatusPage)];
    std::ifstream file(entry.path(), std::ios::binary);
    if (!file.read(bytes, sizeof bytes) || std::memcmp(bytes, magic, sizeof magic) != 0)
      continue;
    const auto &page = *reinterpret_cast<const StatusPage *>(bytes);
    RankStatus status{page.rank,  page.world, page.pid,
                      page.state, page.step,  __atomic_load_n(&page.operation, __ATOMIC_RELAXED),
                      {},         {},         {}};
    status.message.assign(page.message, strnlen(page.message, sizeof page.message));
    nameOperation(status, rows);
    result.push_back(std::move(status));
  }
  std::sort(result.begin(), result.end(), [](auto &a, auto &b) { return a.rank < b.rank; });
  return result;
}

std::string describe(const RankStatus &status) {
  std::string text = "in step " + std::to_string(status.step + 1) + " at " + status.operationName;
  if (!status.operationPlace.empty())
    text += " (" + status.operationPlace + ")";
  return text;
}

} // namespace rt
