//===- Cache.cpp - what is built once for each content --------------------===//

#include "compiler/driver/Cache.h"

#include "fmt/format.h"
#include "llvm/ADT/StringExtras.h"
#include "llvm/Support/SHA256.h"
#include <algorithm>
#include <fcntl.h>
#include <fstream>
#include <sys/file.h>
#include <unistd.h>
#include <vector>

namespace fs = std::filesystem;
using namespace shardc;

namespace {
/// Held until the end of its scope, or of the process.
class FileLock {
public:
  explicit FileLock(const fs::path &path) : fd(open(path.c_str(), O_RDWR | O_CREAT | O_CLOEXEC, 0644)) {
    if (fd >= 0)
      flock(fd, LOCK_EX);
  }
  ~FileLock() {
    if (fd >= 0)
      close(fd);
  }
  FileLock(const FileLock &) = delete;

private:
  int fd;
};
} // namespace

std::string shardc::readFile(const fs::path &path) {
  std::ifstream file(path, std::ios::binary);
  return {std::istreambuf_iterator<char>(file), {}};
}

fs::path shardc::cacheRoot() {
  if (const char *cache = std::getenv("XDG_CACHE_HOME"))
    return fs::path(cache) / "shardc";
  const char *home = std::getenv("HOME");
  return (home ? fs::path(home) / ".cache" : fs::temp_directory_path()) / "shardc";
}

std::string shardc::contentHash(const fs::path &folder, const std::string &compiler) {
  std::vector<fs::path> files;
  for (const fs::directory_entry &entry : fs::recursive_directory_iterator(folder))
    if (entry.is_regular_file())
      files.push_back(fs::relative(entry.path(), folder));
  std::ranges::sort(files);
  llvm::SHA256 hash;
  hash.update(compiler);
  for (const fs::path &file : files) {
    std::string text = readFile(folder / file);
    hash.update(fmt::format("{} {}\n", file.string(), text.size()));
    hash.update(text);
  }
  return llvm::toHex(hash.final(), /*LowerCase=*/true).substr(0, 16);
}

bool shardc::buildOnce(const fs::path &folder, llvm::function_ref<bool()> build) {
  const fs::path complete = folder / "complete";
  if (fs::exists(complete))
    return true;
  fs::create_directories(folder.parent_path());
  FileLock lock(fs::path(folder) += ".lock");
  if (fs::exists(complete)) // while this process waited
    return true;
  fs::remove_all(folder);
  if (!build())
    return false;
  std::ofstream(complete) << "";
  return true;
}
