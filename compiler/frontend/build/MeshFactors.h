//===- MeshFactors.h - mesh axes that the parts of a product share --------===//
//
// A product's mesh axes go to its parts, the first part first. Where a part can
// take a mesh axis only in part, the mesh axis itself is cut into factors:
//
//   heads: tp   kv_heads 2 x group 3, tp 6:   tp = tp.k (2) x tp.g (3)
//                                             kv_heads: tp.k   group: tp.g
//
// Rank r of tp is rank r / 3 of tp.k and r % 3 of tp.g: neighbours stay neighbours.
//
//===----------------------------------------------------------------------===//
#pragma once
#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <vector>

namespace shardc::frontend::build {

struct MeshFactor {
  std::string name;
  int64_t size = 1;
};

/// Parts of a product with their sizes, and the mesh axes that a rule gives it, both in order.
struct ProductRule {
  struct Part {
    std::string axis;
    int64_t size;
  };
  std::vector<Part> parts;
  std::vector<std::string> meshAxes;

  bool isDividedBy(const std::map<std::string, int64_t> &degrees) const;
};

class MeshFactors {
public:
  explicit MeshFactors(const std::map<std::string, int64_t> &mesh);

  /// Cuts mesh axes until the parts of each product can take factors whole, and names the factors after the
  /// parts. Each product must be divided by its mesh axes.
  void fit(const std::vector<ProductRule> &products);

  /// Which part takes each factor of the product's mesh axes, in their order; parts by number.
  std::vector<std::pair<size_t, MeshFactor>> deal(const ProductRule &product) const;

  /// The factors of a mesh axis, major first: the mesh axis itself where it is not cut.
  const std::vector<MeshFactor> &of(const std::string &meshAxis) const { return factors.at(meshAxis); }
  bool isCut(const std::string &meshAxis) const { return of(meshAxis).size() > 1; }
  /// The mesh axis that a factor is of.
  const std::string &meshAxisOf(const std::string &factor) const { return owners.at(factor); }

private:
  bool cutFor(const ProductRule &product);
  void name(const std::vector<ProductRule> &products);

  std::map<std::string, std::vector<MeshFactor>> factors;
  std::map<std::string, std::string> owners;
};

} // namespace shardc::frontend::build
