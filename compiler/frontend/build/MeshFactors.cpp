//===- MeshFactors.cpp - cut, dealt out, named ----------------------------===//
#include "compiler/frontend/build/MeshFactors.h"

#include <algorithm>
#include <cassert>
#include <numeric>
#include <set>

namespace shardc::frontend::build {

bool ProductRule::isDividedBy(const std::map<std::string, int64_t> &degrees) const {
  int64_t size = 1, ranks = 1;
  for (const Part &part : parts)
    size *= part.size;
  for (const std::string &meshAxis : meshAxes)
    ranks *= degrees.at(meshAxis);
  return size % ranks == 0;
}

MeshFactors::MeshFactors(const std::map<std::string, int64_t> &mesh) {
  for (const auto &[name, size] : mesh) {
    factors[name] = {{name, size}};
    owners[name] = name;
  }
}

void MeshFactors::fit(const std::vector<ProductRule> &products) {
  // Two products may cut one mesh axis in different places: until both can take what there is.
  while (std::any_of(products.begin(), products.end(), [&](const auto &product) { return cutFor(product); }))
    ;
  name(products);
}

/// Cuts the first factor that a part can take only in part. A part takes all it can of a factor, so that the
/// rest has no divisor in common with what is left of the part; hence the parts after it take the rest.
bool MeshFactors::cutFor(const ProductRule &product) {
  std::vector<int64_t> left;
  for (const ProductRule::Part &part : product.parts)
    left.push_back(part.size);
  for (const std::string &meshAxis : product.meshAxes) {
    std::vector<MeshFactor> &list = factors.at(meshAxis);
    for (size_t i = 0; i < list.size(); ++i)
      for (int64_t &part : left) {
        const int64_t taken = std::gcd(part, list[i].size), rest = list[i].size / taken;
        if (taken == 1 && rest > 1)
          continue;
        part /= taken;
        if (rest == 1)
          break;
        list[i].size = taken;
        list.insert(list.begin() + static_cast<ptrdiff_t>(i) + 1, {meshAxis, rest});
        return true;
      }
  }
  return false;
}

std::vector<std::pair<size_t, MeshFactor>> MeshFactors::deal(const ProductRule &product) const {
  std::vector<int64_t> left;
  for (const ProductRule::Part &part : product.parts)
    left.push_back(part.size);
  std::vector<std::pair<size_t, MeshFactor>> dealt;
  for (const std::string &meshAxis : product.meshAxes)
    for (const MeshFactor &factor : of(meshAxis)) {
      auto part =
          std::find_if(left.begin(), left.end(), [&](int64_t size) { return size % factor.size == 0; });
      assert(part != left.end() && "fit cuts what no part can take");
      *part /= factor.size;
      dealt.push_back({static_cast<size_t>(part - left.begin()), factor});
    }
  return dealt;
}

/// `tp.k` for what kv_heads takes; a number follows where that is a name already. Generated code writes '_'
/// for '.', so names must differ there too.
void MeshFactors::name(const std::vector<ProductRule> &products) {
  std::set<std::string> taken;
  for (const auto &[meshAxis, list] : factors)
    taken.insert(meshAxis);
  for (const ProductRule &product : products) {
    std::map<std::string, std::vector<MeshFactor>> named;
    for (auto &[part, factor] : deal(product)) {
      if (!factors.contains(factor.name) || !isCut(factor.name))
        continue; // whole, or named already
      const std::string letter = product.parts[part].axis.substr(0, 1), &meshAxis = factor.name;
      std::string ending = letter;
      for (int n = 2; !taken.insert(meshAxis + "_" + ending).second; ++n)
        ending = letter + std::to_string(n);
      named[meshAxis].push_back({meshAxis + "." + ending, factor.size});
    }
    for (auto &[meshAxis, list] : named) {
      for (const MeshFactor &factor : list)
        owners[factor.name] = meshAxis;
      factors[meshAxis] = std::move(list);
    }
  }
}

} // namespace shardc::frontend::build
