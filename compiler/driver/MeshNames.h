//===- MeshNames.h - mesh axes as the plan's author names them ------------===//
#pragma once

#include "dialects/dist/Dist.h"

#include <map>
#include <string>
#include <vector>

namespace shardc {

/// `tp` for all of its factors `tp.k` and `tp.g` together; a factor that stands alone keeps its name.
class MeshNames {
public:
  explicit MeshNames(dist::PlanAttr plan);

  std::vector<std::string> operator()(llvm::ArrayRef<mlir::StringAttr> names) const;
  std::vector<std::string> operator()(llvm::ArrayRef<std::string> names) const;

  /// `tp = tp.k (2) x tp.g (3)`, one for each mesh axis that is cut.
  std::vector<std::string> cuts() const;

private:
  std::map<std::string, std::vector<std::pair<std::string, int64_t>>> factors;
};

} // namespace shardc
